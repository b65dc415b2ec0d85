"""Color of what the rays met: material, two lights with hard or soft shadows, ambient light, highlight.

Works on the pixels of T tiles as tensors (RAYS, T). Light falls off with distance; ambient light weakens
toward the corners of the room; edges of boxes are shaded as if slightly rounded. The display curve turns
radiance into RGB in [0, 1]. Visibility of the lights comes from `ray_caster.occluded`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms import materials, patterns
from fast3dis_core.datasets.procedural_rooms.primitives import BOX
from fast3dis_core.datasets.procedural_rooms.ray_caster import EyeRays, Hits, SolidTable, occluded
from fast3dis_core.datasets.procedural_rooms.solids import MISS, gradient

_SHINE = 4.0  # highlights against diffuse light: most of the power of a lobe lies in few directions
_SOFTNESS = 0.6  # square meters added to the squared distance of a light, which is not a point
_LIFT = 2e-3  # meters by which shadow rays start off the surface
_WHITE = 3.0  # radiance that is shown as white
_GOLDEN = 2.399963  # turns successive samples of a round light apart, radians


@dataclass(frozen=True)
class LightTable:
    """Lights of B rooms.

    Attributes
    ----------
    position : Tensor (B, 2, 3)
        Layout frame.
    color : Tensor (B, 2, 3)
        Linear RGB times strength.
    radius : Tensor (B, 2)
    ambient : Tensor (B, 3)
    low, high : Tensor (B, 3)
        Corners of the room.
    """

    position: Tensor
    color: Tensor
    radius: Tensor
    ambient: Tensor
    low: Tensor
    high: Tensor


@dataclass(frozen=True)
class Surface:
    """Geometry at the hit points of T tiles.

    Attributes
    ----------
    point : Tensor (3, RAYS, T)
        Layout frame.
    normal : Tensor (3, RAYS, T)
        Unit, toward the eye's side.
    shading_normal : Tensor (3, RAYS, T)
        Unit, rounded near the edges of boxes.
    u, v, rise : Tensor (RAYS, T)
        Pattern coordinates; see `patterns.mix_factor`.
    look : Tensor (MATERIAL_WIDTH, RAYS, T)
        Columns of the material table.
    """

    point: Tensor
    normal: Tensor
    shading_normal: Tensor
    u: Tensor
    v: Tensor
    rise: Tensor
    look: Tensor


def surface(table: SolidTable, looks: Tensor, rays: EyeRays, hits: Hits, footprint: Tensor) -> Surface:
    """Gather the geometry and the material of every hit.

    Parameters
    ----------
    table : SolidTable
    looks : Tensor (B, P, MATERIAL_WIDTH)
        Material of every solid.
    rays : EyeRays
    hits : Hits
    footprint : Tensor (RAYS, T)
        Width of a pixel on the surface, meters.
    """
    count = table.kind.shape[1]
    fields = [table.kind[..., None], table.taper[..., None], table.center, table.half, table.axes.flatten(2), looks]
    rows = torch.cat([item.to(looks.dtype) for item in fields], dim=-1).flatten(0, 1)  # (B * P, fields)
    chosen = (hits.solid + rays.scene * count).flatten()  # (RAYS * T,)
    gathered = rows.index_select(0, chosen).T.contiguous().unflatten(1, hits.depth.shape)  # (fields, RAYS, T)
    kind, taper, center, half = gathered[0], gathered[1], gathered[2:5], gathered[5:8]
    axes, look = gathered[8:17].unflatten(0, (3, 3)), gathered[17:]
    depth = torch.where(hits.depth < MISS, hits.depth, 1.0)
    point = torch.addcmul(rays.eye.T[:, None], depth, rays.directions())
    offset = point - center
    local = torch.stack([_dot(axes[i], offset) for i in range(3)])  # (3, RAYS, T) meters
    unit = local / half
    normal_local = gradient(kind, unit, taper, half)
    edge = (1 - unit.abs()) * half  # distance to the next face, meters
    # a rounding narrower than a pixel would sparkle
    bevel = look[materials.BEVEL] * (1.5 * look[materials.BEVEL] / footprint).clamp_(max=1) + 1e-4
    rounded = torch.sign(unit) * (1 - edge / bevel).clamp_(min=0).square_()
    shading_local = torch.where(kind == BOX, 0.7 * rounded + 0.3 * normal_local, normal_local)
    u, v = _surface_coordinates(local, half, normal_local)
    return Surface(
        point=point,
        normal=_to_layout(normal_local, axes),
        shading_normal=_to_layout(shading_local, axes),
        u=torch.addcmul(u, look[materials.PHASE_U], look[materials.PERIOD]),
        v=torch.addcmul(v, look[materials.PHASE_V], look[materials.PERIOD]),
        rise=(unit[2] + 1) / 2,
        look=look,
    )


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Scalar product over a leading axis of 3."""
    return (first[0] * second[0]).addcmul_(first[1], second[1]).addcmul_(first[2], second[2])


def _unit(vector: Tensor) -> Tensor:
    """Vectors (3, ...) scaled to length 1."""
    return vector * _dot(vector, vector).clamp_(min=1e-20).rsqrt_()


def _to_layout(local: Tensor, axes: Tensor) -> Tensor:
    """Rotate local vectors (3, RAYS, T) into the layout frame and normalize them."""
    return _unit((axes[0] * local[0]).addcmul_(axes[1], local[1]).addcmul_(axes[2], local[2]))


def _surface_coordinates(local: Tensor, half: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Two coordinates in the face a point lies on, the longer side of the face first."""
    magnitude = normal.abs()
    on_x = (magnitude[0] >= magnitude[1]) & (magnitude[0] > magnitude[2])
    on_z = magnitude[2] >= torch.maximum(magnitude[0], magnitude[1])
    u, half_u = torch.where(on_x, local[1], local[0]), torch.where(on_x, half[1], half[0])
    v, half_v = torch.where(on_z, local[1], local[2]), torch.where(on_z, half[1], half[2])
    swap = half_v > half_u
    return torch.where(swap, v, u), torch.where(swap, u, v)


def albedo(found: Surface, footprint: Tensor) -> Tensor:
    """Diffuse color (3, RAYS, T) from the material's pattern and irregularities."""
    first, second = found.look[materials.COLOR], found.look[materials.SECOND]
    share = patterns.mix_factor(
        found.look[materials.PATTERN], found.u, found.v, found.rise, found.look[materials.PERIOD], footprint
    )
    color = first + share * (second - first)
    return color * (1 + found.look[materials.MOTTLE] * patterns.mottle(found.u, found.v, footprint))


def shade(
    found: Surface,
    table: SolidTable,
    lights: LightTable,
    scene: Tensor,
    eye: Tensor,
    footprint: Tensor,
    *,
    shadow_samples: int,
) -> Tensor:
    """RGB in [0, 1] of every pixel.

    Parameters
    ----------
    found : Surface
    table : SolidTable
    lights : LightTable
    scene : Tensor (T,) int64
    eye : Tensor (T, 3)
    footprint : Tensor (RAYS, T)
        Width of a pixel on the surface, meters.
    shadow_samples : int
        Points per light that are tested for visibility; 0 for no shadows, 1 for hard ones.

    Returns
    -------
    Tensor (3, RAYS, T)
    """
    color = albedo(found, footprint)
    view = _unit(eye.T[:, None] - found.point)
    radiance = color * _ambient(found, lights, scene)
    lifted = found.point + _LIFT * found.normal
    for index in range(2):
        position, strength = lights.position[scene, index], lights.color[scene, index]  # (T, 3)
        toward = position.T[:, None] - found.point
        squared = _dot(toward, toward)
        toward = toward * squared.rsqrt()
        facing = _dot(found.shading_normal, toward).clamp_(min=0) * (_dot(found.normal, toward) > 0)
        falloff = facing / (squared + _SOFTNESS)
        if shadow_samples:
            radius = lights.radius[scene, index]
            falloff = falloff * (1 - _shadow(table, scene, lifted, position, radius, shadow_samples))
        shine = _highlight(found, toward, view) * _SHINE
        radiance = radiance + strength.T[:, None] * falloff * (color + shine)
    radiance = radiance + found.look[materials.EMISSION] * color
    return _display(radiance)


def _shadow(table: SolidTable, scene: Tensor, points: Tensor, position: Tensor, radius: Tensor, samples: int) -> Tensor:
    """Share of a light that is hidden, (RAYS, T): a spiral of samples on its disc."""
    hidden = torch.zeros_like(points[0])
    for index in range(samples):
        reach = radius * (((index + 0.5) / samples) ** 0.5 if samples > 1 else 0.0)
        angle = index * _GOLDEN
        shift = torch.stack([reach * math.cos(angle), reach * math.sin(angle), reach * 0], dim=-1)  # (T, 3)
        hidden = hidden + occluded(table, scene, points, position + shift)
    return hidden / samples


def _ambient(found: Surface, lights: LightTable, scene: Tensor) -> Tensor:
    """Ambient light (3, RAYS, T): weaker near planes the surface does not belong to, warmer from below."""
    light = lights.ambient[scene].T[:, None]
    open_ = torch.ones_like(found.point[0])
    for axis in range(3):
        for bound, sign in ((lights.low, 1.0), (lights.high, -1.0)):
            gap = (found.point[axis] - bound[scene, axis]).abs()
            across = (1 - sign * found.normal[axis]).clamp(0, 1)
            open_ = open_ * (1 - 0.42 * across / (1 + (gap / 0.3).square()))
    up = 0.85 + 0.15 * found.shading_normal[2]
    return light * (open_ * up)


def _highlight(found: Surface, toward: Tensor, view: Tensor) -> Tensor:
    """Specular term (RAYS, T); powers by squaring, blended by gloss."""
    cosine = _dot(_unit(toward + view), found.shading_normal).clamp_(min=0)
    wide = cosine.square().square().square()  # 8th power
    narrow = wide.square().square().square()  # 64th power
    return found.look[materials.SPECULAR] * (wide * 0.15 + found.look[materials.GLOSS] * (narrow - 0.15 * wide))


def _display(radiance: Tensor) -> Tensor:
    """Compress highlights (Reinhard with a white point) and encode with a square root."""
    compressed = radiance * (1 + radiance / _WHITE**2) / (1 + radiance)
    return (compressed * 1.35).clamp_(0, 1).sqrt_()
