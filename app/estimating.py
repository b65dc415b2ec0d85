"""Keeps the estimate of the plan up to date: a small job on the worker whenever photos or settings change.

What a run costs is known to the core (`inference.memory`, `inference.run_time`); how it is shown, to a presenter.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from app.session.plan import Estimate, Plan
from app.session.session import Session
from app.worker import Worker
from fast3dis_core.errors import Cancelled, Fast3disError

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

LINE = "estimate"  # the worker's line: of many changes only the last is worth an answer


class EstimateStep(Protocol):
    """What the core does for this."""

    def estimate(self, plan: Plan, report: "Report") -> Estimate:
        """Time and memory of a run on this machine."""


class Estimator:
    """Follows the session's plan.

    Parameters
    ----------
    session : Session
    worker : Worker
    steps : EstimateStep
    failed : callable
        Told about mistakes of ours.
    """

    def __init__(
        self, session: Session, worker: Worker, steps: EstimateStep, failed: Callable[[Exception], None]
    ) -> None:
        self._session, self._worker, self._steps, self._failed = session, worker, steps, failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        session.plan_changed.connect(self._follow)

    def close(self) -> None:
        """What is still being estimated is told to nobody: the graphics that a plan asks are about to go."""
        self._closed = True

    def _follow(self, plan: Plan | None) -> None:
        if plan is None or plan.estimate is not None or not plan.ready:
            return
        task = asyncio.get_running_loop().create_task(self._estimate(plan))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _estimate(self, plan: Plan) -> None:
        try:
            estimate = await self._worker.run(lambda report: self._steps.estimate(plan, report), line=LINE)
        except Cancelled:
            return
        except Fast3disError as error:
            estimate = Estimate(problem=str(error))
        except Exception as error:  # noqa: BLE001 - shown to the user like every other
            self._failed(error)
            return
        if self._session.plan is plan and not self._closed:
            self._session.prepare(replace(plan, estimate=estimate))
