"""Dark and light: one palette, one style sheet, tinted icons.

The style sheet in `resources/style.qss` names colors as `@window`, `@accent` ...; the fields of `Theme` fill
them in. Desktops that tell Qt their color scheme are followed; where nobody says, dark is used.
"""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QColor, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

ICON_SIZES = (16, 20, 32, 64)  # pixels


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colors by role, as #rrggbb."""

    name: str
    window: str
    panel: str
    base: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    accent_text: str
    warning: str
    warning_fill: str
    selection: str
    viewport: str
    frustum: str

    @property
    def stage(self) -> tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]:
        """What a viewport's `set_colors` takes: background, lines and accent, 0 to 255."""
        return rgb(self.viewport), rgb(self.frustum), rgb(self.accent)


DARK = Theme(
    name="dark",
    window="#1d1f23",
    panel="#23262b",
    base="#191b1f",
    raised="#30343b",
    line="#3b4048",
    text="#e8eaed",
    muted="#a4abb6",
    accent="#5b9bff",
    accent_text="#0c1a30",
    warning="#ffc46b",
    warning_fill="#43351b",
    selection="#2c456b",
    viewport="#121316",
    frustum="#6b7480",
)
LIGHT = Theme(
    name="light",
    window="#f1f2f4",
    panel="#f8f9fa",
    base="#ffffff",
    raised="#e4e7eb",
    line="#c9ced6",
    text="#1c1f24",
    muted="#565e69",
    accent="#1f63d0",
    accent_text="#ffffff",
    warning="#7a4b00",
    warning_fill="#fdebc8",
    selection="#cfe0fa",
    viewport="#fafbfc",
    frustum="#9aa3ae",
)


WISHES = ("system", "dark", "light")


def choose_theme(app: QApplication, wish: str, system: Qt.ColorScheme | None = None) -> Theme:
    """Theme for one of `WISHES`; `system` is what the desktop just said, if it did."""
    if wish == "system":
        scheme = app.styleHints().colorScheme() if system is None else system
        wish = "light" if scheme == Qt.ColorScheme.Light else "dark"
    return LIGHT if wish == "light" else DARK


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Give the whole program its colors, unless it has them: a fifth of a start went into giving them twice."""
    sheet = (files("resources") / "style.qss").read_text(encoding="utf-8")
    colors = dataclasses.asdict(theme)
    for name in sorted(colors, key=len, reverse=True):  # "@accent_text" before "@accent"
        sheet = sheet.replace(f"@{name}", colors[name])
    sheet = sheet.replace("@icons", (Path(str(files("resources"))) / "icons").as_posix())
    if sheet == app.styleSheet():
        return
    app.setStyle("Fusion")
    app.setPalette(_palette(theme))
    app.setStyleSheet(sheet)


def contrast(color: str, background: str) -> float:
    """Contrast of two #rrggbb colors after WCAG 2: 1 to 21; text needs 4.5."""
    bright, dark = sorted((_luminance(color), _luminance(background)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def rgb(color: str) -> tuple[int, int, int]:
    """Channels of a #rrggbb color."""
    parsed = QColor(color)
    return parsed.red(), parsed.green(), parsed.blue()


@lru_cache(maxsize=128)
def icon(name: str, color: str, disabled: str = "") -> QIcon:
    """A bundled icon in one color, and in another while disabled."""
    made = QIcon()
    source = (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    for mode, tint in ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, disabled)):
        for size in ICON_SIZES if tint else ():
            sized = source.replace("<svg ", f'<svg width="{size}" height="{size}" ', 1).replace("currentColor", tint)
            pixmap = QPixmap()
            pixmap.loadFromData(QByteArray(sized.encode()), "SVG")
            made.addPixmap(pixmap, mode)
    return made


def _palette(theme: Theme) -> QPalette:
    roles = QPalette.ColorRole
    palette = QPalette(QColor(theme.raised), QColor(theme.window))
    for role, color in (
        (roles.Window, theme.window),
        (roles.WindowText, theme.text),
        (roles.Base, theme.base),
        (roles.AlternateBase, theme.panel),
        (roles.Text, theme.text),
        (roles.Button, theme.raised),
        (roles.ButtonText, theme.text),
        (roles.ToolTipBase, theme.raised),
        (roles.ToolTipText, theme.text),
        (roles.PlaceholderText, theme.muted),
        (roles.Highlight, theme.accent),
        (roles.HighlightedText, theme.accent_text),
        (roles.Link, theme.accent),
        (roles.Accent, theme.accent),
    ):
        palette.setColor(role, QColor(color))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.muted))
    return palette
