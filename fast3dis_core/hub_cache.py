"""Where the hub's cache keeps a file: laid out as huggingface_hub does, so that it and others find what is fetched.

A content has its hash for a name (`blobs`), a snapshot of a commit links to contents by the names of files, and a
reference says at which commit the branch is. What has arrived of a content waits beside it. Receiving is left to `hub`.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fast3dis_core.transfers import Meter

BRANCH = "main"
SHA256_DIGITS = 64  # of the hash of a large file; small ones have another hash
PATIENCE = 0.1  # seconds between two tries to get a lock


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the hub's cache keeps a file: the content, what has arrived of it, and the names that lead there."""

    blob: Path
    partial: Path
    lock: Path
    pointer: Path
    reference: Path


def places_of(repository: str, name: str, *, commit: str, etag: str) -> Places:
    """Places of a file of a commit, whose content has a hash."""
    folder = _folder(repository, None)
    return Places(
        blob=folder / "blobs" / etag,
        partial=folder / "blobs" / f"{etag}.incomplete",
        lock=folder.parent / ".locks" / folder.name / f"{etag}.lock",
        pointer=folder / "snapshots" / commit / name,
        reference=folder / "refs" / BRANCH,
    )


def make_folders(places: Places) -> None:
    """Make the folders of all places."""
    for folder in (places.blob.parent, places.lock.parent, places.pointer.parent, places.reference.parent):
        folder.mkdir(parents=True, exist_ok=True)


def link(places: Places) -> None:
    """Let the name lead to the content."""
    if not places.pointer.exists():
        try:
            places.pointer.symlink_to(os.path.relpath(places.blob, places.pointer.parent))
        except OSError:  # no links on this system: the name itself gets the content
            os.replace(places.blob, places.pointer)


def partial_bytes(repository: str, cache: Path | None = None) -> int:
    """Bytes of a repository's largest file that an earlier try left in the cache."""
    largest = 0
    for path in (_folder(repository, cache) / "blobs").glob("*.incomplete"):
        if _is_ours(path):
            with suppress(FileNotFoundError):  # complete just now
                largest = max(largest, path.stat().st_size)
    return largest


@asynccontextmanager
async def alone(lock: Path, meter: Meter) -> AsyncIterator[None]:
    """The lock that huggingface_hub takes as well, so that two programs do not write one file."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    while True:
        holder = WeakFileLock(lock, timeout=0.01)
        try:
            holder.__enter__()
            break
        except TimeoutError:
            meter.notice = "Another program downloads this file: waiting for it"
            await asyncio.sleep(PATIENCE)
    meter.notice = ""
    try:
        yield
    finally:
        holder.__exit__(None, None, None)


def _folder(repository: str, cache: Path | None) -> Path:
    from huggingface_hub import constants

    return (cache or Path(constants.HF_HUB_CACHE)) / f"models--{repository.replace('/', '--')}"


def _is_ours(path: Path) -> bool:
    """A file that can be taken up again; those of huggingface_hub have a second part in their names."""
    return len(path.name.removesuffix(".incomplete")) == SHA256_DIGITS


def refer(places: Places, commit: str) -> None:
    """The branch is at this commit."""
    if not places.reference.exists() or places.reference.read_text() != commit:
        fresh = places.reference.with_name(f"{BRANCH}.{os.getpid()}.tmp")
        fresh.write_text(commit)
        os.replace(fresh, places.reference)
