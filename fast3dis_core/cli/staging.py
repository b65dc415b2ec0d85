"""An output folder that appears complete or not at all.

Everything is written into a hidden folder and moved into place at the end, one rename for each output. It lies
in the target where that exists, which may be a disk of its own, or lie in a folder that is read-only; else beside
it. An error, Ctrl-C or a full disk before the end leaves the target as it was; one during the renames puts them
back. Single files are written by `fast3dis_core.exports`.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fast3dis_core.cli.exits import Interrupts
from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import plain_disk_errors


def refuse_existing_outputs(target: Path, outputs: Sequence[str], *, overwrite: bool) -> None:
    """Raise `ExportError` if `target` holds one of the outputs already, or is no folder.

    Parameters
    ----------
    target : Path
    outputs : sequence of str
        Names of files and folders that a run may write.
    overwrite : bool
        Whether they may be replaced.
    """
    with plain_disk_errors(target):
        with suppress(FileNotFoundError):
            os.lstat(target)  # also finds names that are too long, before anything is computed
        if os.path.lexists(target) and not target.is_dir():
            raise ExportError(f"{target} is a file: expected a folder for the results; choose another --out.")
        found = [name for name in outputs if os.path.lexists(target / name)]
    if found and not overwrite:
        raise ExportError(
            f"{target} holds results already ({', '.join(found)}): choose another --out, or allow --overwrite."
        )


@contextmanager
def staged_folder(
    target: Path, outputs: Sequence[str], interrupts: Interrupts, *, overwrite: bool = False
) -> Iterator[Path]:
    """Collect results in a hidden folder that takes the place of `target`'s older results at the end.

    Parameters
    ----------
    target : Path
        Created, with its parents, if missing; its other content is never touched.
    outputs : sequence of str
        Every name a run may write. With `overwrite`, all of an earlier run go, also those not written now.
    interrupts : Interrupts
        Held while files are moved into place.
    overwrite : bool

    Yields
    ------
    Path
        The folder to write to.

    Raises
    ------
    ExportError
        If results exist and may not be replaced, or the disk refuses.
    """
    refuse_existing_outputs(target, outputs, overwrite=overwrite)
    created: list[Path] = []
    home = target if target.is_dir() else target.parent
    staging = home / f".fast3dis-{secrets.token_hex(6)}.part"
    try:
        with plain_disk_errors(target):
            _make_parents(home, created)
            staging.mkdir()
        try:
            yield staging
        except ExportError as error:  # in words of the folder that was asked for
            raise ExportError(str(error).replace(str(staging), str(target))) from error
        refuse_existing_outputs(target, outputs, overwrite=overwrite)  # somebody may have been faster meanwhile
        with interrupts.held(), plain_disk_errors(target):
            _publish(staging, target, outputs)
            created.clear()
    finally:
        with interrupts.held():
            shutil.rmtree(staging, ignore_errors=True)
            for parent in reversed(created):
                with suppress(OSError):
                    parent.rmdir()


def _make_parents(folder: Path, created: list[Path]) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        with suppress(FileExistsError):  # another process of the same run may have been faster
            parent.mkdir()
            created.append(parent)


def _publish(staging: Path, target: Path, outputs: Sequence[str]) -> None:
    if not os.path.lexists(target):
        os.replace(staging, target)
        return
    replaced = staging.with_suffix(".replaced")
    undo: list[tuple[Path, Path]] = []
    try:
        replaced.mkdir()
        for name in outputs:
            if os.path.lexists(target / name):
                os.replace(target / name, replaced / name)
                undo.append((replaced / name, target / name))
        for entry in sorted(staging.iterdir()):
            os.replace(entry, target / entry.name)
            undo.append((target / entry.name, entry))
    except BaseException:
        for source, place in reversed(undo):
            os.replace(source, place)
        raise
    finally:
        shutil.rmtree(replaced, ignore_errors=True)
