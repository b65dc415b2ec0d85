"""When how many points are drawn: a stand-in while the camera or an anchor moves, all of them at rest.

A scene that is drawn fast enough needs no stand-in. While the decoder works on what an anchor's new place comes to,
frames wait a little for its answer, so that an anchor and its mask move together and no frame is drawn twice.
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from app.viewport.point_cloud_layer import PointCloudLayer
from app.viewport.scene_view import SceneView

SLOW_FRAME = 0.040  # seconds; faster scenes need no stand-in while the camera moves
SLOW_HELD_FRAME = 0.012  # the same while an anchor is held, when the decoder needs the time too
LONG_FRAME = 0.1  # seconds
PATIENCE, EXACT_PATIENCE = 120, 400  # ms that frames wait at most for a preview, and for the exact answer
REST = 200  # ms without motion before all points are drawn again; every wheel notch is a motion of its own


class Motion(QObject):
    """Level of detail of one viewport.

    Parameters
    ----------
    view : SceneView
    cloud : PointCloudLayer
    turning : callable
        Whether a button that moves the camera is down.
    """

    def __init__(self, view: SceneView, cloud: PointCloudLayer, turning: Callable[[], bool]) -> None:
        super().__init__(view)
        self._view, self._cloud, self._turning = view, cloud, turning
        self.moving = False
        self._held = False
        self._full_frame_seconds = 0.0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._come_to_rest)

    @property
    def slow(self) -> bool:
        """Whether a frame with all points takes so long that the window would be seen to stand still."""
        return self._full_frame_seconds > LONG_FRAME

    def start(self) -> None:
        """Something moved."""
        self._rest.start()
        if not self.moving and self._full_frame_seconds > (SLOW_HELD_FRAME if self._held else SLOW_FRAME):
            self.moving = True
            self._cloud.set_moving(True)

    def stop(self) -> None:
        """No more timers; before the view is closed."""
        self._rest.stop()

    def draw_all(self) -> None:
        """The depth buffer and pictures are to hold all points, not the stand-in."""
        if self.moving:
            self.moving = False
            self._cloud.set_moving(False)
            self._view.request_render()

    def set_held(self, held: bool) -> None:
        """An anchor is held with the button down, here or in a photo, or it was let go."""
        self._held = held

    def wait_for_colors(self, exact: bool) -> None:
        """The decoder was asked for a preview, or exactly: frames come with its answer, if that comes soon."""
        self._view.wait(EXACT_PATIENCE if exact else PATIENCE)
        if not exact:
            self.start()

    def colors_came(self) -> None:
        """The answer is on show; once the anchor was let go, with all points."""
        if not self._held:
            self.draw_all()
        self._view.stop_waiting()

    def painted(self) -> None:
        """A frame is complete."""
        if not self.moving:
            self._full_frame_seconds = self._view.frame_seconds

    def _come_to_rest(self) -> None:
        # the button is down: the user pauses, the motion does not end; nor does it before the answer is there
        if self._held or self._turning() or self._view.waiting:
            self._rest.start()
        else:
            self.draw_all()
