"""Two viewports that look at one world from one place: whichever is moved, the other follows.

Following tells nobody, so that neither leads the other in a circle. While unlinked the second costs nothing.
"""

from PySide6.QtCore import QObject

from app.viewport.viewport import Viewport


class LinkedCameras(QObject):
    """Links the cameras of two viewports.

    Parameters
    ----------
    first : Viewport
        Where the second begins whenever they are linked.
    second : Viewport
    """

    def __init__(self, first: Viewport, second: Viewport) -> None:
        super().__init__(second)
        self._first, self._second = first, second
        self._linked = False
        first.looked.connect(self._lead)
        second.looked.connect(self._answer)

    def set_linked(self, linked: bool) -> None:
        """Link them, or let them go."""
        if linked != self._linked:
            self._linked = linked
            self._lead()

    def _lead(self) -> None:
        if self._linked:
            self._second.follow(self._first)

    def _answer(self) -> None:
        if self._linked:
            if not self._second.camera.flying:
                self._first.camera.turned()  # a photo's own view is over, there too
            self._first.follow(self._second)
