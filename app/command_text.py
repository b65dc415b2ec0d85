"""The `fast3dis segment` call that comes to the same files as an export from the window, as text to be pasted.

Another choice or order of photos and moved anchors are said in full. What the command line has no words for
(experiments, colors of numbers …) is said in comment lines before it.
"""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.exporter import Order
from app.session.plan import Plan
from fast3dis_core.config import InferenceConfig
from fast3dis_core.photo_files import VIDEO_EXTENSIONS, has_extension, natural_key

FILTERS = (
    "objectness_threshold",
    "mask_threshold",
    "confidence_percentile",
    "depth_edge",
    "minimum_points",
    "duplicate_overlap",
)
WISHES = {"--hide", "--merge", "--name", "--color", "--palette", "--claimed-only"}  # make it curate as the window does
FOUND = {"contested": "contested points", "difference": "changed points"}
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
    words = ["fast3dis", "segment", str(_source(plan)), "--out", str(wish.folder), "--size", settings.size]
    for name, value in (("weights", settings.weights), ("heads", settings.heads), ("resolution", settings.resolution)):
        if value is not None:
            words += [f"--{name}", str(value)]
    if settings.geometry != "predicted":
        words += ["--geometry", settings.geometry]
    for name in ("device", "precision"):
        if getattr(settings, name) != "auto":
            words += [f"--{name}", getattr(settings, name)]
    words += _photos(plan)
    for name in FILTERS:
        if getattr(order.edits, name) != getattr(InferenceConfig, name):
            words += [f"--{name.replace('_', '-')}", _number(getattr(order.edits, name))]
    words += [*_anchors(order), "--exports", ",".join(wish.formats), *_looks(order), *_instances(order)]
    return "\n".join([*(f"# not in this call: {text}" for text in unsaid(plan, order)), quoted(words)])


def unsaid(plan: Plan, order: Order) -> list[str]:
    """What the call cannot say."""
    edits = order.edits
    found = []
    if not edits.interventions.none:
        found.append("experiments inside the decoder")
    if order.numbers:
        found.append(f"colors of {FOUND.get(order.numbers, f'the {order.numbers}')}")
    if order.layer != -1:
        found.append(f"masks of decoder layer {order.layer}")
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


def _source(plan: Plan) -> Path:
    """The folder or video of the call; several sources are one scene, which the command line takes as one folder."""
    return plan.sources[0] if len(plan.sources) == 1 and plan.root == plan.sources[0] else plan.root


def _photos(plan: Plan) -> list[str]:
    """How many photos of the folder, or exactly which, where the window's user made another choice or order of them."""
    sources = [photo.source for photo in plan.photos]
    names = [photo.name for photo in plan.photos]
    whole = plan.sources == (_source(plan),) and len(plan.usable) == len(sources)
    if whole and all(source.frame is None for source in sources) and names == sorted(names, key=natural_key):
        return ["--max-views", str(plan.settings.maximum_views)]
    root = _source(plan)
    folder = root.parent if has_extension(root, VIDEO_EXTENSIONS) else root
    words: list[str] = []
    for photo in plan.chosen:
        path, frame = photo.source.path, photo.source.frame
        name = str(path.relative_to(folder) if path.is_relative_to(folder) else path)
        words += ["--view", name if frame is None else f"{name}#{frame}"]
    return words


def _anchors(order: Order) -> list[str]:
    """Moved anchors; those of new queries belong to an experiment, which the call does not contain."""
    edits, words = order.edits, []
    own = len(order.curated.reconstruction.objectness[-1]) - len(edits.interventions.prompts)
    for item in sorted(edits.overrides, key=lambda item: item.query):
        if item.query < own:
            place = ",".join(_number(value) for value in item.position)
            words += ["--anchor", f"{item.query}={place}{',pinned' if item.pinned else ''}"]
    return words


def _number(value: float) -> str:
    """All its digits: a rounded threshold would choose other instances."""
    return repr(float(value)).removesuffix(".0")
