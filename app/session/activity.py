"""What the worker is doing, with which model, and how long it will take.

A job is a row of steps. Each has a share of the whole time, from the last run or from what runs usually take, so that
one bar and one "about 20 s left" can stand for all of it. Values and arithmetic on seconds alone.
"""

from dataclasses import dataclass, replace

WAITING = "Waiting for its turn"
EARLY = 0.03  # share of a job below which its own pace tells nothing


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What the worker is doing.

    Attributes
    ----------
    job : str
        "Segmenting kitchen"; empty when idle.
    step : str
        Sentence part from the core: "Geometry pass".
    fraction : float
        In [0, 1], of the step.
    finished : tuple of (str, float)
        Steps done so far, with their seconds.
    job_started, step_started : float
        Monotonic clock, seconds.
    quiet : bool
        A short job (assembling again) that should not take over the window.
    schedule : tuple of (str, float)
        All steps to be expected, with their shares of the time; empty if nothing is known.
    expected_seconds : float
        Of the whole job; 0 if nothing is known.
    """

    job: str = ""
    step: str = ""
    fraction: float = 0.0
    finished: tuple[tuple[str, float], ...] = ()
    job_started: float = 0.0
    step_started: float = 0.0
    quiet: bool = False
    schedule: tuple[tuple[str, float], ...] = ()
    expected_seconds: float = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing runs."""
        return not self.job


IDLE = Activity()


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """The model that is loaded.

    Attributes
    ----------
    name : str
        Size and device: "nano · CPU".
    status : str
        Sentence on what is untrained; empty if there is nothing to say.
    bytes : int
        Memory its weights take.
    geometry_only : bool
        Whether it is a trained backbone without trained heads, so that its masks would be random.
    """

    name: str = ""
    status: str = ""
    bytes: int = 0
    geometry_only: bool = False


def advance(activity: Activity, step: str, fraction: float, now: float) -> Activity:
    """The activity after a report: a new step moves the old one, with its seconds, to the finished ones."""
    if step == activity.step:
        return replace(activity, fraction=fraction)
    finished = activity.finished
    if activity.step != WAITING:
        finished += ((activity.step, now - activity.step_started),)
    return replace(activity, step=step, fraction=fraction, finished=finished, step_started=now)


def share_done(activity: Activity) -> float:
    """How much of the whole job is done, in [0, 1]; of a job without a schedule, how much of its step."""
    shares = dict(activity.schedule)
    total = sum(shares.values())
    if not total:
        return activity.fraction
    done = sum(shares.get(name, 0.0) for name, _ in activity.finished)
    return min((done + shares.get(activity.step, 0.0) * activity.fraction) / total, 1.0)


def seconds_left(activity: Activity, now: float) -> float | None:
    """What the whole job still needs, about; None while that cannot be told.

    Expectation and pace are mixed by how much is done: at first what such a run took before counts, at last only how
    fast this one goes.
    """
    done, spent = share_done(activity), now - activity.job_started
    expected = activity.expected_seconds
    if done < EARLY:
        return max(expected - spent, 0.0) if expected else None
    total = spent / done
    if expected:
        total = done * total + (1 - done) * max(expected, spent)
    return max(total - spent, 0.0)


def seconds_of(activity: Activity, step: str) -> float:
    """What a step to come will take, about; 0 if nothing is known."""
    shares = dict(activity.schedule)
    total = sum(shares.values())
    return activity.expected_seconds * shares.get(step, 0.0) / total if total else 0.0
