"""What deserves a warning before a run, in sentences: pure functions of a plan.

Nothing here stops a run; what does, such as no usable photo, is in `Plan.ready`.
"""

from dataclasses import dataclass
from typing import Literal

from app.session.plan import Plan
from fast3dis_core.config import model_size
from fast3dis_core.photo_files import listing

Tone = Literal["normal", "warning", "quiet"]
WELL_TRIED = 50  # views of the largest scenes in the paper


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One sentence about a plan.

    Attributes
    ----------
    key : str
        What it is about.
    text : str
    tone : "normal", "warning" or "quiet"
    """

    key: str
    text: str
    tone: Tone = "normal"


def notices(plan: Plan) -> tuple[Notice, ...]:
    """Everything the user should know before this run, the weightiest first."""
    if not plan.complete:
        return ()
    return (
        *_about_the_number(plan),
        *_about_the_shapes(plan),
        *_about_memory(plan),
        *_about_geometry(plan),
        *(Notice(key=f"note{number}", text=note) for number, note in enumerate(plan.notes)),
    )


def rooms_only(plan: Plan) -> bool:
    """Whether a network that knows rendered rooms would see photographs."""
    return plan.settings.size == "nano" and plan.settings.weights is None and not plan.sample


def _about_the_number(plan: Plan) -> list[Notice]:
    usable, chosen = len(plan.usable), len(plan.chosen)
    found: list[Notice] = []
    broken = [photo.name for photo in plan.photos if photo.problem and photo.included]
    if broken:
        count = "1 photo" if len(broken) == 1 else f"{len(broken)} photos"
        text = f"{count} cannot be read and will be left out: {listing(broken)}"
        found.append(Notice(key="broken", text=text, tone="warning"))
    if usable == 0:
        readable = any(not photo.problem for photo in plan.photos)
        text = "No photo is included: include at least one" if readable else "Choose other photos: none can be read"
        found.append(Notice(key="none", text=text, tone="warning"))
    if usable == 1:
        text = "One photo only: depth comes from a single view, and nothing can be matched between views"
        found.append(Notice(key="one", text=text, tone="warning"))
    if chosen < usable:
        found.append(Notice(key="thinned", text=f"{chosen} of {usable} photos will be used, evenly spaced"))
    if chosen > WELL_TRIED:
        text = f"{chosen} views: more than {WELL_TRIED} take long and much memory"
        found.append(Notice(key="many", text=text, tone="warning"))
    return found


def _about_the_shapes(plan: Plan) -> list[Notice]:
    found: list[Notice] = []
    sizes = {photo.size for photo in plan.chosen}
    estimate = plan.estimate
    if estimate is not None and estimate.cropped:
        name, share = estimate.worst_crop
        height, width = estimate.network_size
        text = (
            f"Mixed shapes: {estimate.cropped} of {len(plan.chosen)} photos will be cropped to {width} x {height} "
            f"({name} loses {share:.0%})"
        )
        found.append(Notice(key="cropped", text=text, tone="warning" if share > 0.2 else "normal"))
    elif len(sizes) > 1:
        found.append(Notice(key="mixed", text=f"Photos of {len(sizes)} different sizes", tone="quiet"))
    small = [photo.name for photo in plan.chosen if max(photo.size) < plan.settings.long_edge]
    if small:
        text = f"{len(small)} of {len(plan.chosen)} photos are smaller than {plan.settings.long_edge} pixels"
        found.append(Notice(key="small", text=f"{text} and will be enlarged"))
    return found


def _about_memory(plan: Plan) -> list[Notice]:
    estimate = plan.estimate
    if estimate is None:
        return []
    found: list[Notice] = []
    if estimate.problem:
        found.append(Notice(key="problem", text=estimate.problem, tone="warning"))
    if 0 < estimate.memory_there < estimate.memory_high:
        there = estimate.memory_there / 1e9
        text = f"This may need more than the {there:.1f} GB there are: use fewer views or a lower resolution"
        found.append(Notice(key="memory", text=text, tone="warning"))
    trained = model_size(plan.settings.size).resolution
    if plan.settings.long_edge > 2 * trained:
        text = f"{plan.settings.size} was trained around {trained} pixels: {plan.settings.long_edge} is far from that"
        found.append(Notice(key="resolution", text=text))
    return found


def _about_geometry(plan: Plan) -> list[Notice]:
    wanted = plan.settings.geometry
    if wanted in plan.offers:
        return []
    what = "cameras" if wanted == "posed" else "cameras and depth for every photo"
    text = f"These photos come without {what}: choose predicted geometry"
    return [Notice(key="geometry", text=text, tone="warning")]
