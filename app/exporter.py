"""Exports of what is seen: what a wish comes to, and writing it on the worker.

Filters, names, colors and merges are those on show. The formats are the core's; what is asked before writing over
something is the presenter's business.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.jobs import Jobs
from app.session.export_wish import ExportWish
from app.session.session import Session
from fast3dis_core.curation import Curated
from fast3dis_core.exports import describe
from fast3dis_core.exports.atomic import atomic_folder
from fast3dis_core.exports.outputs import REPORT, Extent, Style, measure, planned_files, write_facts, write_outputs
from fast3dis_core.exports.scope import exported, labels_of
from fast3dis_core.reconstruction import Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.progress import Report


@dataclass(frozen=True, kw_only=True)
class Package:
    """What will be written.

    Attributes
    ----------
    result : Reconstruction
        With the wished instances and points only.
    style : Style
    wish : ExportWish
    """

    result: Reconstruction
    style: Style
    wish: ExportWish

    @property
    def files(self) -> tuple[str, ...]:
        """Relative to the folder, with "/"."""
        return planned_files(self.result, exports=self.wish.formats, style=self.style)

    @property
    def existing(self) -> tuple[str, ...]:
        """Files that are there already."""
        return tuple(name for name in self.files if (self.wish.folder / name).exists())


class Exporter:
    """Measures and writes. All methods belong to the event loop's thread.

    Parameters
    ----------
    session : Session
    jobs : Jobs
    """

    def __init__(self, session: Session, jobs: Jobs) -> None:
        self._session, self._jobs = session, jobs

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

    async def measure(self, wish: ExportWish) -> Extent:
        """How much a wish would write."""
        curated = self._open()
        queries = self.queries(wish)

        def job(report: "Report") -> Extent:
            package = pack(curated, queries, wish)
            return measure(package.result, exports=wish.formats, style=package.style)

        return await self._jobs.run("Measuring the export", job, line="measure export", quiet=True)

    async def write(self, wish: ExportWish, *, overwrite: bool) -> tuple[str, ...]:
        """Write it; the files appear together or not at all.

        Raises
        ------
        ExportError
            If a file exists and `overwrite` is false, or the disk refuses.
        Cancelled
            If the user stopped it; nothing is left then.
        """
        curated = self._open()
        queries = self.queries(wish)

        def job(report: "Report") -> tuple[str, ...]:
            package = pack(curated, queries, wish)
            names = package.files
            with atomic_folder(wish.folder, names, overwrite=overwrite) as staging:
                staging.mkdir(parents=True, exist_ok=True)
                write_outputs(staging, package.result, exports=wish.formats, style=package.style, report=report)
                if REPORT in wish.formats:
                    write_facts(staging, facts(package))
            return names

        return await self._jobs.run(f"Writing to {wish.folder.name}", job, line=f"write {wish.folder}", quiet=True)

    def existing(self, wish: ExportWish) -> tuple[str, ...]:
        """Files of a wish that are there already."""
        return pack(self._open(), self.queries(wish), wish).existing

    def _open(self) -> Curated:
        curated = self._session.curated
        assert curated is not None, "an export needs a result"
        return curated


def pack(curated: Curated, queries: frozenset[int], wish: ExportWish) -> Package:
    """Result and style of a wish."""
    transform = None if wish.scale == 1.0 else np.diag([wish.scale] * 3 + [1.0])
    style = Style(
        threshold=0.0,  # the filters have decided already
        colors=wish.colors,
        transform=transform,
        labels=labels_of(curated),
        voxel_size=wish.voxel_size or None,
    )
    return Package(result=exported(curated, queries, rest=wish.rest), style=style, wish=wish)


def facts(package: Package) -> dict[str, object]:
    """What report.json says."""
    wish, style = package.wish, package.style
    return {
        "export": {
            "scope": wish.scope,
            "formats": list(wish.formats),
            "colors": wish.colors,
            "voxel_size": style.voxel_size,
            "scale": wish.scale,
        },
        "result": describe(package.result, 0.0, transform=style.transform),
        "names": {str(query): name for query, name in style.given_labels.names.items()},
    }


def default_folder(origin_folder: Path) -> Path:
    """Where an export of a scene goes unless the user says otherwise: beside the photos, in a folder of its own."""
    folder = origin_folder.resolve()
    return folder.parent / f"{folder.name}-export"
