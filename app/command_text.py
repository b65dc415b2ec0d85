"""The `fast3dis segment` call that comes to the same files as an export from the window, as text to be pasted.

What the command line has no words for (moved anchors, other photos …) is said in comment lines before it.
"""

import shlex
import subprocess
import sys
from collections.abc import Sequence

from app.exporter import Order
from app.session.plan import Plan
from fast3dis_core.config import InferenceConfig
from fast3dis_core.photo_files import natural_key

FILTERS = (
    "objectness_threshold",
    "mask_threshold",
    "confidence_percentile",
    "depth_edge",
    "minimum_points",
    "duplicate_overlap",
)
WISHES = {"--hide", "--merge", "--name", "--color", "--palette", "--claimed-only"}  # make it curate as the window does
WHOLE_ARCHIVE = "reconstruction.npz without the instances below the objectness threshold"


def segment_command(plan: Plan, order: Order) -> str:
    """Comment lines and the call.

    Parameters
    ----------
    plan : Plan
        Of the result on show.
    order : Order
        Whose files the call writes.
    """
    settings, wish = plan.settings, order.wish
    words = ["fast3dis", "segment", *(str(source) for source in plan.sources), "--out", str(wish.folder)]
    words += ["--size", settings.size]
    for name, value in (("weights", settings.weights), ("heads", settings.heads), ("resolution", settings.resolution)):
        if value is not None:
            words += [f"--{name}", str(value)]
    if settings.geometry != "predicted":
        words += ["--geometry", settings.geometry]
    words += ["--max-views", str(settings.maximum_views)]
    for name in FILTERS:
        if getattr(order.edits, name) != getattr(InferenceConfig, name):
            words += [f"--{name.replace('_', '-')}", _number(getattr(order.edits, name))]
    words += ["--exports", ",".join(wish.formats), *_looks(order), *_instances(order)]
    return "\n".join([*(f"# not in this call: {text}" for text in unsaid(plan, order)), quoted(words)])


def unsaid(plan: Plan, order: Order) -> list[str]:
    """What the call cannot say."""
    edits = order.edits
    found = []
    for count, text in (
        (len(edits.overrides), "moved anchors"),
        (0 if edits.interventions.none else 1, "experiments inside the decoder"),
        (len([photo for photo in plan.photos if not photo.included]), "photos left out by hand"),
    ):
        if count:
            found.append(f"{text} ({count})")
    if order.numbers:
        found.append(f"colors of the {order.numbers}")
    if order.layer != -1:
        found.append(f"masks of decoder layer {order.layer}")
    if _reordered(plan):
        found.append("photos in another order")
    dropped = any(item.verdict == "objectness" for item in order.curated.instances)
    if "npz" in order.wish.formats and dropped and not WISHES & {*_looks(order), *_instances(order)}:
        found.append(WHOLE_ARCHIVE)
    return found


def quoted(words: Sequence[str]) -> str:
    """The words for the shell of this system."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _looks(order: Order) -> list[str]:
    """Colors, frame, lengths and points."""
    wish, words = order.wish, []
    if order.colors == "photo" and not order.numbers:
        words += ["--colors", "photo"]
    elif not order.numbers:
        words += ["--instance-colors", "instance"]
    if order.curated.palette != "standard":
        words += ["--palette", order.curated.palette]
    if wish.frame == "folder" and order.origin.world_to_folder is not None:
        words += ["--frame", "folder"]
    meters = order.edits.scale if wish.lengths == "shown" else None
    if meters is not None:
        words += ["--meters", _number(meters)]
    elif wish.lengths == "own" and wish.scale != 1.0:
        words += ["--scale", _number(wish.scale)]
    if wish.voxel_size:
        words += ["--voxel-size", _number(wish.voxel_size)]
    return words if order.rest else [*words, "--claimed-only"]


def _instances(order: Order) -> list[str]:
    """Which instances, and what the user made of them."""
    words: list[str] = []
    present = {item.query: item.verdict for item in order.curated.instances if item.verdict in ("shown", "hidden")}
    hidden = {query for query, verdict in present.items() if verdict == "hidden"} - order.queries
    if hidden:
        words += ["--hide", _list(hidden)]
    for group in order.edits.merged:
        words += ["--merge", ",".join(str(query) for query in group)]  # it goes by the first
    for query in sorted(order.queries & set(order.edits.names)):
        words += ["--name", f"{query}={order.edits.names[query]}"]
    for query in sorted(order.queries & set(order.edits.colors)):
        words += ["--color", "{}=#{:02x}{:02x}{:02x}".format(query, *order.edits.colors[query])]
    if order.queries != set(present) - hidden:
        words += ["--queries", _list(order.queries)]
    return words


def _list(queries: set[int] | frozenset[int]) -> str:
    return ",".join(str(query) for query in sorted(queries))


def _reordered(plan: Plan) -> bool:
    names = [photo.name for photo in plan.photos]
    return len(plan.sources) == 1 and names != sorted(names, key=natural_key)


def _number(value: float) -> str:
    """All its digits: a rounded threshold would choose other instances."""
    return repr(float(value)).removesuffix(".0")
