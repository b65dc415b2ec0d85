"""The 3D view as one widget: layers, camera, picking, and level of detail while moving.

Knows arrays and numbers only; what a color or a picked row means is the presenter's business. Conventions:
orbit left, pan middle or Shift-left, zoom wheel, double-click moves the orbit center.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.drawing_order import Drawable
from app.viewport.anchor_layer import AnchorLayer, Anchors
from app.viewport.anchor_tool import AnchorTool
from app.viewport.camera_control import CameraControl, Side, depth_ahead, extent, mean_direction, upright
from app.viewport.camera_tool import CameraTool
from app.viewport.dressing import Background, Dressing
from app.viewport.eye_dome import EyeDome
from app.viewport.motion import Motion
from app.viewport.pictures import Pictures
from app.viewport.point_cloud_layer import PointCloudLayer
from app.viewport.point_size import PointSize
from app.viewport.pointing import Pointing
from app.viewport.ruler_layer import RulerLayer
from app.viewport.scene_view import SceneView

SOFTWARE_BUDGET, GPU_BUDGET = 1_000_000, 8_000_000  # points drawn: 0.2 s a frame by software OpenGL
UPS = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


class Viewport(QWidget):
    """Cloud and cameras of one reconstruction.

    Signals
    -------
    picked(row, additive)
        A click: the cloud row under the pointer, -1 for the background; whether Ctrl was held.
    hovered(row)
        The pointer rests on a cloud row, -1 for none.
    photo_left()
        The user turned away from a photo's own view.
    painted()
        A frame is complete.
    looked()
        The camera moved, by hand or by itself.
    """

    looked = Signal()
    picked = Signal(int, bool)
    hovered = Signal(int)
    photo_left = Signal()
    painted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("viewport")
        self.view = SceneView(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self._cloud = PointCloudLayer(self.view)
        self._sizes = PointSize(self.view.renderer, self._cloud)
        self._shading = EyeDome(self.view, lambda: self._cloud.point_size)
        style = self._style = self.view.iren.interactor.GetInteractorStyle()
        self.motion = Motion(self.view, self._cloud, turning=lambda: bool(style.GetState()))
        self.cameras = CameraTool(self.view)
        self._anchors = AnchorLayer(self.view)
        self.anchor_tool = AnchorTool(self.view, self._anchors, self._cloud)
        self.view.tool = self.anchor_tool
        self.camera = CameraControl(self.view.renderer, self)
        self._ruler = RulerLayer(self.view, self, self.camera.frame)
        self.dressing = Dressing(self.view, self, self.camera.frame, self._shading)
        self.pictures = Pictures(
            self.view,
            self.camera,
            (self.dressing.legend, self.dressing.gauge, self._ruler.label),
            settle=self.motion.draw_all,
            resize=self._resize_drawing,
            spare=lambda pixels: self._sizes.spare(pixels if self.motion.slow else None),
        )
        self.camera.moved.connect(self._on_camera)
        self.camera.moved.connect(self.looked)
        self.camera.photo_left.connect(self.photo_left)
        self._usual_up, self._wished_up = self.camera.up, ("cameras", False)
        self._budget = 0
        self._theme = ((0, 0, 0), (128, 128, 128), (255, 255, 255))
        self.pointing = Pointing(
            self.view,
            self.cameras,
            self.camera,
            nearest=self._cloud.nearest,
            busy=lambda: self.motion.moving or self.camera.flying or self.anchor_tool.holding or self.pictures.filming,
            settle=self.motion.draw_all,
        )
        self.tip = self.pointing.tip
        self.pointing.picked.connect(self.picked)
        self.pointing.hovered.connect(self.hovered)
        self._tags = [style.AddObserver("InteractionEvent", self._turn)]
        self.view.wheeled.connect(self._zoom)
        self.view.painted.connect(self._after_paint)

    @property
    def drawn_points(self) -> tuple[int, int]:
        """Points drawn, and points there are."""
        return self._cloud.drawn, self._cloud.total

    @property
    def drawable(self) -> Drawable | None:
        """What is drawn of the cloud, for another viewport that shows the same."""
        return self._cloud.drawable

    def show_cloud(
        self,
        points: NDArray[np.float32],
        colors: NDArray[np.uint8],
        valid: NDArray[np.bool_],
        prepared: Drawable | None = None,
    ) -> None:
        """Show another cloud; arrays as in `PointCloudLayer.set_cloud`."""
        self._cloud.set_cloud(points, colors, valid, self.point_budget, prepared)
        self.dressing.set_points(self._cloud.points)
        self.view.request_render()

    def set_rows(self, rows: NDArray[np.int32]) -> None:
        """Owner of every cloud point (P,)."""
        self._cloud.set_rows(rows)
        self.view.request_render()

    def set_table(self, table: NDArray[np.uint8]) -> None:
        """Color and kind of every owner (N + 2, 4)."""
        self._cloud.set_table(table)
        self.view.request_render()

    def set_point_colors(self, by: str) -> None:
        """Color points by their "row", "photo" or "value"."""
        self._cloud.set_point_colors(by)
        self.view.request_render()

    def set_values(self, values: NDArray[np.float32], low: float, high: float, stops: NDArray[np.uint8]) -> None:
        """Numbers of the points (P,), and the colors (33, 3) of those from `low` to `high`."""
        self._cloud.set_values(values, low, high, stops)
        self.view.request_render()

    def set_legend(
        self,
        title: str,
        stops: NDArray[np.uint8],
        ends: tuple[str, str],
        ticks: Sequence[tuple[float, str]] = (),
    ) -> None:
        """What the colors mean, with numbers at shares between the ends; an empty title for nothing."""
        colors = [(int(red), int(green), int(blue)) for red, green, blue in stops]
        self.dressing.legend.set_legend(title, colors, ends, ticks)

    def set_swatches(self, title: str, swatches: Sequence[tuple[tuple[int, int, int], str]]) -> None:
        """What single colors mean: each with its words."""
        self.dressing.legend.set_swatches(title, swatches)
        self.dressing.legend.place(self.width(), self.height())

    def show_cameras(
        self,
        intrinsics: NDArray[np.float32],
        world_to_camera: NDArray[np.float32],
        size: tuple[int, int],
        photos: NDArray[np.uint8] | None = None,
    ) -> None:
        """Show other cameras, and take up and forward from them; arrays as in `CameraLayer.set_cameras`."""
        self.cameras.show(intrinsics, world_to_camera, size, extent(self._cloud.points)[1])
        if photos is not None:
            self.cameras.set_photos(photos)
        self._usual_up = upright(world_to_camera)
        self.camera.forward = mean_direction(world_to_camera[:, 2, :3])
        self._turn_up()

    def set_up(self, axis: str, flipped: bool) -> None:
        """What is up: "cameras" for what they tell, or a world axis; or its opposite."""
        if (axis, flipped) != self._wished_up:
            self._wished_up = axis, flipped
            self._turn_up()
            self.fit_all(fly=True)

    def _turn_up(self) -> None:
        axis, flipped = self._wished_up
        up = np.array(UPS[axis]) if axis in UPS else self._usual_up
        self.camera.up = -up if flipped else up
        self.dressing.lay_floor()

    def set_current_view(self, view: int) -> None:
        """Mark one camera."""
        self.cameras.set_current(view)

    def set_colors(
        self, background: tuple[int, int, int], line: tuple[int, int, int], accent: tuple[int, int, int]
    ) -> None:
        """Colors of the theme, 0 to 255."""
        self._theme = background, line, accent
        self.dressing.set_theme(background)
        self._recolor()

    def set_background(self, kind: Background) -> None:
        """That of the theme, or another; see `Dressing.set_background`."""
        if self.dressing.set_background(kind):
            self._recolor()

    def _recolor(self) -> None:
        paper, ink = self.dressing.paper, self.dressing.ink
        _, line, accent = self._theme
        self._cloud.set_background((paper[0] / 255, paper[1] / 255, paper[2] / 255))
        self.cameras.layer.set_colors(line, accent, ink)
        self._anchors.set_colors(ink, paper)
        self._ruler.set_colors(ink, paper, accent)
        self.view.request_render()

    def set_anchors(
        self,
        positions: NDArray[np.float32],
        colors: NDArray[np.uint8],
        active: NDArray[np.bool_],
        pinned: NDArray[np.bool_],
        shown: NDArray[np.bool_],
    ) -> None:
        """Anchors of one decoder layer; see `Anchors`."""
        self._anchors.set_anchors(Anchors(positions, colors, active, pinned, shown))
        self.view.request_render()

    def set_anchor_marks(self, selected: NDArray[np.int64], hovered: int) -> None:
        """Anchors that are selected, and the one under the pointer or -1."""
        self._anchors.set_marked(selected, hovered)
        self.view.request_render()

    def set_tip(self, text: str) -> None:
        """Say something about the point under the pointer."""
        self.tip.show(text)

    def set_trails(self, trails: NDArray[np.float32], colors: NDArray[np.uint8]) -> None:
        """Ways of anchors through the layers (M, L + 1, 3), world."""
        self._anchors.set_trails(trails, colors)
        self.view.request_render()

    def set_ghost(self, query: int, place: tuple[float, float, float] | None) -> None:
        """Where an anchor was that is dragged; None for no ghost."""
        self._anchors.set_ghost(query, None if place is None else np.array(place))

    def set_handle(self, dropped: tuple[float, float, float] | None, landed: NDArray[np.float32] | None) -> None:
        """Where an anchor was dropped, and where refinement took it."""
        self._anchors.set_handle(None if dropped is None else np.array(dropped), landed)
        self.view.request_render()

    def set_box(self, points: NDArray[np.float32]) -> tuple[float, float, float]:
        """Show the box around points (M, 3), none for M = 0; its width, height and depth."""
        self.view.request_render()
        return self._ruler.set_box(points)

    def set_measuring(self, on: bool) -> None:
        """Show that clicks measure; anchors are out of the way meanwhile."""
        self.anchor_tool.cancel()
        self.view.tool = None if on else self.anchor_tool
        self.cameras.enabled = not on
        self.view.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def set_line(self, places: Sequence[tuple[float, float, float]]) -> None:
        """Mark places, world, and the line between the first two."""
        self._ruler.set_line(places)
        self.view.request_render()

    def set_lengths(self, text: str) -> None:
        """Say lengths in the corner; nothing for no text."""
        self._ruler.set_label(text)

    def fit_all(self, *, fly: bool = False) -> None:
        """Look at the whole scene from behind and above the cameras."""
        self.camera.first_look(self._cloud.points, fly=fly)

    def fit_scene(self) -> None:
        """Fly to where the whole scene is seen, keeping the direction of view."""
        self.camera.look_at(self._cloud.points)

    def fit_points(self, points: NDArray[np.float32]) -> None:
        """Fly towards some points (M, 3), keeping the direction of view."""
        self.camera.look_at(points)

    def look_from(self, side: Side) -> None:
        """The whole scene from the front, the top or the side."""
        self.camera.look_from(side, self._cloud.points)

    def set_orthographic(self, on: bool) -> None:
        """Without perspective, or with."""
        self.camera.set_orthographic(on)

    def look_through(self, view: int) -> None:
        """The exact view of a photo's camera."""
        if self.cameras.lenses is not None:
            intrinsics, world_to_camera, size = self.cameras.lenses
            self.cameras.layer.set_inside(view)
            lens = intrinsics[view], world_to_camera[view], size
            self.camera.look_through(*lens, depth_ahead(self._cloud.points, *lens) or 2 * self.cameras.radius)

    def follow(self, other: "Viewport") -> None:
        """Look from where another viewport looks; nobody is told."""
        self.camera.follow(other.camera)
        self.motion.start()
        self.view.request_render()

    def leave_photo(self) -> None:
        """Back to where the camera was before `look_through`."""
        self.camera.leave_photo()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Everything over the scene keeps its corner, and lines and points their size in the window."""
        super().resizeEvent(event)
        self.dressing.place(self.width(), self.height())
        self._ruler.place()
        self.camera.window_resized()
        self._resize_drawing()

    def set_point_scale(self, scale: float) -> None:
        """Draw points as a multiple of what suits the window and the cloud."""
        if self._sizes.set_scale(scale):
            self.view.request_render()

    def _resize_drawing(self, pixels: float | None = None, ratio: float | None = None) -> None:
        """Sizes for a picture of some height in pixels, and pixels per logical pixel; those of the window if None."""
        for layer in (self._anchors, self._ruler, self.cameras.layer, self.dressing):
            layer.set_pixel_ratio(self.devicePixelRatioF() if ratio is None else ratio)
        self._sizes.set_heights(self.height() * self.devicePixelRatioF(), pixels)

    def close_view(self) -> None:
        """Free the graphics; call before Qt deletes the widget."""
        self.motion.stop()
        self.pointing.end()
        self.camera.stop()
        self._anchors.detach()
        self._sizes.end()
        self._shading.end()
        for tag in self._tags:
            self._style.RemoveObserver(tag)
        self._tags = []
        self.view.close()

    @property
    def point_budget(self) -> int:
        """Most points drawn: as many as was said, else as suits the graphics."""
        if self._budget:
            return self._budget
        if QGuiApplication.platformName() == "offscreen":
            return SOFTWARE_BUDGET  # asking this platform about OpenGL ends the process
        software = any(name in self.view.ren_win.ReportCapabilities() for name in ("llvmpipe", "softpipe", "SWR"))
        return SOFTWARE_BUDGET if software else GPU_BUDGET

    def set_point_budget(self, points: int) -> None:
        """Most points drawn from the next cloud on; 0 for as many as suit the graphics."""
        self._budget = points

    def _zoom(self, position: QPointF, notches: float) -> None:
        world = self.view.world_position(position)
        place = self.camera.pose.focal_point if world is None else np.array(world)
        self.motion.start()
        self.camera.zoom(notches, place)

    def _turn(self, *_: object) -> None:
        self.camera.turned()
        self.motion.start()
        self.looked.emit()

    def _on_camera(self) -> None:
        if not self.camera.in_photo:
            self.cameras.layer.set_inside(-1)
        self.view.request_render()

    def _after_paint(self) -> None:
        self.motion.painted()
        self.painted.emit()
