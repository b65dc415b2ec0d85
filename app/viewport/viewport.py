"""The 3D view as one widget: layers, camera, picking, and level of detail while moving.

Knows arrays and numbers only; what a color or a picked row means is the presenter's business. Conventions:
orbit left, pan middle or Shift-left, zoom wheel, double-click moves the orbit center.
"""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.drawing_order import Drawable
from app.viewport.camera_layer import CameraLayer
from app.viewport.point_cloud_layer import POINT_SIZE, PointCloudLayer
from app.viewport.scene_view import SceneView

SOFTWARE_BUDGET, GPU_BUDGET = 1_000_000, 8_000_000  # points drawn: 0.2 s a frame by software OpenGL
SLOW_FRAME = 0.040  # seconds; faster scenes need no stand-in while moving
REST = 200  # ms without motion before all points are drawn again; every wheel notch is a motion of its own
HEIGHT_PER_POINT = 500  # device pixels of the viewport's height for each pixel of a point
ZOOMING = 4  # VTKIS_DOLLY of vtkInteractorStyle
TILT = 0.35  # how steeply the first look goes down on the scene, share of the forward direction
FRUSTUM = 0.10  # length of a frustum, share of the scene's radius


class Viewport(QWidget):
    """Cloud and cameras of one reconstruction.

    Signals
    -------
    picked(row, additive)
        A click: the cloud row under the pointer, -1 for the background; whether Ctrl was held.
    painted()
        A frame is complete.
    """

    picked = Signal(int, bool)
    painted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("viewport")
        self.view = SceneView(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self._cloud = PointCloudLayer(self.view)
        self._cameras = CameraLayer(self.view)
        self._up = np.array([0.0, -1.0, 0.0])
        self._forward = np.array([0.0, 0.0, 1.0])
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._come_to_rest)
        self._full_frame_seconds = 0.0
        self._moving = False
        style = self.view.iren.interactor.GetInteractorStyle()
        self._style = style
        self._tags = [
            style.AddObserver("StartInteractionEvent", self._start_zooming),
            style.AddObserver("InteractionEvent", self._start_moving),
        ]
        self.view.painted.connect(self._after_paint)
        self.view.clicked.connect(self._pick)
        self.view.double_clicked.connect(self._center_on)

    @property
    def drawn_points(self) -> tuple[int, int]:
        """Points drawn, and points there are."""
        return self._cloud.drawn, self._cloud.total

    def show_cloud(
        self,
        points: NDArray[np.float32],
        colors: NDArray[np.uint8],
        valid: NDArray[np.bool_],
        prepared: Drawable | None = None,
    ) -> None:
        """Show another cloud; arrays as in `PointCloudLayer.set_cloud`."""
        self._cloud.set_cloud(points, colors, valid, self.point_budget, prepared)
        self.view.request_render()

    def set_rows(self, rows: NDArray[np.int32]) -> None:
        """Owner of every cloud point (P,)."""
        self._cloud.set_rows(rows)
        self.view.request_render()

    def set_table(self, table: NDArray[np.uint8]) -> None:
        """Color and kind of every owner (N + 1, 4)."""
        self._cloud.set_table(table)
        self.view.request_render()

    def set_photo_colors(self, photo: bool) -> None:
        """Color by photo instead of by instance."""
        self._cloud.set_photo_colors(photo)
        self.view.request_render()

    def show_cameras(
        self, intrinsics: NDArray[np.float32], world_to_camera: NDArray[np.float32], size: tuple[int, int]
    ) -> None:
        """Show other cameras, and take up and forward from them; arrays as in `CameraLayer.set_cameras`."""
        _, radius = _extent(self._cloud.points)
        self._cameras.set_cameras(intrinsics, world_to_camera, size, FRUSTUM * radius)
        self._up = _mean_direction(-world_to_camera[:, 1, :3])
        self._forward = _mean_direction(world_to_camera[:, 2, :3])
        self.view.request_render()

    def set_current_view(self, view: int) -> None:
        """Mark one camera."""
        self._cameras.set_current(view)
        self.view.request_render()

    def set_colors(
        self, background: tuple[int, int, int], line: tuple[int, int, int], accent: tuple[int, int, int]
    ) -> None:
        """Colors of the theme, 0 to 255."""
        red, green, blue = (channel / 255 for channel in background)
        self.view.renderer.SetBackground(red, green, blue)
        self._cloud.set_background((red, green, blue))
        self._cameras.set_colors(line, accent)
        self.view.request_render()

    def fit_all(self) -> None:
        """Look at the whole scene from behind and above the cameras."""
        self._look_at(self._cloud.points, self._forward - TILT * self._up)

    def fit_points(self, points: NDArray[np.float32]) -> None:
        """Move towards some points (M, 3), keeping the direction of view."""
        camera = self.view.renderer.GetActiveCamera()
        self._look_at(points, np.array(camera.GetDirectionOfProjection()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Larger windows get larger points, or the cloud would turn to dust."""
        super().resizeEvent(event)
        pixels = self.height() * self.devicePixelRatioF()
        self._cloud.set_point_size(max(POINT_SIZE, round(pixels / HEIGHT_PER_POINT)))

    def close_view(self) -> None:
        """Free the graphics; call before Qt deletes the widget."""
        self._rest.stop()
        for tag in self._tags:
            self._style.RemoveObserver(tag)
        self._tags = []
        self.view.close()

    def _look_at(self, points: NDArray[np.float32], direction: NDArray[np.float64]) -> None:
        if not len(points):
            return
        center, radius = _extent(points)
        camera = self.view.renderer.GetActiveCamera()
        direction = direction / np.linalg.norm(direction)
        distance = radius / np.sin(np.radians(camera.GetViewAngle() / 2))
        camera.SetFocalPoint(*center)
        camera.SetPosition(*(center - distance * direction))
        camera.SetViewUp(*self._up)
        self._redraw_camera()

    def _redraw_camera(self) -> None:
        self.view.renderer.ResetCameraClippingRange()
        self.view.request_render()

    @property
    def point_budget(self) -> int:
        """Most points drawn."""
        if QGuiApplication.platformName() == "offscreen":
            return SOFTWARE_BUDGET  # asking this platform about OpenGL ends the process
        software = any(name in self.view.ren_win.ReportCapabilities() for name in ("llvmpipe", "softpipe", "SWR"))
        return SOFTWARE_BUDGET if software else GPU_BUDGET

    def _pick(self, position: QPointF, additive: bool) -> None:
        if self._moving:
            self._come_to_rest()  # the depth buffer holds the stand-in
        world = self.view.world_position(position)
        self.picked.emit(-1 if world is None else self._cloud.nearest(world), additive)

    def _center_on(self, position: QPointF) -> None:
        world = self.view.world_position(position)
        if world is None:
            return
        camera = self.view.renderer.GetActiveCamera()
        shift = np.array(world) - np.array(camera.GetFocalPoint())
        camera.SetFocalPoint(*world)
        camera.SetPosition(*(np.array(camera.GetPosition()) + shift))
        self._redraw_camera()

    def _start_moving(self, *_: object) -> None:
        self._rest.start()
        if not self._moving and self._full_frame_seconds > SLOW_FRAME:
            self._moving = True
            self._cloud.set_moving(True)

    def _start_zooming(self, *_: object) -> None:
        if self._style.GetState() == ZOOMING:  # the wheel moves at once and says nothing more
            self._start_moving()

    def _come_to_rest(self) -> None:
        if self._style.GetState():  # the button is still down: the user pauses, the motion does not end
            self._rest.start()
            return
        self._rest.stop()
        if self._moving:
            self._moving = False
            self._cloud.set_moving(False)
            self.view.request_render()

    def _after_paint(self) -> None:
        if not self._moving:
            self._full_frame_seconds = self.view.frame_seconds
        self.painted.emit()


def _extent(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Center (3,) and radius of the points without the outermost hundredth per axis."""
    if not len(points):
        return np.zeros(3), 1.0
    low, high = np.percentile(points[:: max(1, len(points) // 20_000)], [1, 99], axis=0)
    return (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-6)


def _mean_direction(directions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Unit mean of directions (S, 3); the first where they cancel, as in a walk around."""
    mean = directions.astype(float).mean(axis=0)
    if np.linalg.norm(mean) < 0.1:
        mean = directions[0].astype(float)
    return np.asarray(mean / np.linalg.norm(mean))
