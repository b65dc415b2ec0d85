"""What surrounds the scene: background, shading, the grid on the floor, axes and scale bar, the legend of colors.

Nothing here belongs to a result; all of it is a matter of taste and is kept by whoever remembers tastes.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QWidget

from app.viewport.eye_dome import EyeDome
from app.viewport.gauge import Gauge, round_below
from app.viewport.legend import Legend
from app.viewport.line_layer import LineLayer, floor_grid
from app.viewport.scene_view import SceneView

Background = Literal["theme", "white", "black", "gradient"]
RGB = tuple[int, int, int]
CELLS = 12  # of the floor along the scene's diameter, about
SAMPLE = 20_000  # points from which the floor is told
LIFT = 34  # how much brighter or darker the upper end of the gradient is, of 255


class Dressing:
    """Everything around one scene.

    Parameters
    ----------
    view : SceneView
    parent : QWidget
        Axes, scale bar and legend lie over it.
    frame : callable
        Unit axes as rows (3, 3): right, up, forward.
    shading : EyeDome
    """

    def __init__(
        self, view: SceneView, parent: QWidget, frame: Callable[[], NDArray[np.float64]], shading: EyeDome
    ) -> None:
        self._view, self._frame, self._shading = view, frame, shading
        self.legend, self.gauge = Legend(parent), Gauge(view.renderer, parent)
        self._grid = LineLayer(view, width=1.0, opacity=0.35)
        self._theme: RGB = (0, 0, 0)
        self._kind: Background = "theme"
        self._floored = False
        self._points: NDArray[np.float32] = np.empty((0, 3), np.float32)
        self._units, self._factor = "scene units", 1.0
        view.painted.connect(self.gauge.follow)

    @property
    def paper(self) -> RGB:
        """Color behind the scene."""
        return {"white": (255, 255, 255), "black": (0, 0, 0)}.get(self._kind, self._theme)

    @property
    def ink(self) -> RGB:
        """Text that is read on it."""
        return (20, 22, 26) if sum(self.paper) > 384 else (235, 237, 240)

    def set_theme(self, background: RGB) -> None:
        """Background of the theme, 0 to 255."""
        self._theme = background
        self._paint_background()

    def set_background(self, kind: Background) -> bool:
        """That of the theme, white, black, or the theme's with a gradient; whether it is another."""
        if kind == self._kind:
            return False
        self._kind = kind
        self._paint_background()
        return True

    def set_eye_dome(self, on: bool) -> None:
        """Darken points behind nearer ones, which shows depth without lights."""
        if on != self._shading.on:
            self._shading.set_on(on)
            self._view.request_render()

    def set_gauge(self, on: bool) -> None:
        """With axes and scale bar, or without."""
        self.gauge.setVisible(on)

    def set_grid(self, on: bool) -> None:
        """With a grid on the floor, or without."""
        if on != self._floored:
            self._floored = on
            self.lay_floor()

    def set_units(self, units: str, factor: float) -> None:
        """In which unit lengths are said, and how long a scene unit is in it."""
        if (units, factor) != (self._units, self._factor):
            self._units, self._factor = units, factor
            self.gauge.set_units(units, factor)
            self.lay_floor()

    def set_points(self, points: NDArray[np.float32]) -> None:
        """Other points (M, 3) stand on the floor."""
        self._points = points[:: max(1, len(points) // SAMPLE)]
        self.lay_floor()

    def place(self, width: int, height: int) -> None:
        """The area has another size, in logical pixels."""
        self.legend.place(width, height)
        self.gauge.place(height)
        for widget in (self.legend, self.gauge):
            widget.raise_()

    def set_pixel_ratio(self, ratio: float) -> None:
        """Device pixels per logical pixel."""
        self._grid.set_pixel_ratio(ratio)

    def _paint_background(self) -> None:
        renderer = self._view.renderer
        low = self.paper
        lift = -LIFT if sum(low) > 384 else LIFT
        high = tuple(min(255, max(0, channel + lift)) for channel in low)
        renderer.SetBackground(*(channel / 255 for channel in low))
        renderer.SetBackground2(*(channel / 255 for channel in high))
        renderer.SetGradientBackground(self._kind == "gradient")
        for widget in (self.legend, self.gauge):
            widget.set_colors(self.ink, low)
        self._grid.set_color(self.ink)
        self._view.request_render()

    def lay_floor(self) -> None:
        """Put the grid where the floor is, as the scene and its up are now."""
        there = self._floored and len(self._points) > 0
        note = ""
        if there:
            low, high = np.percentile(self._points, (1, 99), axis=0)
            shown = round_below(float(np.linalg.norm(high - low)) * self._factor / CELLS)
            self._grid.set_segments(*floor_grid(self._points, self._frame(), shown / self._factor))
            note = f" · cells {shown:g}"
        else:
            self._grid.clear()
        self.gauge.set_note(note)
        self._view.request_render()
