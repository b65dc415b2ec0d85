"""The cameras on stage and the pointer: which one is under it, which one was clicked, how large they are drawn."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, Qt, Signal

from app.viewport.camera_layer import CameraLayer
from app.viewport.scene_view import SceneView

LENGTH = 0.10  # of a frustum, share of the scene's radius


class CameraTool(QObject):
    """Frustums that can be pointed at.

    Parameters
    ----------
    view : SceneView

    Signals
    -------
    hovered(view)
        The pointer rests on a camera, or has left it: -1.
    picked(view), entered(view)
        A click, and a double click.
    """

    hovered = Signal(int)
    picked = Signal(int)
    entered = Signal(int)

    def __init__(self, view: SceneView) -> None:
        super().__init__(view)
        self._view = view
        self.layer = CameraLayer(view)
        self.lenses: tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int]] | None = None
        self.radius, self._hovered = 1.0, -1
        self._look = (True, False, 1.0)  # shown, hung, scale
        self.enabled = True

    def show(
        self,
        intrinsics: NDArray[np.float32],
        world_to_camera: NDArray[np.float32],
        size: tuple[int, int],
        radius: float,
    ) -> None:
        """Other cameras, in a scene of some radius; arrays as in `CameraLayer.set_cameras`."""
        self.lenses, self.radius, self._hovered = (intrinsics, world_to_camera, size), radius, -1
        self.layer.set_cameras(intrinsics, world_to_camera, size, LENGTH * self._look[2] * radius)
        self._view.request_render()

    def set_photos(self, photos: NDArray[np.uint8]) -> None:
        """Photos (S, H, W, 3) of the cameras."""
        self.layer.set_photos(photos)
        self._view.request_render()

    def set_look(self, *, shown: bool, hung: bool, scale: float) -> None:
        """With frustums or without, with all photos hung or not, and how large as a multiple of the usual."""
        if (shown, hung, scale) != self._look:
            self._look = shown, hung, scale
            self.layer.set_shown(shown, hung)
            self.layer.set_depth(LENGTH * scale * self.radius)
            self._view.request_render()

    def set_current(self, view: int) -> None:
        """Mark one camera."""
        self.layer.set_current(view)
        self._view.request_render()

    def find(self, position: QPointF) -> int:
        """Camera at a logical position, -1 for none."""
        if not self.enabled or self.lenses is None:
            return -1
        x, y = self._view.device_position(position)
        return self.layer.pick(x, y, self._view.nearest_pixel(position)[2])

    def point(self, view: int) -> None:
        """The pointer rests on a camera, or on none: -1."""
        if view != self._hovered:
            self._hovered = view
            self.layer.set_hovered(view)
            if self.enabled:
                self._view.setCursor(Qt.CursorShape.PointingHandCursor if view >= 0 else Qt.CursorShape.ArrowCursor)
            self._view.request_render()
            if view < 0:
                self.hovered.emit(-1)
        if view >= 0:  # again after every move: what is said of it goes with the pointer
            self.hovered.emit(view)
