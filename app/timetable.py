"""How long the steps of a run take, learned from the runs before: the schedule that a progress bar follows.

The first run of a model leans on shares that runs of nano and small took on a CPU; later ones on the last run of
the same model, per photo and pixel. Seconds of the whole come from the last run, or from the plan's estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.session.plan import Plan

READ, LOAD, GEOMETRY, CLOUD = "Reading photos", "Loading the model", "Geometry pass", "Building the cloud"
DECODE = "Decoding queries"
GEOMETRY_STEPS = (READ, LOAD, GEOMETRY, CLOUD)
# shares of the time of a run, loading apart; by the steps of the core in their order
USUAL = {
    READ: 0.03,
    GEOMETRY: 0.48,
    CLOUD: 0.02,
    "Feature pass": 0.27,
    "Pixel decoder": 0.12,
    DECODE: 0.01,
    "Assembling instances": 0.05,
    "Measuring overlap": 0.02,
}
USUAL_LOADING = 0.10  # on top of them
FIXED = (LOAD,)  # steps that do not grow with the photos


@dataclass
class Timetable:
    """Seconds that steps took, per unit of work, by model."""

    _learned: dict[tuple[Any, ...], dict[str, float]] = field(default_factory=dict)

    def learn(self, plan: Plan, finished: Sequence[tuple[str, float]]) -> None:
        """Remember a run that came to its end."""
        work = _work(plan)
        seconds = {name: spent if name in FIXED else spent / work for name, spent in finished}
        self._learned[_key(plan)] = self._learned.get(_key(plan), {}) | seconds

    def schedule(self, plan: Plan, *, loaded: bool, geometry_only: bool = False) -> tuple[tuple[str, float], ...]:
        """Steps of a run with their shares, in order."""
        known, work = self._learned.get(_key(plan), {}), _work(plan)
        usual = {READ: USUAL[READ], LOAD: USUAL_LOADING} | {name: USUAL[name] for name in USUAL if name != READ}
        shares = {name: known[name] * (1 if name in FIXED else work) for name in usual if name in known}
        if set(USUAL) - set(GEOMETRY_STEPS) - set(shares) or GEOMETRY not in shares:
            shares = usual  # never run to its end: what is usual
        steps = [name for name in usual if not (name == LOAD and loaded)]
        if geometry_only:
            steps = [name for name in steps if name in GEOMETRY_STEPS]
        if plan.settings.geometry == "given":
            steps = [name for name in steps if name != GEOMETRY]
        return tuple((name, shares.get(name, 0.0)) for name in steps)

    def seconds(self, plan: Plan, schedule: Sequence[tuple[str, float]]) -> float:
        """What the whole run will take, about; 0 if nothing is known."""
        known = self._learned.get(_key(plan))
        if known is not None and GEOMETRY in known:
            return sum(share for _, share in schedule)
        return 0.0 if plan.estimate is None else plan.estimate.seconds


def _key(plan: Plan) -> tuple[Any, ...]:
    return (*plan.settings.model, plan.settings.geometry)


def _work(plan: Plan) -> float:
    """Photos times pixels; the attention of many photos to each other grows faster, which the pace corrects."""
    return max(len(plan.chosen), 1) * float(plan.settings.long_edge) ** 2
