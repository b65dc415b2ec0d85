"""What can be done when the device runs out of memory: the settings of the same run with less."""

from dataclasses import replace
from typing import NamedTuple

from app.session.plan import Plan, RunSettings

PATCH = 14  # pixels; resolutions are multiples of it
LESS = 0.75  # of the resolution
LEAST = 140  # pixels; below it there is little to see


class Way(NamedTuple):
    """One way out."""

    key: str
    label: str
    settings: RunSettings


def ways_out(plan: Plan | None, device: str) -> tuple[Way, ...]:
    """Settings that need less memory, the mildest first.

    Parameters
    ----------
    plan : Plan, optional
        The run that failed.
    device : str
        Where it ran, as far as is known: "CPU" leaves no other device to go to.
    """
    if plan is None or not plan.ready:
        return ()
    settings, views = plan.settings, len(plan.chosen)
    ways = []
    if settings.chunk_views > 1 and views > 1:
        ways.append(Way("chunk", "One photo at a time", replace(settings, chunk_views=1)))
    if views > 2:
        ways.append(Way("views", f"{views // 2} of {views} photos", replace(settings, maximum_views=views // 2)))
    smaller = round(settings.long_edge * LESS / PATCH) * PATCH
    if smaller >= LEAST:
        ways.append(Way("resolution", f"At {smaller} pixels", replace(settings, resolution=smaller)))
    if device != "CPU" and settings.device != "cpu":
        ways.append(Way("device", "On the CPU", replace(settings, device="cpu")))
    return tuple(ways)
