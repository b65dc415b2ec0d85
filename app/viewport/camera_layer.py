"""The cameras as line frustums with their true fields of view; the current one in the accent color.

One actor for all. Takes "a plotter", so it can be tested off-screen.
"""

from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

# corners 0 to 3 clockwise from the top left, 4 the camera center, 5 a mark above the top edge
_EDGES = np.array([(0, 1), (1, 2), (2, 3), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (0, 5), (5, 1)])
_MARK = 0.18  # height of the mark that says which side is up, share of the photo's height
LINE_WIDTH = 1.5


class CameraLayer:
    """Frustums of all views.

    Parameters
    ----------
    plotter : pyvista.Plotter or QtInteractor
    """

    def __init__(self, plotter: Any) -> None:
        self._data = pv.PolyData()
        self._mapper = vtkPolyDataMapper()
        self._mapper.SetScalarModeToUseCellFieldData()
        self._mapper.SelectColorArray("color")
        self._mapper.SetColorModeToDirectScalars()
        self._actor = vtkActor()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().LightingOff()
        self._actor.GetProperty().SetLineWidth(LINE_WIDTH)
        self._actor.VisibilityOff()
        plotter.renderer.AddActor(self._actor)
        self._color, self._accent = (128, 128, 128), (255, 255, 255)
        self._views, self._current = 0, 0

    def set_cameras(
        self, intrinsics: NDArray[np.float32], world_to_camera: NDArray[np.float32], size: tuple[int, int], depth: float
    ) -> None:
        """Show other cameras.

        Parameters
        ----------
        intrinsics : array (S, 3, 3)
            Pixels of `size`.
        world_to_camera : array (S, 4, 4)
        size : (height, width)
        depth : float
            Length of a frustum along its axis, scene units.
        """
        self._views = len(intrinsics)
        corners = frustum_corners(intrinsics, world_to_camera, size, depth)  # (S, 6, 3)
        offsets = 6 * np.arange(self._views)[:, None, None]
        edges = (_EDGES[None] + offsets).reshape(-1, 2)  # (S * 10, 2)
        lines = np.insert(edges, 0, 2, axis=1)
        self._data = pv.PolyData(corners.reshape(-1, 3).astype(np.float32), lines=lines.ravel())
        self._paint()
        self._mapper.SetInputData(self._data)
        self._actor.VisibilityOn()

    def set_current(self, view: int) -> None:
        """Mark one view."""
        self._current = view
        self._paint()

    def set_colors(self, color: tuple[int, int, int], accent: tuple[int, int, int]) -> None:
        """Colors of the theme, 0 to 255."""
        self._color, self._accent = color, accent
        self._paint()

    def _paint(self) -> None:
        if not self._views:
            return
        colors = np.tile(np.array(self._color, np.uint8), (self._views, len(_EDGES), 1))  # (S, 10, 3)
        colors[self._current] = self._accent
        self._data.cell_data["color"] = colors.reshape(-1, 3)


def frustum_corners(
    intrinsics: NDArray[np.float32], world_to_camera: NDArray[np.float32], size: tuple[int, int], depth: float
) -> NDArray[np.float64]:
    """Corners, center and up mark of every frustum.

    Returns
    -------
    array (S, 6, 3)
        World: the image corners clockwise from the top left at `depth`, the camera center, the mark.
    """
    height, width = size
    pixels = np.array(
        [(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1), (0, 0, 0), (width / 2, -_MARK * height, 1)],
        float,
    )
    camera = pixels @ np.linalg.inv(intrinsics.astype(float)).transpose(0, 2, 1) * depth  # (S, 6, 3)
    rotation, shift = world_to_camera[:, :3, :3].astype(float), world_to_camera[:, None, :3, 3]
    return (camera - shift) @ rotation  # rows times R is R^T times columns, (S, 6, 3)
