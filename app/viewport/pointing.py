"""What is under the pointer: a camera's frustum, else a point of the cloud, else the background.

Rests, clicks and double clicks of the view become cameras and cloud rows; what those mean is told elsewhere.
"""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, QPoint, QPointF, QTimer, Signal

from app.viewport.camera_control import CameraControl
from app.viewport.camera_tool import CameraTool
from app.viewport.point_tip import PointTip
from app.viewport.scene_view import SceneView

HOVER = 60  # ms the pointer rests before it is said what is there


class Pointing(QObject):
    """Follows the pointer over one stage.

    Parameters
    ----------
    view : SceneView
    cameras : CameraTool
    camera : CameraControl
        Its orbit center goes where the user double-clicks.
    nearest : callable
        Cloud row of the visible point nearest to a world position, -1 for none.
    busy : callable
        Whether the scene moves or something is dragged, so that nothing is looked up.
    settle : callable
        Draws all points from now on.

    Signals
    -------
    picked(row, additive)
        A click: the cloud row under the pointer, -1 for the background; whether Ctrl was held.
    hovered(row)
        The pointer rests on a cloud row, -1 for none.
    menu_asked(row, place)
        A right click: the cloud row under the pointer, -1 for none, and where on the screen, QPoint.
    """

    picked = Signal(int, bool)
    hovered = Signal(int)
    menu_asked = Signal(int, QPoint)

    def __init__(
        self,
        view: SceneView,
        cameras: CameraTool,
        camera: CameraControl,
        *,
        nearest: Callable[[tuple[float, float, float]], int],
        busy: Callable[[], bool],
        settle: Callable[[], None],
    ) -> None:
        super().__init__(view)
        self._view, self._cameras, self._camera = view, cameras, camera
        self._nearest, self._busy, self._settle = nearest, busy, settle
        self.tip = PointTip(view)
        self._place = QPointF()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(HOVER)
        self._timer.timeout.connect(self._look)
        view.pointed.connect(self._point)
        view.pointed_away.connect(self._timer.stop)
        view.left.connect(self._leave)
        view.clicked.connect(self._pick)
        view.double_clicked.connect(self._enter)
        view.menu_asked.connect(self._ask)

    def end(self) -> None:
        """Look no more."""
        self._timer.stop()
        self.tip.end()

    def _point(self, position: QPointF) -> None:
        self._place = position
        self._timer.start()

    def _leave(self) -> None:
        self._cameras.point(-1)
        self.hovered.emit(-1)

    def _look(self) -> None:
        if self._busy():
            return
        view = self._cameras.find(self._place)
        row = -1 if view >= 0 else self._row(self._place)
        self.hovered.emit(row)
        self.tip.begin(row, self._place)
        self._cameras.point(view)

    def _pick(self, position: QPointF, additive: bool) -> None:
        self._settle()
        view = self._cameras.find(position)
        if view >= 0:
            self._cameras.picked.emit(view)
        else:
            self.picked.emit(self._row(position), additive)

    def _ask(self, position: QPointF, place: QPoint) -> None:
        self._settle()
        self.menu_asked.emit(self._row(position), place)

    def _enter(self, position: QPointF) -> None:
        view = self._cameras.find(position)
        world = self._view.world_position(position)
        if view >= 0:
            self._cameras.entered.emit(view)
        elif world is not None:
            self._camera.center_on(np.array(world))

    def _row(self, position: QPointF) -> int:
        world = self._view.world_position(position)
        return -1 if world is None else self._nearest(world)
