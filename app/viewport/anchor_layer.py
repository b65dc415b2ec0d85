"""All anchors of the decoder: discs of constant size on the screen, their ways through the layers, and handles.

A filled disc is an active query, a hollow one an inactive query; a second ring marks the selection, a stem a pinned
anchor. Anchors sit inside objects, behind the visible surface, so they are drawn over everything and hit first. The
discs are built anew for every frame, which for some hundred anchors costs less than a millisecond. Dragging is the
business of `anchor_tool`. Takes "a plotter", so it can be tested off-screen.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

from app.viewport.drag_ways import AXES
from app.viewport.line_layer import IN_FRONT

RADIUS = 5.5  # of a disc, logical pixels
HOVERED = 1.45  # times as large under the pointer
RING = 9.5  # radius of the ring of the selection, logical pixels
STEM = 13.0  # length of the stem of a pin, logical pixels
REACH = 4.0  # logical pixels beside a disc that still hit it
STEP = 6.0  # of a nudge, logical pixels
SIDES = 20  # of a disc
AXIS_REACH = 4000.0  # half the length of an axis that a drag is bound to, logical pixels: beyond any screen
AXIS_COLORS = {"x": (226, 88, 80), "y": (88, 176, 96), "z": (84, 140, 230)}

Float = NDArray[np.floating]


class Anchors(NamedTuple):
    """What is drawn of N anchors.

    Attributes
    ----------
    positions : array (N, 3)
        World.
    colors : array (N, 3) uint8
    active, pinned, shown : arrays (N,) bool
        Anchors that are not shown are neither drawn nor hit.
    """

    positions: Float
    colors: NDArray[np.uint8]
    active: NDArray[np.bool_]
    pinned: NDArray[np.bool_]
    shown: NDArray[np.bool_]


class AnchorLayer:
    """Anchors of one layer of the decoder.

    Parameters
    ----------
    plotter : pyvista.Plotter or QtInteractor
    """

    def __init__(self, plotter: Any) -> None:
        self._renderer = plotter.renderer
        self._discs, self._lines = _Marks(plotter, 1.0), _Marks(plotter, 1.6)
        self._anchors: Anchors | None = None
        self._selected: NDArray[np.int64] = np.empty(0, np.int64)
        self._hovered = -1
        self._trails: Float = np.empty((0, 1, 3))
        self._trail_colors: NDArray[np.uint8] = np.empty((0, 3), np.uint8)
        self._handle: tuple[Float, Float] | None = None
        self._ghost: tuple[int, Float] | None = None
        self._guide: tuple[str, Float] = ("", np.zeros(3))
        self._ink, self._paper = (255, 255, 255), (0, 0, 0)
        self._ratio = 1.0
        self._tag = self._renderer.AddObserver("StartEvent", lambda *_: self._build())

    def detach(self) -> None:
        """Stop following the camera; before the view is closed."""
        self._renderer.RemoveObserver(self._tag)

    def set_anchors(self, anchors: Anchors | None) -> None:
        """Show other anchors; None shows nothing."""
        self._anchors = anchors
        if anchors is None:
            self._selected, self._hovered, self._handle, self._ghost = np.empty(0, np.int64), -1, None, None
            self._trails = np.empty((0, 1, 3))

    def set_marked(self, selected: NDArray[np.int64], hovered: int) -> None:
        """Mark some by their number; -1 hovers nothing."""
        self._selected, self._hovered = np.asarray(selected, np.int64), hovered

    def set_trails(self, trails: Float, colors: NDArray[np.uint8]) -> None:
        """Ways (M, L + 1, 3) through the layers, world, and their colors (M, 3)."""
        self._trails, self._trail_colors = trails, colors

    def set_handle(self, dropped: Float | None, landed: Float | None) -> None:
        """Where the user dropped an anchor (3,), and where refinement took it; None for no handle."""
        self._handle = None if dropped is None or landed is None else (dropped, landed)

    def set_ghost(self, query: int, place: Float | None) -> None:
        """Where an anchor was that is dragged; a line leads from there to it. None for no ghost."""
        self._ghost = None if place is None else (query, np.asarray(place))

    def set_guide(self, axis: str, place: Float) -> None:
        """The axis that a drag is bound to, through a place; "" for none."""
        self._guide = axis, np.asarray(place)

    def set_colors(self, ink: tuple[int, int, int], paper: tuple[int, int, int]) -> None:
        """Outline and background of the theme."""
        self._ink, self._paper = ink, paper

    def set_pixel_ratio(self, ratio: float) -> None:
        """Device pixels per logical pixel."""
        self._ratio = ratio
        self._lines.actor.GetProperty().SetLineWidth(1.6 * ratio)

    def move(self, query: int, position: Float) -> None:
        """Put one anchor elsewhere, without asking anybody."""
        if self._anchors is not None:
            positions = np.array(self._anchors.positions)
            positions[query] = position
            self._anchors = self._anchors._replace(positions=positions)

    def position(self, query: int) -> Float:
        """Where an anchor is drawn, array (3,), world."""
        assert self._anchors is not None, "only what is drawn has a place"
        return np.asarray(self._anchors.positions[query])

    def step(self, query: int, across: float, up: float, away: float) -> Float:
        """Offset (3,), world, of steps to the right, upwards and away, each of `STEP` logical pixels."""
        right, upwards = self._axes()
        forward = np.array(self._renderer.GetActiveCamera().GetDirectionOfProjection())
        pixel = self._pixel(self.position(query)[None])[0]
        return np.asarray(STEP * pixel * (across * right + up * upwards + away * forward))

    def pick(self, x: float, y: float) -> int:
        """Number of the nearest anchor drawn at a device pixel, y up; -1 for none."""
        if self._anchors is None or not len(self._anchors.positions):
            return -1
        places, depths = self._display(self._anchors.positions)
        distance = np.hypot(places[:, 0] - x, places[:, 1] - y)
        hit = self._anchors.shown & (distance <= (RADIUS + REACH) * self._ratio) & (depths > 0)
        return int(np.flatnonzero(hit)[np.argmin(distance[hit])]) if hit.any() else -1

    def _display(self, points: Float) -> tuple[Float, Float]:
        """Device pixels (N, 2), y up, and distances (N,) along the axis of the camera."""
        width, height = self._renderer.GetSize()
        camera = self._renderer.GetActiveCamera()
        matrix = camera.GetCompositeProjectionTransformMatrix(width / max(1, height), -1, 1)
        values = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        clip = np.column_stack([points, np.ones(len(points))]) @ values.T
        offset = np.asarray(points) - camera.GetPosition()
        with np.errstate(divide="ignore", invalid="ignore"):
            unit = clip[:, :2] / clip[:, 3:]
        return (unit + 1) / 2 * (width, height), offset @ np.array(camera.GetDirectionOfProjection())

    def _pixel(self, points: Float) -> Float:
        """Scene units per logical pixel at each point, array (N, 1)."""
        camera = self._renderer.GetActiveCamera()
        height = max(1, self._renderer.GetSize()[1]) / self._ratio
        if camera.GetParallelProjection():
            return np.full((len(points), 1), 2 * camera.GetParallelScale() / height)
        depth = (np.asarray(points) - camera.GetPosition()) @ np.array(camera.GetDirectionOfProjection())
        return (2 * np.tan(np.radians(camera.GetViewAngle() / 2)) * np.maximum(depth, 1e-9) / height)[:, None]

    def _axes(self) -> tuple[Float, Float]:
        """Right and up on the screen, world."""
        camera = self._renderer.GetActiveCamera()
        forward, up = np.array(camera.GetDirectionOfProjection()), np.array(camera.GetViewUp())
        right = np.cross(forward, up)
        right /= max(float(np.linalg.norm(right)), 1e-9)
        return right, np.cross(right, forward)

    def _build(self) -> None:
        anchors = self._anchors
        if anchors is None or not anchors.shown.any():
            self._discs.show([])
            self._lines.show([])
            return
        right, up = self._axes()
        angles = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
        circle = np.cos(angles)[:, None] * right + np.sin(angles)[:, None] * up  # (K, 3)
        shown = np.flatnonzero(anchors.shown)
        positions, colors = anchors.positions[shown], anchors.colors[shown]
        radius = RADIUS * self._pixel(positions) * np.where(shown == self._hovered, HOVERED, 1.0)[:, None]  # (n, 1)
        discs = _circles(positions, radius, circle)
        active = anchors.active[shown]
        # a hollow disc is filled with the background, so that its ring is seen over any cloud
        self._discs.show([_Shapes(discs, np.where(active[:, None], colors, np.array(self._paper, np.uint8)))])
        rims = np.where(active[:, None], np.array(self._ink, np.uint8), colors)
        self._lines.show([_Shapes(discs, rims), *self._marks(anchors, circle, up), *self._drag(anchors, circle)])

    def _marks(self, anchors: Anchors, circle: Float, up: Float) -> "list[_Shapes]":
        """Rings of the selection, stems of pins, trails and the handle."""
        places, pixels = anchors.positions, self._pixel(anchors.positions)
        ringed = self._selected[(self._selected >= 0) & (self._selected < len(pixels))]
        ringed, pins = ringed[anchors.shown[ringed]], np.flatnonzero(anchors.pinned & anchors.shown)
        heads = places[pins] + STEM * pixels[pins] * up
        marks = [
            _Shapes(_circles(places[ringed], RING * pixels[ringed], circle), self._ink),
            _Shapes(np.stack([places[pins], heads], axis=1), self._ink, closed=False),
            _Shapes(_circles(heads, 0.35 * RADIUS * pixels[pins], circle), self._ink),
        ]
        if len(self._trails):
            stops = self._trails.reshape(-1, 3)
            tints = np.repeat(self._trail_colors, self._trails.shape[1], axis=0)
            marks.append(_Shapes(self._trails, self._trail_colors, closed=False))
            marks.append(_Shapes(_circles(stops, 0.3 * RADIUS * self._pixel(stops), circle), tints))
        if self._handle is not None:
            dropped = np.asarray(self._handle[0])[None]
            marks.append(_Shapes(np.array([self._handle]), self._ink, closed=False))
            marks.append(_Shapes(_circles(dropped, 1.2 * RADIUS * self._pixel(dropped), circle), self._ink))
        return marks

    def _drag(self, anchors: Anchors, circle: Float) -> "list[_Shapes]":
        """The axis of a bound drag, the ghost at the old place, and the line from there."""
        marks = []
        axis, through = self._guide
        if axis:
            reach = AXIS_REACH * self._pixel(through[None])[0] * np.array(AXES[axis])
            marks.append(_Shapes(np.array([[through - reach, through + reach]]), AXIS_COLORS[axis], closed=False))
        if self._ghost is not None:
            query, place = self._ghost
            places, shares = np.stack([place, place]), np.array([[1.0], [0.45]])
            marks.append(_Shapes(_circles(places, shares * RADIUS * self._pixel(places), circle), self._ink))
            marks.append(_Shapes(np.array([[place, anchors.positions[query]]]), self._ink, closed=False))
        return marks


class _Shapes(NamedTuple):
    """Polygons or lines of equally many corners.

    Attributes
    ----------
    corners : array (n, K, 3)
        World.
    colors : array (n, 3) or (3,) uint8
    closed : bool
        Whether a line leads back to where it began.
    """

    corners: Float
    colors: NDArray[np.uint8] | tuple[int, int, int]
    closed: bool = True


def _circles(places: Float, radii: Float, circle: Float) -> Float:
    """Circles (n, K, 3) of radii (n, 1) around places (n, 3)."""
    return np.asarray(places[:, None] + radii[:, None] * circle)


class _Marks:
    """Polygons or lines in colors of their own, drawn over everything and never hit by VTK's pickers."""

    def __init__(self, plotter: Any, width: float) -> None:
        self._filled = width == 1.0
        self._kinds: tuple[tuple[int, int, bool], ...] = ()  # of the cells
        self._mapper = vtkPolyDataMapper()
        self._mapper.SetScalarModeToUseCellFieldData()
        self._mapper.SelectColorArray("color")
        self._mapper.SetColorModeToDirectScalars()
        self._data = vtkPolyData()
        self._mapper.SetInputData(self._data)
        self.actor = vtkActor()
        self.actor.SetMapper(self._mapper)
        self.actor.ForceTranslucentOn()  # leaves no depth behind: a click reads the cloud
        self.actor.PickableOff()
        self.actor.VisibilityOff()
        look = self.actor.GetProperty()
        look.LightingOff()
        look.SetLineWidth(width)
        look.SetOpacity(0.99)
        self.actor.GetShaderProperty().AddVertexShaderReplacement(
            "//VTK::PositionVC::Impl", True, "//VTK::PositionVC::Impl\n" + IN_FRONT, False
        )
        plotter.renderer.AddActor(self.actor)

    def show(self, shapes: Sequence[_Shapes]) -> None:
        """Draw these and nothing else. Every frame has its own: cells are made anew only if they are others."""
        shapes = [each for each in shapes if len(each.corners)]
        self.actor.SetVisibility(len(shapes) > 0)
        if not shapes:
            return
        kinds = tuple((*each.corners.shape[:2], each.closed and not self._filled) for each in shapes)
        if kinds != self._kinds:
            self._kinds = kinds
            ends, corners = _cells(kinds)
            cells = vtkCellArray()
            cells.SetData(numpy_to_vtkIdTypeArray(ends, deep=True), numpy_to_vtkIdTypeArray(corners, deep=True))
            (self._data.SetPolys if self._filled else self._data.SetLines)(cells)
        points = vtkPoints()
        places = np.concatenate([each.corners.reshape(-1, 3) for each in shapes]).astype(np.float32)
        points.SetData(numpy_to_vtk(places, deep=True))
        self._data.SetPoints(points)
        tints = np.concatenate([np.broadcast_to(each.colors, (len(each.corners), 3)) for each in shapes])
        colors = numpy_to_vtk(tints.astype(np.uint8), deep=True)
        colors.SetName("color")
        self._data.GetCellData().AddArray(colors)  # in place of the last ones


def _cells(kinds: Sequence[tuple[int, int, bool]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where cells end among their corners, and their corners; of so many shapes with so many each, closed or not."""
    lengths, corners, first = [np.zeros(1, np.int64)], [], 0
    for count, sides, closed in kinds:
        own = first + np.arange(count * sides, dtype=np.int64).reshape(count, sides)
        corners.append((np.concatenate([own, own[:, :1]], axis=1) if closed else own).ravel())
        lengths.append(np.full(count, sides + closed, np.int64))
        first += count * sides
    return np.cumsum(np.concatenate(lengths)), np.concatenate(corners)
