"""The `fast3dis segment` call that comes to the same files as an export from the window, as text to be pasted.

What the command line has no words for (renames, merges, moved anchors …) is said in comment lines before it.
"""

import shlex
import subprocess
import sys
from collections.abc import Sequence

from app.session.edits import Edits
from app.session.export_wish import ExportWish
from app.session.plan import Plan
from fast3dis_core.config import InferenceConfig
from fast3dis_core.photo_files import natural_key


def segment_command(plan: Plan, wish: ExportWish, edits: Edits, queries: frozenset[int], *, all_shown: bool) -> str:
    """Comment lines and the call.

    Parameters
    ----------
    plan : Plan
        Of the result on show.
    wish : ExportWish
    edits : Edits
    queries : frozenset of int
        Instances that the export writes.
    all_shown : bool
        Whether these are all that pass the filters, so that they need not be named.
    """
    settings = plan.settings
    words = ["fast3dis", "segment", *(str(source) for source in plan.sources), "--out", str(wish.folder)]
    words += ["--size", settings.size]
    for name, value in (("weights", settings.weights), ("heads", settings.heads), ("resolution", settings.resolution)):
        if value is not None:
            words += [f"--{name}", str(value)]
    if settings.geometry != "predicted":
        words += ["--geometry", settings.geometry]
    words += ["--max-views", str(settings.maximum_views)]
    for name in (
        "objectness_threshold",
        "mask_threshold",
        "confidence_percentile",
        "depth_edge",
        "minimum_points",
    ):
        if getattr(edits, name) != getattr(InferenceConfig, name):
            words += [f"--{name.replace('_', '-')}", _number(getattr(edits, name))]
    words += ["--exports", ",".join(wish.formats)]
    if wish.colors != "instance":
        words += ["--colors", wish.colors]
    if wish.voxel_size:
        words += ["--voxel-size", _number(wish.voxel_size)]
    if wish.scale != 1.0:
        words += ["--scale", _number(wish.scale)]
    if not all_shown:
        words += ["--queries", ",".join(str(query) for query in sorted(queries))]
    return "\n".join([*(f"# not in this call: {text}" for text in unsaid(plan, wish, edits)), quoted(words)])


def unsaid(plan: Plan, wish: ExportWish, edits: Edits) -> list[str]:
    """What the call cannot say."""
    found = []
    for count, text in (
        (len(edits.names), "names given by hand"),
        (len(edits.colors), "colors given by hand"),
        (len(edits.merged), "merged instances"),
        (len(edits.overrides), "moved anchors"),
        (0 if edits.interventions.none else 1, "experiments inside the decoder"),
        (len([photo for photo in plan.photos if not photo.included]), "photos left out by hand"),
        (len(edits.hidden), "hidden instances, whose points the call writes as claimed by nobody"),
        (1 if _reordered(plan) else 0, "photos in another order"),
        (0 if wish.rest else 1, "points that no instance claims are left out"),
    ):
        if count:
            found.append(text if text.startswith(("points", "photos in")) else f"{text} ({count})")
    return found


def _reordered(plan: Plan) -> bool:
    names = [photo.name for photo in plan.photos]
    return len(plan.sources) == 1 and names != sorted(names, key=natural_key)


def _number(value: float) -> str:
    """All its digits: a rounded threshold would choose other instances."""
    return repr(float(value)).removesuffix(".0")


def quoted(words: Sequence[str]) -> str:
    """The words for the shell of this system."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
