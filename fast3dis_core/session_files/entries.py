"""Entries of a session file: written in parts, read with every check made before memory is taken.

Arrays are .npy entries with a header of fixed form, so that a reader compares it instead of interpreting it. All
that zipfile, zlib and the disk can raise on a damaged or hostile file becomes `SessionError` here; `Cancelled`
passes. Which entries there are is left to `manifest`.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import ExportError, SessionError
from fast3dis_core.progress import Report, silent
from fast3dis_core.session_files.manifest import Spec

Array: TypeAlias = NDArray[Any]

LEVEL = 1  # of deflate: packed arrays gain 2 to 10 % from higher ones, for up to five times the time
CHUNK = 2**21  # bytes between two looks at `report`
CONTENT = 2**26  # bytes of the largest entry that is no array: manifest, layout, a photo
DEFLATE_RATIO = 1032  # no honest or hostile deflate stream expands more
SPARE = 2**30  # bytes any file may expand to: empty masks and uniform pictures shrink without limit
_ZIP64 = 2**30  # bytes from which an entry is written with 64-bit sizes; far below what needs them
_MAGIC = b"PK\x03\x04"
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    # zipfile names what it does not know, such as encryption, in these two
    NotImplementedError,
    RuntimeError,
)


def largest_expansion(size: int) -> int:
    """Bytes that a file of `size` bytes may take in memory."""
    return SPARE + DEFLATE_RATIO * size


class EntryWriter:
    """Adds entries to an open ZIP and reports bytes done.

    Parameters
    ----------
    archive : ZipFile
        With deflate as its compression.
    step : str
        For `report`.
    total : int
        Bytes of all entries before compression, roughly.
    report : Report
    """

    def __init__(self, archive: zipfile.ZipFile, *, step: str, total: int, report: Report) -> None:
        self._archive, self._step, self._total, self._report = archive, step, max(total, 1), report
        self._done = 0

    def content(self, name: str, content: bytes, *, deflate: bool = False) -> None:
        """Bytes as they are.

        Raises
        ------
        ExportError
            If a reader would refuse them for their size.
        """
        if len(content) > CONTENT:
            raise ExportError(
                f"{name} would have {len(content):,} bytes, a session holds at most {CONTENT:,} of it: "
                "remove some of the edits or names."
            )
        with self._opened(name, len(content), deflate=deflate) as member:
            member.write(content)
        self._advance(len(content))

    def array(self, name: str, array: Array, spec: Spec, *, deflate: bool = True) -> None:
        """One array."""
        self.blocks(name, [array], spec, deflate=deflate)

    def blocks(self, name: str, blocks: Iterable[Array], spec: Spec, *, deflate: bool = True) -> None:
        """An array whose bytes are those of all `blocks` in a row; one block is in memory at a time."""
        header = npy_header(spec)
        left = spec.size
        with self._opened(f"{name}.npy", len(header) + left, deflate=deflate) as member:
            member.write(header)
            for block in blocks:
                assert block.dtype.str == spec.dtype, f"{name}: expected {spec.dtype}, found {block.dtype.str}"
                content = octets(np.ascontiguousarray(block))
                left -= len(content)
                for start in range(0, len(content), CHUNK):
                    part = content[start : start + CHUNK]
                    member.write(part)
                    self._advance(len(part))
        assert left == 0, f"{name}: {left} bytes missing of {spec}"

    @contextmanager
    def _opened(self, name: str, size: int, *, deflate: bool) -> Iterator[IO[bytes]]:
        # a name takes compression and level of the archive, an entry of one's own is stored; both have a fixed date
        entry = name if deflate else zipfile.ZipInfo(name)
        with self._archive.open(entry, "w", force_zip64=size > _ZIP64) as member:
            yield member

    def _advance(self, count: int) -> None:
        self._done += count
        self._report(self._step, min(self._done / self._total, 1.0))


class EntryReader:
    """Reads entries by their exact names.

    Parameters
    ----------
    path : Path
        For messages.
    archive : ZipFile
    size : int
        Of the file, bytes.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile, size: int) -> None:
        self.path, self._archive, self._size = path, archive, size
        self._step, self._total, self._done = "", 1, 0
        self._report: Report = silent

    def follow(self, report: Report, step: str, total: int) -> None:
        """Report the bytes read from now on as parts of `total`."""
        self._report, self._step, self._total = report, step, max(total, 1)

    def damaged(self, what: object) -> SessionError:
        """An error for a file that is not as it should be."""
        return SessionError(
            f"{self.path} is damaged or incomplete: {what}. Open another copy of it, or an earlier one."
        )

    def afford(self, size: int) -> None:
        """Refuse contents of `size` bytes that this file cannot honestly hold.

        Raises
        ------
        SessionError
        """
        if size > largest_expansion(self._size):
            raise self.damaged(f"its {self._size:,} bytes claim to hold {size:,}")

    def content(self, name: str) -> bytes:
        """All bytes of an entry that is no array.

        Raises
        ------
        SessionError
            If it is missing, damaged, or larger than any such entry.
        """
        entry = self._find(name)
        if entry.file_size > CONTENT:
            raise self.damaged(f"{name} claims to have {entry.file_size:,} bytes, expected at most {CONTENT:,}")
        with self._opened(entry) as member:
            content = self._read(member, entry.file_size)
            if len(content) != entry.file_size:
                raise self.damaged(f"{name} ends early")
            self._read(member, 1)  # the check sum is compared at the end
        self._advance(len(content))
        return content

    def array(self, name: str, spec: Spec) -> Array:
        """One array.

        Raises
        ------
        SessionError
            If it is missing, damaged or not of this type and shape.
        """
        with self._array(name, spec) as member:
            array = self._filled(member, name, spec.dtype, spec.shape)
            self._read(member, 1)
        return array

    def views(self, name: str, spec: Spec) -> Iterator[Array]:
        """An array one by one along its first axis.

        Raises
        ------
        SessionError
            As `array`; a wrong check sum shows after the last one only.
        """
        with self._array(name, spec) as member:
            for _ in range(spec.shape[0]):
                yield self._filled(member, name, spec.dtype, spec.shape[1:])
            self._read(member, 1)

    @contextmanager
    def _array(self, name: str, spec: Spec) -> Iterator[IO[bytes]]:
        """The entry of an array, behind its header."""
        entry = self._find(f"{name}.npy")
        header = npy_header(spec)
        size = len(header) + spec.size
        with self._opened(entry) as member:
            found = self._read(member, len(header))
            if found != header or entry.file_size != size:
                beginning = found[10:].decode("ascii", "replace").strip()
                raise self.damaged(
                    f"{entry.filename} should be {spec.dtype} of shape {spec.shape} in {size:,} bytes; "
                    f"found {entry.file_size:,} bytes of {beginning!r:.100}"
                )
            yield member

    def _find(self, name: str) -> zipfile.ZipInfo:
        try:
            entry = self._archive.getinfo(name)
        except KeyError as error:
            raise self.damaged(f"the entry {name} is missing") from error
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self.damaged(f"{name} is compressed in the unknown way {entry.compress_type}")
        return entry

    @contextmanager
    def _opened(self, entry: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        try:
            member = self._archive.open(entry)
        except _DAMAGE as error:
            raise self.damaged(error) from error
        with member:
            yield member

    def _read(self, member: IO[bytes], count: int) -> bytes:
        try:
            return member.read(count)
        except _DAMAGE as error:
            raise self.damaged(error) from error

    def _filled(self, member: IO[bytes], name: str, dtype: str, shape: tuple[int, ...]) -> Array:
        """The next array of an entry, read part by part."""
        array = np.empty(shape, dtype)
        content = octets(array)
        filled = 0
        while filled < len(content):
            part = self._read(member, min(CHUNK, len(content) - filled))
            if not part:
                raise self.damaged(f"{name}.npy ends early")
            content[filled : filled + len(part)] = part
            filled += len(part)
            self._advance(len(part))
        return array

    def _advance(self, count: int) -> None:
        self._done += count
        self._report(self._step, min(self._done / self._total, 1.0))


@contextmanager
def opened_session(path: Path, within: BinaryIO | None = None) -> Iterator[EntryReader]:
    """Open a file for reading its entries.

    Parameters
    ----------
    path : Path
    within : file, optional
        A session that lies in the file of this path.

    Raises
    ------
    SessionError
        If it cannot be read, is no ZIP, or the block runs out of memory.
    """
    with within or _file(path) as file:
        try:
            magic = file.read(len(_MAGIC))
            size = file.seek(0, 2)
            archive = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise SessionError(_no_session(path, magic, error)) from error
        with archive:
            try:
                yield EntryReader(path, archive, size)
            except MemoryError as error:
                raise SessionError(
                    f"{path} needs more memory than is free: close other programs, open it without its features, "
                    "or on another machine."
                ) from error


def _file(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise SessionError(_in_plain_words(error, path)) from error


def npy_header(spec: Spec) -> bytes:
    """The .npy header of an array in C order: format 1.0, always the same bytes for the same array."""
    text = f"{{'descr': '{spec.dtype}', 'fortran_order': False, 'shape': {spec.shape!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("ascii")


def octets(array: Array) -> memoryview:
    """The bytes of a contiguous array, shared."""
    return array.reshape(-1).view(np.uint8).data


def _in_plain_words(error: OSError, path: Path) -> str:
    if path.is_dir():
        return f"{path} is a folder, expected a session file: choose a file, or open the folder as photos."
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"{path} does not exist: it was moved or renamed; choose the session file where it is now."
    return f"{path} cannot be read: {error.strerror or error}. Check its permissions, or copy it to another disk."


def _no_session(path: Path, magic: bytes, error: Exception) -> str:
    if not magic:
        return f"{path} is empty, expected a session: open another copy of it, or an earlier one."
    if not _MAGIC.startswith(magic):
        return f"{path} is no session: expected a file saved by this program; choose another file."
    return (
        f"{path} is damaged or incomplete: its table of contents, at the end of the file, is not readable ({error}). "
        "Open another copy of it, or an earlier one."
    )
