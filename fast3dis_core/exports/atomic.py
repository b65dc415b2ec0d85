"""Files that appear complete or not at all, and disk errors in plain words.

Everything is written under a temporary name beside its target and renamed at the end. Any exception,
`Cancelled` and Ctrl-C included, removes what was written. File contents are left to the other modules.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from fast3dis_core.errors import ExportError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def atomic_file(path: str | Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a file that takes its name only if the block ends well.

    Parameters
    ----------
    path : str or Path
        Its folder must exist. A link is followed, so that the link itself stays.
    overwrite : bool
        Whether an existing file may be replaced; it stays as it was until the very end.

    Yields
    ------
    BinaryIO
        Positioned at 0, seekable.

    Raises
    ------
    ExportError
        If the target exists and `overwrite` is false, is a folder, or the disk refuses.
    """
    named = Path(path)
    with plain_disk_errors(named):
        target = Path(os.path.realpath(named))
        refuse_existing(target, overwrite=overwrite)
        # a short name of our own: a target whose name is just short enough must not fail for its suffix
        temporary = target.parent / f".fast3dis-{secrets.token_hex(6)}.part"
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            refuse_existing(target, overwrite=overwrite)  # somebody may have been faster meanwhile
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


@contextmanager
def atomic_folder(folder: str | Path, names: Sequence[str], *, overwrite: bool) -> Iterator[Path]:
    """Collect several files and move them into `folder` together if the block ends well.

    Parameters
    ----------
    folder : str or Path
        Created if missing, and removed again if nothing was written.
    names : sequence of str
        Relative paths, with "/", of the files that the block will write.
    overwrite : bool
        Whether files of these names may be replaced. Other files in the folder are never touched.

    Yields
    ------
    Path
        Staging folder; write every name below it with `write_staged`.

    Raises
    ------
    ExportError
        If one of the files exists and `overwrite` is false, or the disk refuses.
    """
    target = Path(folder)
    with plain_disk_errors(target):
        if target.exists() and not target.is_dir():
            raise ExportError(f"{target} is a file, but a folder is needed here: choose another name.")
        for name in names:
            refuse_existing(target / name, overwrite=overwrite)
        created: list[Path] = []
        staging = target / f".fast3dis-{secrets.token_hex(6)}.part"
        try:
            _make_folders(staging, created)
            yield staging
            _move_all(staging, target, names, created)
            created.clear()
        except ExportError as error:  # in words of the folder that was asked for
            raise ExportError(str(error).replace(str(staging), str(target))) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            for parent in reversed(created):
                with suppress(OSError):
                    parent.rmdir()


def write_staged(path: Path, content: bytes) -> None:
    """Write one file of a staging folder down to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise `ExportError` if `target` is a folder, or exists and may not be replaced."""
    try:
        os.lstat(target)  # also finds names that are too long and links that lead nowhere
    except FileNotFoundError:
        return
    if target.is_dir():
        raise ExportError(f"{target} is a folder, but a file is to be written: choose another name.")
    if not overwrite:
        raise ExportError(f"{target} exists already: choose another name, or allow overwriting (overwrite=True).")


@contextmanager
def plain_disk_errors(path: Path) -> Iterator[None]:
    """Translate the `OSError`s of a block that writes `path` into `ExportError`."""
    try:
        yield
    except OSError as error:
        raise ExportError(_in_plain_words(error, path)) from error


def _in_plain_words(error: OSError, path: Path) -> str:
    folder = path.parent
    if error.errno in _FULL:
        return f"The disk of {folder} is full; {path.name} was not written. Free some space or choose another disk."
    if error.errno == errno.EFBIG:
        return f"{path} would be larger than this disk or account allows. Choose another disk or export less."
    if error.errno in _FORBIDDEN:
        return (
            f"{path} cannot be written: the folder or file is read-only, or open in another program. "
            "Choose another folder, or change its permissions."
        )
    if error.errno == errno.ENAMETOOLONG:
        return f"The name {path.name[:40]}… is longer than this disk allows. Choose a shorter one."
    file = next((parent for parent in path.parents if os.path.isfile(parent)), None)  # which raises nothing
    if error.errno == errno.ENOTDIR and file is not None:
        return f"{file} is a file, but a folder is needed there: choose another one."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"The folder {folder} does not exist. Create it or choose another one."
    return f"{path} could not be written: {error.strerror or error}. Try another folder or disk."


def _make_folders(folder: Path, created: list[Path]) -> None:
    """Create `folder` and its missing parents, noting each in `created`."""
    missing = [folder, *folder.parents]
    missing = missing[: next(index for index, parent in enumerate(missing) if parent.is_dir())]
    for parent in reversed(missing):
        parent.mkdir()
        created.append(parent)


def _move_all(staging: Path, target: Path, names: Sequence[str], created: list[Path]) -> None:
    """Move every file to its place; if one cannot be moved, put back what was there before."""
    replaced = staging / ".replaced"
    undo: list[tuple[Path, Path]] = []
    try:
        for index, name in enumerate(names):
            place = target / name
            _make_folders(place.parent, created)
            if place.exists():
                replaced.mkdir(exist_ok=True)
                os.replace(place, replaced / str(index))
                undo.append((replaced / str(index), place))
            os.replace(staging / name, place)
            undo.append((place, staging / name))
    except BaseException:
        for source, place in reversed(undo):
            os.replace(source, place)
        raise
