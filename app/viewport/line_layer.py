"""Thin lines in one color: the box of an instance, a measured length, a grid on the floor.

Lines leave no depth behind, so that a click goes through them. Takes "a plotter", so it can be tested off-screen.
"""

from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

IN_FRONT = """//VTK::PositionVC::Impl
  gl_Position.z = -0.999 * gl_Position.w;
"""
BOX_EDGES = np.array(
    [(0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7), (0, 4), (1, 5), (2, 6), (3, 7)]
)  # of corners whose number has one bit per axis
OUTLIERS = 1.0  # percent of the points that a box leaves out at either end of an axis


class LineLayer:
    """Segments of one color.

    Parameters
    ----------
    plotter : pyvista.Plotter or QtInteractor
    width : float
        Logical pixels.
    in_front : bool
        Drawn over everything.
    opacity : float
    """

    def __init__(self, plotter: Any, *, width: float = 1.5, in_front: bool = False, opacity: float = 0.95) -> None:
        assert opacity < 1, "an opaque line would be hit by clicks"
        self._mapper = vtkPolyDataMapper()
        self._mapper.ScalarVisibilityOff()
        self.actor = vtkActor()
        self.actor.SetMapper(self._mapper)
        self.actor.ForceTranslucentOn()
        self.actor.PickableOff()
        self._width = width
        look = self.actor.GetProperty()
        look.LightingOff()
        look.SetLineWidth(width)
        look.SetPointSize(5 * width)
        look.SetOpacity(opacity)
        if in_front:
            shader = self.actor.GetShaderProperty()
            shader.AddVertexShaderReplacement(
                "//VTK::PositionVC::Impl", True, "//VTK::PositionVC::Impl\n" + IN_FRONT, False
            )
        self.actor.VisibilityOff()
        plotter.renderer.AddActor(self.actor)

    def set_segments(self, points: NDArray[np.floating], edges: NDArray[np.int_], *, dots: bool = False) -> None:
        """Show segments between points (M, 3), world; `edges` (E, 2) index them; `dots` marks the points."""
        self.actor.SetVisibility(len(points) > 0)
        if not len(points):
            return
        lines = np.insert(np.asarray(edges).reshape(-1, 2), 0, 2, axis=1)
        data = pv.PolyData()
        data.points = np.ascontiguousarray(points, np.float32)
        if len(lines):
            data.lines = lines.ravel()
        if dots:
            data.verts = np.column_stack([np.ones(len(points), int), np.arange(len(points))]).ravel()
        self._mapper.SetInputData(data)

    def set_color(self, color: tuple[int, int, int]) -> None:
        """Color, 0 to 255."""
        self.actor.GetProperty().SetColor(*(channel / 255 for channel in color))

    def set_pixel_ratio(self, ratio: float) -> None:
        """Device pixels per logical pixel."""
        self.actor.GetProperty().SetLineWidth(self._width * ratio)
        self.actor.GetProperty().SetPointSize(5 * self._width * ratio)

    def clear(self) -> None:
        """Show nothing."""
        self.actor.VisibilityOff()


def box_corners(
    points: NDArray[np.float32], frame: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Box around points with its edges along given axes.

    Parameters
    ----------
    points : array (M, 3)
        World, M > 0.
    frame : array (3, 3)
        Unit axes as rows.

    Returns
    -------
    corners : array (8, 3)
        World; bit i of a corner's number says whether it is at the high end of axis i.
    size : array (3,)
        Scene units, along the axes.
    """
    low, high = np.percentile(points @ frame.T, (OUTLIERS, 100 - OUTLIERS), axis=0)
    bits = np.arange(8)[:, None] >> np.arange(3) & 1  # (8, 3)
    return np.where(bits, high, low) @ frame, high - low


def floor_grid(
    points: NDArray[np.float32], frame: NDArray[np.float64], spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """A grid below points.

    Parameters
    ----------
    points : array (M, 3)
        World, M > 0.
    frame : array (3, 3)
        Unit axes as rows; the second points up.
    spacing : float
        Scene units.

    Returns
    -------
    points, edges : array (K, 3), array (K / 2, 2)
    """
    low, high = np.percentile(points @ frame.T, (1, 99), axis=0)
    first, last = np.floor(low / spacing).astype(int), np.ceil(high / spacing).astype(int)
    ends = []
    for axis, other in ((0, 2), (2, 0)):
        for step in range(first[axis], last[axis] + 1):
            for end in (first[other], last[other]):
                place = np.array([0.0, low[1], 0.0])
                place[axis], place[other] = step * spacing, end * spacing
                ends.append(place)
    return np.array(ends) @ frame, np.arange(len(ends)).reshape(-1, 2)
