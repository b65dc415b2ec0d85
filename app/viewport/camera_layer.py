"""The cameras as frustums with their true fields of view, and photos hung in them.

The current camera has the accent color and is filled with its photo, lightly; all photos can be hung as planes. The
pointer finds a camera by its lines, or by its photo where that hangs, if nothing of the scene is nearer. Lines leave
no depth behind, so that a click on the scene goes through them. Takes "a plotter", so it can be tested off-screen.
"""

from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from app.viewport.photo_planes import PhotoPlanes
from app.viewport.screen import display_points

# corners 0 to 3 clockwise from the top left, 4 the camera center, 5 a mark above the top edge
_EDGES = np.array([(0, 1), (1, 2), (2, 3), (3, 0), (4, 0), (4, 1), (4, 2), (4, 3), (0, 5), (5, 1)])
_MARK = 0.18  # height of the mark that says which side is up, share of the photo's height
LINE_WIDTH = 1.5
REACH = 5.0  # logical pixels beside a line that still hit it
BEHIND = 1e-4  # how much farther than the scene a line may lie and still be hit, of the depth buffer
FILLED = 0.3  # opacity of the current photo

RGB = tuple[int, int, int]


class CameraLayer:
    """Frustums of all views.

    Parameters
    ----------
    plotter : pyvista.Plotter or QtInteractor
    """

    def __init__(self, plotter: Any) -> None:
        self._renderer = plotter.renderer
        self._data = pv.PolyData()
        self._mapper = vtkPolyDataMapper()
        self._mapper.SetScalarModeToUseCellFieldData()
        self._mapper.SelectColorArray("color")
        self._mapper.SetColorModeToDirectScalars()
        self._actor = vtkActor()
        self._actor.SetMapper(self._mapper)
        self._actor.ForceTranslucentOn()
        look = self._actor.GetProperty()
        look.LightingOff()
        look.SetOpacity(0.99)
        look.SetLineWidth(LINE_WIDTH)
        self._actor.VisibilityOff()
        self._renderer.AddActor(self._actor)
        self._filled, self._hung = PhotoPlanes(plotter, opacity=FILLED), PhotoPlanes(plotter)
        self._cameras: tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]] | None = None
        self._photos: NDArray[np.uint8] = np.empty((0, 1, 1, 3), np.uint8)
        self._corners: NDArray[np.float64] = np.empty((0, 6, 3))
        self._color, self._accent, self._bright = (128, 128, 128), (255, 255, 255), (255, 255, 255)
        self._depth, self._ratio = 1.0, 1.0
        self._current, self._hovered, self._inside = 0, -1, -1
        self._shown, self._hangs = True, False

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
        self._cameras, self._depth = (intrinsics, world_to_camera, size), depth
        self._photos = np.empty((0, 1, 1, 3), np.uint8)
        self._current, self._hovered, self._inside = 0, -1, -1
        self._build()

    def set_photos(self, photos: NDArray[np.uint8]) -> None:
        """Photos (S, H, W, 3) of the cameras."""
        self._photos = photos
        self._hang()

    def set_depth(self, depth: float) -> None:
        """Length of a frustum, scene units."""
        if depth != self._depth:
            self._depth = depth
            self._build()

    def set_shown(self, shown: bool, hung: bool) -> None:
        """With frustums or without; with all photos hung in them or without."""
        if (shown, hung) != (self._shown, self._hangs):
            self._shown, self._hangs = shown, hung
            self._hang()

    def set_current(self, view: int) -> None:
        """Mark one view."""
        if view != self._current:
            self._current = view
            self._hang()

    def set_hovered(self, view: int) -> None:
        """Brighten one view, -1 none."""
        if view != self._hovered:
            self._hovered = view
            self._paint()

    def set_inside(self, view: int) -> None:
        """The user looks through a camera, -1 through none: photos would only stand in the way."""
        if view != self._inside:
            self._inside = view
            self._hang()

    def set_colors(self, color: RGB, accent: RGB, bright: RGB) -> None:
        """Of lines, of the current camera, and of the one under the pointer, 0 to 255."""
        self._color, self._accent, self._bright = color, accent, bright
        self._paint()

    def set_pixel_ratio(self, ratio: float) -> None:
        """Device pixels per logical pixel."""
        self._ratio = ratio
        self._actor.GetProperty().SetLineWidth(LINE_WIDTH * ratio)

    def pick(self, x: float, y: float, depth: float) -> int:
        """Camera at a device pixel, y up, -1 for none.

        Parameters
        ----------
        x, y : float
        depth : float
            Of the scene there, in [0, 1]; 1 for the background.
        """
        if not self._shown or not len(self._corners):
            return -1
        places = display_points(self._renderer, self._corners.reshape(-1, 3)).reshape(-1, 6, 3)
        there = np.isfinite(places).all(axis=(1, 2))  # none that has a corner behind the eye
        if self._inside >= 0:
            there[self._inside] = False
        distances, depths = _to_segments(places[:, _EDGES], np.array([x, y]))  # (S, 10)
        hit = there[:, None] & (distances <= REACH * self._ratio) & (depths <= depth + BEHIND)
        if hit.any():
            return int(np.argmin(np.where(hit, distances, np.inf)) // len(_EDGES))
        if self._hangs and self._inside < 0:
            inside = there & _inside(places[:, :4, :2], np.array([x, y]))
            nearness = np.where(inside, places[:, :4, 2].mean(axis=1), np.inf)
            view = int(np.argmin(nearness))
            return view if nearness[view] <= depth + 0.01 else -1
        return -1

    def _build(self) -> None:
        if self._cameras is None:
            return
        corners = self._corners = frustum_corners(*self._cameras, self._depth)  # (S, 6, 3)
        offsets = 6 * np.arange(len(corners))[:, None, None]
        edges = (_EDGES[None] + offsets).reshape(-1, 2)  # (S * 10, 2)
        lines = np.insert(edges, 0, 2, axis=1)
        self._data = pv.PolyData(corners.reshape(-1, 3).astype(np.float32), lines=lines.ravel())
        self._mapper.SetInputData(self._data)
        self._hang()

    def _hang(self) -> None:
        """Photos where they belong, and lines of which camera is which."""
        self._actor.SetVisibility(self._shown and len(self._corners) > 0)
        there = self._shown and self._current < len(self._photos)
        fills = there and not self._hangs and self._current != self._inside
        chosen = [self._current] if fills else []
        self._filled.show(self._photos, self._corners[:, :4], chosen)
        hung = range(len(self._photos)) if there and self._hangs and self._inside < 0 else []
        self._hung.show(self._photos, self._corners[:, :4], hung)
        self._paint()

    def _paint(self) -> None:
        views = len(self._corners)
        if not views:
            return
        colors = np.tile(np.array(self._color, np.uint8), (views, len(_EDGES), 1))  # (S, 10, 3)
        if self._current < views:
            colors[self._current] = self._accent
        if 0 <= self._hovered < views:
            colors[self._hovered] = self._bright
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


def _to_segments(
    segments: NDArray[np.float64], place: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance on the screen from a place (2,) to segments (..., 2, 3), and the depth of the nearest spot of each."""
    start, along = segments[..., 0, :], segments[..., 1, :] - segments[..., 0, :]
    with np.errstate(invalid="ignore"):
        length = np.maximum((along[..., :2] ** 2).sum(axis=-1), 1e-12)
        share = np.clip(((place - start[..., :2]) * along[..., :2]).sum(axis=-1) / length, 0, 1)
        spot = start + share[..., None] * along
        return np.hypot(*np.moveaxis(spot[..., :2] - place, -1, 0)), spot[..., 2]


def _inside(corners: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a place (2,) lies in convex polygons (S, K, 2)."""
    along, aside = np.roll(corners, -1, axis=1) - corners, place - corners
    with np.errstate(invalid="ignore"):
        turn = along[..., 0] * aside[..., 1] - along[..., 1] * aside[..., 0]  # (S, K)
    return (turn >= 0).all(axis=1) | (turn <= 0).all(axis=1)
