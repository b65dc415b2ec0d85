"""Pictures of the stage in any size: stills as seen, and frames from elsewhere, of which a film is made.

Points and lines grow with the picture, so that a large one looks like the window. What becomes of a picture is
decided elsewhere. Everything happens between two frames of the window, which goes on as it was.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

from app.viewport.camera_control import CameraControl
from app.viewport.poses import Pose
from app.viewport.scene_view import SceneView


class Pictures:
    """Takes pictures of one stage.

    Attributes
    ----------
    filming : bool
        Whether a film is on its way: the window is not drawn again for each of its frames, so that there is no depth
        to be read under the pointer.

    Parameters
    ----------
    view : SceneView
    camera : CameraControl
    notes : sequence of QWidget
        What lies over the scene and can be in the picture, such as the legend; hidden ones never are.
    settle : callable
        Draws all points from now on.
    resize : callable
        Told the height of the picture in pixels, and how many of them are a logical one, before it is drawn; None and
        None say that it is over.
    spare : callable
        Told how many pixels a frame of a film has before it is drawn, so that the window is not kept waiting for more
        points than they can show; and None afterwards.
    """

    def __init__(
        self,
        view: SceneView,
        camera: CameraControl,
        notes: Sequence[QWidget],
        *,
        settle: Callable[[], None],
        resize: Callable[[float | None, float | None], None],
        spare: Callable[[int | None], None],
    ) -> None:
        self._view, self._camera, self._notes = view, camera, notes
        self._settle, self._resize, self._spare = settle, resize, spare
        self.filming = False

    def size(self, scale: float) -> tuple[int, int]:
        """Width and height of a still, pixels."""
        ratio = self._view.devicePixelRatioF() * scale
        return round(self._view.width() * ratio), round(self._view.height() * ratio)

    def still(self, scale: float, *, transparent: bool = False, notes: bool = True) -> QImage:
        """What is seen now, `scale` times as large; without background, and with the notes that lie over it."""
        self._camera.stop()
        self._settle()
        width, height = self.size(scale)
        picture = self._draw(width, height, transparent=transparent)
        self._view.request_render()
        image = QImage(picture.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
        return self._annotated(image) if notes else image

    def beginning(self) -> Pose:
        """Where a film begins: here, with the axis in the middle; until `ending`."""
        self._camera.stop()
        self.filming = True
        return self._camera.pose.centered()

    def ending(self) -> None:
        """No more frames come."""
        self.filming = False
        self._view.request_render()

    def frame(self, pose: Pose, height: int, *, notes: bool = True) -> NDArray[np.uint8]:
        """The scene from a pose, array (height, width, 3), as wide as the window is; both even, as films want it."""
        self._settle()
        width = 2 * round(height * self._view.width() / max(1, self._view.height()) / 2)
        camera = self._view.renderer.GetActiveCamera()
        here = Pose.of(camera)
        try:
            pose.give(camera)
            self._view.renderer.ResetCameraClippingRange()
            self._spare(width * height)
            picture = self._draw(width, height)
            if notes:
                image = QImage(picture.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
                drawn = self._annotated(image)
                rows = np.frombuffer(drawn.constBits(), np.uint8).reshape(height, drawn.bytesPerLine())
                picture = rows[:, : 4 * width].reshape(height, width, 4).copy()
        finally:
            self._spare(None)
            here.give(camera)
            self._view.renderer.ResetCameraClippingRange()
        return np.ascontiguousarray(picture[..., :3])

    def turned(self, pose: Pose, share: float) -> Pose:
        """A pose after a share of the way once around the scene's up axis."""
        return pose.turned(self._camera.up, 360.0 * share)

    def _draw(self, width: int, height: int, *, transparent: bool = False) -> NDArray[np.uint8]:
        self._resize(height, height / max(1, self._view.height()))
        try:
            return self._view.picture(width, height, transparent=transparent)
        finally:
            self._resize(None, None)

    def _annotated(self, image: QImage) -> QImage:
        ratio = image.height() / max(1, self._view.height())
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(ratio, ratio)
        flags = QWidget.RenderFlag.DrawChildren
        for note in self._notes:
            if note.isVisibleTo(note.parentWidget()):
                note.render(painter, note.pos(), renderFlags=flags)
        painter.end()
        return image
