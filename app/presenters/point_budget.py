"""How many points are drawn at most: chosen in the View menu, remembered, told by the chip of thinned points."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from app.actions import Actions
from app.drawing_order import PreparedCloud
from app.session.session import Session
from app.workflow import Workflow

BUDGETS = (0, 250_000, 1_000_000, 4_000_000, 1_000_000_000)  # 0 is what suits the graphics
BUDGET = "view/point_budget"  # in the preferences


class Stage(Protocol):
    """What this presenter needs of the viewport."""

    @property
    def point_budget(self) -> int: ...
    def set_point_budget(self, points: int) -> None: ...


class Memory(Protocol):
    """What it needs of the preferences."""

    def get(self, key: str, default: Any) -> Any: ...
    def set(self, key: str, value: Any) -> None: ...


class PointBudgetPresenter:
    """Menu to stage.

    Parameters
    ----------
    session, workflow, actions
    stage, memory
        See the protocols.
    prepared : PreparedCloud
        Where the worker leaves what it has thinned.
    redraw : callable
        Shows the cloud on show again, thinned otherwise.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        *,
        stage: Stage,
        memory: Memory,
        prepared: PreparedCloud,
        redraw: Callable[[], None],
    ) -> None:
        self._session, self._workflow, self._actions = session, workflow, actions
        self._stage, self._memory, self._prepared, self._redraw = stage, memory, prepared, redraw
        for points in BUDGETS:
            actions.bind(f"budget_{points}", partial(self.choose, points))
        remembered = memory.get(BUDGET, 0)
        self._take(remembered if remembered in BUDGETS else 0)

    def choose(self, points: int) -> None:
        """Draw at most so many points, of this cloud and of those to come."""
        self._memory.set(BUDGET, points)
        self._take(points)
        self._workflow.start(self._thin())

    def _take(self, points: int) -> None:
        self._stage.set_point_budget(points)
        for each in BUDGETS:
            self._actions.set(f"budget_{each}", checked=each == points)

    async def _thin(self) -> None:
        result = self._session.reconstruction
        if result is None:
            return
        self._prepared.budget = self._stage.point_budget
        await self._workflow.thin(result.cloud)
        now = self._session.reconstruction
        if now is not None and now.cloud is result.cloud:
            self._redraw()
