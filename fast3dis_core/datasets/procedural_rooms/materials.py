"""Looks of surfaces: colors, a pattern in object coordinates, shine and glow, drawn per object.

A material is a row of numbers that `shading` evaluates on pixels. Colors are linear RGB albedo. Patterns
repeat with a period in meters in the coordinates of the solid, so identical twins carry identical looks.
"""

import colorsys
from dataclasses import dataclass, replace

import numpy as np

PLAIN, CHECKER, STRIPE, NOISE, GRADIENT, WOOD, TILE = range(7)

# columns of the table of materials
COLOR, SECOND = slice(0, 3), slice(3, 6)
PATTERN, PERIOD, SPECULAR, GLOSS, EMISSION, MOTTLE, BEVEL, PHASE_U, PHASE_V = range(6, 15)
MATERIAL_WIDTH = 15

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """One look.

    Attributes
    ----------
    color, second : tuple of 3 float
        Linear RGB in [0, 1]; a pattern runs between the two.
    pattern : int
        `PLAIN`, `CHECKER`, `STRIPE`, `NOISE`, `GRADIENT`, `WOOD` or `TILE`.
    period : float
        Meters.
    specular : float
        Strength of the highlight, 0 to about 0.5.
    gloss : float
        0 is a wide highlight, 1 a narrow one.
    emission : float
        Share of the color that glows by itself.
    mottle : float
        Strength of fine irregularities on top of any pattern.
    bevel : float
        Meters over which the shading of box edges is rounded.
    phase : tuple of 2 float
        Shift of the pattern, periods.
    """

    color: Color
    second: Color = (0.0, 0.0, 0.0)
    pattern: int = PLAIN
    period: float = 0.1
    specular: float = 0.05
    gloss: float = 0.5
    emission: float = 0.0
    mottle: float = 0.06
    bevel: float = 0.005
    phase: tuple[float, float] = (0.37, 0.61)

    def row(self) -> list[float]:
        """The numbers as `shading` reads them: a list of `MATERIAL_WIDTH` floats."""
        return [
            *self.color,
            *self.second,
            float(self.pattern),
            self.period,
            self.specular,
            self.gloss,
            self.emission,
            self.mottle,
            self.bevel,
            *self.phase,
        ]


def linear(hue: float, saturation: float, value: float) -> Color:
    """Linear RGB of a color given as it is seen on a screen (HSV)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(saturation, 1.0), min(value, 1.0))
    return (red**2.2, green**2.2, blue**2.2)


def mixed(first: Color, second: Color, share: float) -> Color:
    """`share` of the second color in the first."""
    a, b = np.asarray(first), np.asarray(second)
    red, green, blue = (a + share * (b - a)).tolist()
    return (red, green, blue)


def _phase(rng: np.random.Generator) -> tuple[float, float]:
    shift = rng.random(2).tolist()
    return (shift[0], shift[1])


def wood(rng: np.random.Generator) -> Material:
    """Boards from pale birch to dark walnut."""
    tone = rng.random()
    hue = rng.uniform(0.055, 0.095)
    light = linear(hue, 0.35 + 0.35 * tone + rng.uniform(-0.06, 0.06), 0.88 - 0.5 * tone)
    return Material(
        light,
        mixed(light, (0.03, 0.015, 0.008), rng.uniform(0.25, 0.5)),
        WOOD,
        period=rng.uniform(0.06, 0.14),
        specular=rng.uniform(0.03, 0.2),
        gloss=rng.uniform(0.3, 0.7),
        phase=_phase(rng),
    )


def paint(rng: np.random.Generator) -> Material:
    """Lacquer: often white or gray, sometimes a strong color."""
    if rng.random() < 0.5:
        color = linear(rng.random(), rng.uniform(0, 0.08), rng.choice([0.93, 0.85, 0.6, 0.3, 0.16]))
    else:
        color = linear(rng.random(), rng.uniform(0.25, 0.75), rng.uniform(0.4, 0.9))
    return Material(
        color, specular=rng.uniform(0.05, 0.25), gloss=rng.uniform(0.4, 0.9), mottle=0.03, phase=_phase(rng)
    )


def fabric(rng: np.random.Generator) -> Material:
    """Cloth: muted or strong, plain, woven, striped or checked."""
    hue = rng.random()
    color = linear(hue, rng.uniform(0.03, 0.55), rng.uniform(0.25, 0.85))
    other = linear(hue + rng.normal(0, 0.12), rng.uniform(0.03, 0.5), rng.uniform(0.3, 0.95))
    pattern = int(rng.choice([NOISE, NOISE, PLAIN, STRIPE, CHECKER]))
    second = mixed(color, other, 0.25) if pattern == NOISE else other
    period = rng.uniform(0.01, 0.03) if pattern == NOISE else rng.uniform(0.04, 0.16)
    return Material(
        color, second, pattern, period, specular=0.02, gloss=0.2, mottle=0.12, bevel=0.03, phase=_phase(rng)
    )


def cushion_cloth(rng: np.random.Generator) -> Material:
    """Cloth of cushions: stronger colors and bolder patterns than the seat they lie on."""
    hue = rng.random()
    color = linear(hue, rng.uniform(0.15, 0.7), rng.uniform(0.4, 0.9))
    other = linear(hue + rng.normal(0, 0.2), rng.uniform(0.0, 0.5), rng.uniform(0.5, 0.95))
    pattern = int(rng.choice([PLAIN, STRIPE, CHECKER, NOISE]))
    return Material(
        color, other, pattern, rng.uniform(0.05, 0.12), specular=0.02, gloss=0.2, mottle=0.1, phase=_phase(rng)
    )


def metal(rng: np.random.Generator) -> Material:
    """Steel, brass or black powder coating."""
    color = [(0.42, 0.43, 0.45), (0.5, 0.36, 0.14), (0.015, 0.015, 0.017), (0.7, 0.7, 0.72)][int(rng.integers(4))]
    return Material(color, specular=rng.uniform(0.2, 0.5), gloss=rng.uniform(0.6, 0.95), mottle=0.02, bevel=0.003)


def plastic(rng: np.random.Generator) -> Material:
    """Even, vivid, shiny."""
    color = linear(rng.random(), rng.uniform(0.0, 0.75), rng.uniform(0.15, 0.9))
    return Material(color, specular=rng.uniform(0.1, 0.35), gloss=rng.uniform(0.6, 0.95), mottle=0.01)


def ceramic(rng: np.random.Generator) -> Material:
    """Glazed: plain, banded or speckled."""
    color = linear(rng.random(), rng.uniform(0.0, 0.7), rng.uniform(0.5, 0.98))
    other = linear(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.9))
    pattern = int(rng.choice([PLAIN, PLAIN, STRIPE, NOISE]))
    return Material(
        color, other, pattern, rng.uniform(0.02, 0.05), specular=0.35, gloss=0.85, mottle=0.0, phase=_phase(rng)
    )


def cardboard(rng: np.random.Generator) -> Material:
    """Brown paper board."""
    color = linear(rng.uniform(0.07, 0.1), rng.uniform(0.35, 0.5), rng.uniform(0.6, 0.8))
    return Material(color, specular=0.01, gloss=0.1, mottle=0.12, bevel=0.004, phase=_phase(rng))


def leaf(rng: np.random.Generator) -> Material:
    """Leaves from olive to deep green."""
    color = linear(rng.uniform(0.22, 0.38), rng.uniform(0.45, 0.8), rng.uniform(0.3, 0.65))
    return Material(
        color, mixed(color, (0.35, 0.45, 0.1), 0.35), GRADIENT, specular=0.08, gloss=0.5, mottle=0.2, phase=_phase(rng)
    )


def soil() -> Material:
    """Earth in a pot."""
    return Material((0.035, 0.022, 0.014), specular=0.0, mottle=0.5)


def screen(rng: np.random.Generator) -> Material:
    """A display: black glass or a glowing picture."""
    if rng.random() < 0.4:
        return Material((0.01, 0.01, 0.012), specular=0.4, gloss=0.95, mottle=0.0, bevel=0.002)
    hue = rng.random()
    color = linear(hue, rng.uniform(0.1, 0.5), rng.uniform(0.4, 0.9))
    other = linear(hue + rng.normal(0, 0.1), rng.uniform(0.2, 0.7), rng.uniform(0.15, 0.6))
    pattern = int(rng.choice([GRADIENT, NOISE, NOISE, TILE]))
    return Material(
        color,
        other,
        pattern,
        rng.uniform(0.05, 0.15),
        specular=0.1,
        gloss=0.9,
        emission=0.8,
        mottle=0.0,
        phase=_phase(rng),
    )


def shade(rng: np.random.Generator) -> Material:
    """Lamp shade, lit from inside or not."""
    color = linear(rng.uniform(0.06, 0.14), rng.uniform(0.05, 0.35), rng.uniform(0.85, 0.97))
    return Material(color, emission=float(rng.choice([0.0, 0.75])), specular=0.02, mottle=0.03)


def picture(rng: np.random.Generator) -> Material:
    """The printed side of a framed picture."""
    color = linear(rng.random(), rng.uniform(0.05, 0.65), rng.uniform(0.3, 0.95))
    other = linear(rng.random(), rng.uniform(0.05, 0.65), rng.uniform(0.2, 0.95))
    pattern = int(rng.choice([NOISE, GRADIENT, STRIPE, CHECKER, TILE]))
    return Material(color, other, pattern, rng.uniform(0.08, 0.4), specular=0.05, mottle=0.08, phase=_phase(rng))


def floor(rng: np.random.Generator) -> Material:
    """Boards, tiles, stone or carpet."""
    style = rng.random()
    if style < 0.5:
        return replace(wood(rng), period=rng.uniform(0.09, 0.2), specular=rng.uniform(0.05, 0.2), bevel=0.0)
    hue = rng.uniform(0.02, 0.16)
    color = linear(hue, rng.uniform(0.03, 0.3), rng.uniform(0.35, 0.85))
    if style < 0.75:
        return Material(
            color,
            mixed(color, (0.25, 0.24, 0.22), 0.7),
            TILE,
            rng.uniform(0.25, 0.6),
            specular=rng.uniform(0.1, 0.35),
            gloss=0.8,
            bevel=0.0,
            phase=_phase(rng),
        )
    if style < 0.85:
        dark = linear(rng.random(), rng.uniform(0.0, 0.4), rng.uniform(0.2, 0.5))
        return Material(
            color, dark, CHECKER, rng.uniform(0.25, 0.5), specular=0.2, gloss=0.8, bevel=0.0, phase=_phase(rng)
        )
    tint = linear(rng.random(), rng.uniform(0.05, 0.45), rng.uniform(0.3, 0.75))
    return Material(
        tint, mixed(tint, (0.1, 0.1, 0.1), 0.3), NOISE, 0.015, specular=0.0, mottle=0.2, bevel=0.0, phase=_phase(rng)
    )


def wall(rng: np.random.Generator) -> Material:
    """Plaster in white or pastel, now and then a strong color, striped paper or tiles."""
    style = rng.random()
    hue = rng.random()
    color = linear(hue, rng.uniform(0.0, 0.18), rng.uniform(0.75, 0.96))
    if style < 0.62:
        return Material(color, specular=0.01, mottle=0.05, bevel=0.0, phase=_phase(rng))
    if style < 0.8:
        color = linear(hue, rng.uniform(0.2, 0.5), rng.uniform(0.45, 0.85))
        return Material(color, specular=0.01, mottle=0.07, bevel=0.0, phase=_phase(rng))
    if style < 0.92:
        other = linear(hue + rng.normal(0, 0.05), rng.uniform(0.05, 0.3), rng.uniform(0.65, 0.95))
        return Material(color, other, STRIPE, rng.uniform(0.1, 0.4), specular=0.01, bevel=0.0, phase=_phase(rng))
    return Material(
        color,
        mixed(color, (0.3, 0.3, 0.3), 0.5),
        TILE,
        rng.uniform(0.12, 0.3),
        specular=0.25,
        bevel=0.0,
        phase=_phase(rng),
    )


def book_cover(rng: np.random.Generator) -> Material:
    """Any color a publisher would choose."""
    color = linear(rng.random(), rng.uniform(0.1, 0.85), rng.uniform(0.15, 0.9))
    other = linear(rng.random(), rng.uniform(0.0, 0.6), rng.uniform(0.3, 0.95))
    pattern = int(rng.choice([PLAIN, PLAIN, STRIPE]))
    return Material(
        color, other, pattern, rng.uniform(0.05, 0.12), specular=0.08, mottle=0.06, bevel=0.002, phase=_phase(rng)
    )
