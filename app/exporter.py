"""Exports of what is seen: what a wish comes to, and writing it on the worker.

Filters, names, colors, merges and units are those on show at the moment of asking. The formats are the core's; what is
asked before writing over something is the presenter's business.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

import resources
from app.finding_colors import FindingPaint
from app.jobs import Jobs
from app.number_colors import CLAIM_MODES, PointMode, instance_colors, point_values
from app.session.activity import WAITING, Activity, advance
from app.session.edits import Edits
from app.session.export_wish import ExportWish
from app.session.origin import Origin
from app.session.session import Session
from fast3dis_core.color_scales import scale_colors
from fast3dis_core.curation import Curated
from fast3dis_core.edit_log import edit_lines, edit_log
from fast3dis_core.errors import Cancelled
from fast3dis_core.evidence import Claims
from fast3dis_core.exports import describe
from fast3dis_core.exports.atomic import atomic_folder, plain_disk_errors
from fast3dis_core.exports.colors import ColorMode
from fast3dis_core.exports.labels import Labels
from fast3dis_core.exports.outputs import REPORT, Extent, Style, measure, planned_files, write_facts, write_outputs
from fast3dis_core.exports.scope import exported, labels_of
from fast3dis_core.exports.selection import written_units
from fast3dis_core.exports.similarity import Similarity
from fast3dis_core.reconstruction import Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

POINT_MODES, SCALED_MODES = get_args(PointMode), ("objectness", "query")  # colors that stand for numbers
FINDING_MODES = ("contested", "difference")  # colors that show what was found
GATHERING, MOVING = "Gathering the points", "Moving files into place"


@dataclass(frozen=True, kw_only=True)
class Order:
    """A wish at one moment: what happens in the window afterwards changes nothing of what is written.

    Attributes
    ----------
    wish : ExportWish
    curated : Curated
    edits : Edits
    origin : Origin
    layer : int
        Decoder layer on show, -1 for the last.
    queries : frozenset of int
        Instances to write.
    colors : "instance" or "photo"
    numbers : str
        Color mode whose scale or findings color points and instances instead; empty if none does.
    claims : Claims, optional
        That such a mode may need.
    findings : FindingPaint, optional
        Of such a mode.
    rest : bool
        Whether files of the whole scene hold points of no written instance.
    similarity : Similarity
        From the world of view 0 to the files.
    """

    wish: ExportWish
    curated: Curated
    edits: Edits
    origin: Origin
    layer: int
    queries: frozenset[int]
    colors: ColorMode
    numbers: str
    claims: Claims | None
    findings: FindingPaint | None = None
    rest: bool
    similarity: Similarity

    @property
    def units(self) -> str:
        """Word for written lengths."""
        return written_units(self.curated.reconstruction.units, self.similarity)


@dataclass(frozen=True, kw_only=True)
class Clash:
    """Files of an order that are there already, relative to its folder; and a folder beside it where none is."""

    files: tuple[str, ...]
    free: Path


@dataclass(frozen=True, kw_only=True)
class Written:
    """What an export left on the disk."""

    folder: Path
    files: int
    bytes: int


class Exporter:
    """Measures and writes. All methods belong to the event loop's thread.

    Parameters
    ----------
    session : Session
    jobs : Jobs

    Attributes
    ----------
    findings : callable
        Points in the colors of what was found, if that is what the screen shows.
    """

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self._session, self._jobs = session, jobs
        self.findings: Callable[[], FindingPaint | None] = lambda: None
        self._line = ""  # of the worker, while something is written

    def queries(self, wish: ExportWish) -> frozenset[int]:
        """Instances that a wish is about."""
        curated, display = self._session.curated, self._session.display
        if curated is None:
            return frozenset()
        present = [item for item in curated.instances if item.verdict in ("shown", "hidden")]
        if wish.scope == "all":
            return frozenset(item.query for item in present)
        visible = frozenset(item.query for item in present if item.verdict == "shown")
        if wish.scope == "visible":
            return visible & display.isolated if display.isolated else visible
        return display.selection & frozenset(item.query for item in present)

    def order(self, wish: ExportWish) -> Order:
        """The wish as things stand."""
        session, display, edits = self._session, self._session.display, self._session.edits
        curated, origin = session.curated, session.origin
        assert curated is not None, "an export needs a result"
        assert origin is not None, "a result has an origin"
        alone = wish.scope == "selected" or (wish.scope == "visible" and bool(display.isolated))
        seen = self.seen_colors() or "instance" if wish.colors == "screen" else wish.colors
        findings = self.findings() if seen in FINDING_MODES else None
        return Order(
            wish=wish,
            curated=curated,
            edits=edits,
            origin=origin,
            layer=display.layer,
            queries=self.queries(wish),
            colors="photo" if seen in ("photo", *POINT_MODES, *FINDING_MODES) else "instance",
            numbers=seen if seen in (*POINT_MODES, *SCALED_MODES, *FINDING_MODES) else "",
            claims=None if session.inspection is None else session.inspection.claims,
            findings=findings,
            rest=wish.rest and not alone,
            similarity=_similarity(wish, edits, origin),
        )

    def seen_colors(self) -> str:
        """Mode of the colors on screen if files can have them; empty while they cannot."""
        session, mode = self._session, self._session.display.color_mode
        if session.display.pair is not None:
            return ""
        if mode in FINDING_MODES:
            return "" if self.findings() is None else mode
        return "" if mode in CLAIM_MODES and session.inspection is None else mode

    async def measure(self, order: Order) -> Extent:
        """How much an order would write."""

        def job(report: "Report") -> Extent:
            result, style = pack(order)
            report(GATHERING, 0.5)  # a newer question makes this one void
            return measure(result, exports=order.wish.formats, style=style)

        return await self._jobs.run("Measuring the export", job, line="measure export", quiet=True)

    async def clash(self, order: Order) -> Clash:
        """What is there already."""

        def job(report: "Report") -> Clash:
            folder = order.wish.folder
            with plain_disk_errors(folder):
                names = [name for name in planned(order) if os.path.lexists(folder / name)]
                return Clash(files=tuple(names), free=free_folder(folder))

        return await self._jobs.run("Looking for files", job, line="look for files", quiet=True)

    async def write(
        self,
        order: Order,
        *,
        overwrite: bool,
        schedule: tuple[tuple[str, float], ...] = (),
        follow: Callable[[Activity], None] = lambda activity: None,
    ) -> Written:
        """Write it; the files appear together or not at all.

        Parameters
        ----------
        order : Order
        overwrite : bool
        schedule : tuple of (str, float)
            Steps to be expected, with their shares of the work.
        follow : callable
            Told how far it is.

        Raises
        ------
        ExportError
            If a file exists and `overwrite` is false, or the disk refuses.
        Cancelled
            If the user stopped it; nothing is left then.
        """
        folder = order.wish.folder
        self._line, title = f"write {folder}", f"Exporting to {folder.name}"
        busy = not (self._session.activity.idle or self._session.activity.quiet)  # a run keeps its place in the window
        started = Activity(job=title, step=WAITING, schedule=schedule, job_started=time.monotonic(), quiet=busy)
        done: list[Written] = []

        def progress(step: str, fraction: float) -> None:
            nonlocal started
            started = advance(started, step, fraction, time.monotonic())
            follow(started)

        follow(started)
        job = _WriteJob(order, overwrite, done)
        try:
            return await self._jobs.run(title, job, line=self._line, quiet=busy, started=started, on_progress=progress)
        except Cancelled:
            # the worker takes this when the stopped job has really ended and cleaned up
            await self._jobs.run(title, lambda report: None, line=self._line, quiet=True)
            if done:  # too late: every file was in its place
                return done[0]
            raise
        finally:
            self._line = ""

    def cancel(self) -> None:
        """Stop what is being written."""
        if self._line:
            self._jobs.cancel(self._line)


class _WriteJob:
    """For the worker; notes in `done` what it wrote."""

    def __init__(self, order: Order, overwrite: bool, done: list[Written]) -> None:
        self._order, self._overwrite, self._done = order, overwrite, done

    def __call__(self, report: "Report") -> Written:
        order, folder, formats = self._order, self._order.wish.folder, self._order.wish.formats
        report(GATHERING, 0.0)
        result, style = pack(order)
        names = planned_files(result, exports=formats, style=style)
        with atomic_folder(folder, names, overwrite=self._overwrite) as staging:
            write_outputs(staging, result, exports=formats, style=style, report=report)
            if REPORT in formats:
                write_facts(staging, facts(order, result, style))
            size = sum((staging / name).stat().st_size for name in names)
            report(MOVING, 0.0)  # the last moment to stop
        self._done.append(Written(folder=folder, files=len(names), bytes=size))
        return self._done[0]


def pack(order: Order) -> tuple[Reconstruction, Style]:
    """What is written of the result, and how."""
    curated = order.curated
    style = Style(
        threshold=curated.curation.objectness_threshold,
        colors=order.colors,
        instance_colors=order.colors,
        transform=order.similarity,
        labels=_labels(order),
        voxel_size=order.wish.voxel_size or None,
        **_numbers(order),
    )
    return exported(curated, order.queries, rest=order.rest), style


def _numbers(order: Order) -> dict[str, Any]:
    """Colors that stand for numbers, as `Style` takes them."""
    curated, mode = order.curated, order.numbers
    if mode in SCALED_MODES:
        painted = replace(_labels(order), colors=instance_colors(curated, mode))  # type: ignore[arg-type]
        return {"painted": painted}
    if order.findings is not None:
        return {"point_colors": order.findings.colors(curated.reconstruction.cloud.colors)}
    found = point_values(curated.reconstruction, mode, order.claims) if mode else None  # type: ignore[arg-type]
    if found is None:
        return {}
    values, scale = found
    return {"point_colors": scale_colors(values, scale.low, scale.high, scale.colors)}


def _labels(order: Order) -> Labels:
    """Names and colors, and the experiments of a result that has any."""
    edits, queries = order.edits, len(order.curated.reconstruction.objectness[-1])
    return replace(labels_of(order.curated), notes=edit_lines(edit_log(edits.overrides, edits.interventions, queries)))


def planned(order: Order) -> tuple[str, ...]:
    """Files of an order, relative to its folder; nothing of the points is looked at."""
    curated = order.curated
    style = Style(threshold=curated.curation.objectness_threshold, colors=order.colors, labels=labels_of(curated))
    result = curated.as_reconstruction(order.queries)
    return planned_files(result, exports=order.wish.formats, style=style)


def free_folder(folder: Path) -> Path:
    """A folder of the same name beside it that is not there yet: "chairs (2)"."""
    number = 2
    while os.path.lexists(free := folder.with_name(f"{folder.name} ({number})")):
        number += 1
    return free


def facts(order: Order, result: Reconstruction, style: Style) -> Mapping[str, object]:
    """What report.json says."""
    wish, edits, origin = order.wish, order.edits, order.origin
    return {
        "export": {
            "scope": wish.scope,
            "formats": list(wish.formats),
            "colors": order.numbers or order.colors,
            "frame": wish.frame,
            "scale": order.similarity.scale,
            "voxel_size": style.voxel_size,
            "unclaimed_points": order.rest,
        },
        "edits": {
            "log": list(edit_log(edits.overrides, edits.interventions, len(result.objectness[-1]))),
            "mask_threshold": edits.mask_threshold,
            "decoder_layer": order.layer,
            "hidden": sorted(edits.hidden),
            "merged": [list(group) for group in edits.merged],
            "moved_anchors": [item.query for item in edits.overrides],
            "experiments": not edits.interventions.none,
            "meters_per_scene_unit": edits.scale,
        },
        "source": {"photos": str(origin.folder), "model": origin.told_model, "geometry": origin.geometry},
        "result": describe(result, style.threshold, labels=style.given_labels, transform=style.transform),
        "names": {str(query): name for query, name in style.given_labels.names.items()},
    }


def default_folder(origin_folder: Path) -> Path:
    """Where an export of a scene goes unless the user says otherwise: beside the photos, in a folder of its own.

    Photos that came with the program, or lie where nothing can be written, have it in the user's home.
    """
    folder, shipped = origin_folder.resolve(), Path(resources.__file__).resolve().parent
    beside = os.access(folder.parent, os.W_OK) and not folder.is_relative_to(shipped)
    return (folder.parent if beside else Path.home()) / f"{folder.name}-export"


def _similarity(wish: ExportWish, edits: Edits, origin: Origin) -> Similarity:
    meters = edits.scale if wish.lengths == "shown" else None
    to_folder = None
    if wish.frame == "folder" and origin.world_to_folder is not None:
        to_folder = np.reshape(origin.world_to_folder, (4, 4))
    scale = wish.scale if wish.lengths == "own" else meters or 1.0
    return Similarity.written(world_to_folder=to_folder, scale=scale, meters=meters is not None)
