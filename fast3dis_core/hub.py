"""One file of the hub into the hub's cache: taken up where it stopped, given up at once, checked before it counts.

huggingface_hub says where hub and cache are and who asks (HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE), and makes
the client (proxies, certificates). Asking and receiving are done here, because its own download throws away what had
arrived when it ends early, cannot be stopped while it waits, and tells nobody that it does. It runs in an event loop
of its own on the caller's thread, so that every wait can be given up; nothing goes on afterwards.

Retries and what is said about failures are left to `downloads`.
"""

import asyncio
import errno
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from fast3dis_core.hub_cache import BRANCH, SHA256_DIGITS, Places, alone, link, make_folders, places_of, refer
from fast3dis_core.progress import Report
from fast3dis_core.transfers import Meter
from fast3dis_core.weight_files import file_sha256

TICK = 0.1  # seconds between two looks at whether to go on
REDIRECTS = 5  # on the hub itself, for repositories that were renamed
SAFE = re.compile(r"[\w-]+")  # commits and hashes become names of files

Result = TypeVar("Result")


class HubFailure(Exception):
    """A try that came to nothing; `downloads` makes sentences of it.

    Parameters
    ----------
    kind : str
        "offline", "unreachable", "proxy", "certificate", "client", "broken" (a connection), "busy", "range",
        "missing", "gated", "token", "refused", "stranger" (not a hub), "damaged", "disk".
    found : str
        What was met, in a few words.
    passing : bool
        Whether another try may do better.
    after : float, optional
        Seconds the hub asks to wait before that.
    """

    def __init__(self, kind: str, found: str, *, passing: bool = False, after: float | None = None) -> None:
        super().__init__(found)
        self.kind, self.found, self.passing, self.after = kind, found, passing, after


@dataclass(frozen=True, kw_only=True)
class Announced:
    """What the hub says about a file: the commit it is of, its hash, its bytes, and where it can be fetched."""

    commit: str
    etag: str
    size: int | None
    address: str


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file that is in the cache; its SHA-256 where it was computed on the way."""

    path: Path
    sha256: str | None = None


async def fetch(repository: str, name: str, meter: Meter, report: Report) -> Fetched:
    """One try to get a file, from the beginning or from where the last one stopped.

    Parameters
    ----------
    repository, name : str
    meter : Meter
        Told what arrives.
    report : callable
        Told of the hash that is computed.

    Raises
    ------
    HubFailure
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise HubFailure("offline", "HF_HUB_OFFLINE forbids downloads")
    client = _client()
    async with client:
        announced = await _locate(client, repository, name)
        places = places_of(repository, name, commit=announced.commit, etag=announced.etag)
        if not places.pointer.exists():
            try:
                return await _bring(client, announced, places, meter, report)
            except OSError as error:
                raise _disk(error, places.blob.parent) from error
    with suppress(OSError):  # a cache that cannot be written has the file all the same
        refer(places, announced.commit)
    return Fetched(path=places.pointer)


def watched(work: Coroutine[Any, Any, Result], look: Callable[[], None]) -> Result:
    """Result of a coroutine, in a loop of its own; `look` is called ten times a second and ends it by raising."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_watched(work, look))
    finally:
        left = asyncio.all_tasks(loop)  # after Ctrl-C in the middle of things
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()  # a name that is still being looked up is left to itself


async def _watched(work: Coroutine[Any, Any, Result], look: Callable[[], None]) -> Result:
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            look()
            await asyncio.wait([task], timeout=TICK)
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, HubFailure):
                await task
    return await task


async def _bring(client: Any, announced: Announced, places: Places, meter: Meter, report: Report) -> Fetched:
    """Content first, then the names that lead to it."""
    make_folders(places)
    found = None
    async with alone(places.lock, meter):
        if not places.blob.exists():
            await _receive(client, announced, places.partial, meter)
            found = _check(announced, places.partial, report)
            os.replace(places.partial, places.blob)
        link(places)
        refer(places, announced.commit)
    return Fetched(path=places.pointer, sha256=found)


async def _locate(client: Any, repository: str, name: str) -> Announced:
    """Ask the hub, which may send elsewhere; its storage is not asked, which knows nothing about commits."""
    from huggingface_hub import constants, hf_hub_url

    address = hf_hub_url(repository, name, revision=BRANCH, endpoint=constants.ENDPOINT)
    for _ in range(REDIRECTS):
        async with _answer(client, "HEAD", address, _headers(address), constants.HF_HUB_ETAG_TIMEOUT) as response:
            headers, elsewhere = response.headers, urljoin(address, response.headers.get("Location", ""))
            described = constants.HUGGINGFACE_HEADER_X_REPO_COMMIT in headers
            if not response.is_redirect or (described and not _same_origin(elsewhere, address)):
                break
            address = elsewhere
    commit = headers.get(constants.HUGGINGFACE_HEADER_X_REPO_COMMIT, "")
    etag = headers.get(constants.HUGGINGFACE_HEADER_X_LINKED_ETAG) or headers.get("ETag", "")
    etag = etag.removeprefix("W/").strip('"')
    if not (SAFE.fullmatch(commit) and SAFE.fullmatch(etag)):
        raise HubFailure("stranger", f"an answer of {urlsplit(address).netloc} without commit and hash")
    size = headers.get(constants.HUGGINGFACE_HEADER_X_LINKED_SIZE, "")
    if not size and not response.is_redirect:
        size = headers.get("Content-Length", "")
    return Announced(commit=commit, etag=etag, size=int(size) if size.isdigit() else None, address=elsewhere)


async def _receive(client: Any, announced: Announced, partial: Path, meter: Meter) -> None:
    """Append to what is there until the file is whole."""
    have = partial.stat().st_size if partial.exists() else 0
    if announced.size is not None and have > announced.size:
        partial.unlink()
        have = 0
    if have and have == announced.size:
        meter.begin(have, have)
        return
    _room(announced, have, partial.parent)
    try:
        await _append(client, announced, partial, have, meter)
    except HubFailure as failure:
        if failure.kind == "range":
            partial.unlink()
        raise


async def _append(client: Any, announced: Announced, partial: Path, have: int, meter: Meter) -> None:
    from huggingface_hub import constants

    headers = _headers(announced.address) | ({"Range": f"bytes={have}-"} if have else {})
    async with _answer(client, "GET", announced.address, headers, constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        meter.notice = ""
        if have and response.status_code != 206:
            have = 0
            meter.notice = "The server cannot go on where it stopped: it starts again"
        size = _told_size(response, have)
        if announced.size is not None and size is not None and size != announced.size:
            raise HubFailure("damaged", f"{size:,} bytes where {announced.size:,} were announced")
        meter.begin(have, announced.size or size or 0)
        with partial.open("ab" if have else "wb", buffering=0) as out:
            async for chunk in response.aiter_raw():
                rest = memoryview(chunk)
                while rest:
                    rest = rest[out.write(rest) :]
                meter.add(len(chunk))
    there, whole = partial.stat().st_size, announced.size or size
    if whole is not None and there != whole:
        raise HubFailure("broken", f"the connection ended after {there:,} of {whole:,} bytes", passing=True)


def _check(announced: Announced, partial: Path, report: Report) -> str | None:
    """SHA-256 of what arrived, if the hub recorded one; what differs from it is deleted."""
    if len(announced.etag) != SHA256_DIGITS:
        return None
    found = file_sha256(partial, report)
    if found != announced.etag:
        partial.unlink()
        raise HubFailure("damaged", f"SHA-256 {found} where {announced.etag} was announced")
    return found


@asynccontextmanager
async def _answer(
    client: Any, method: str, address: str, headers: dict[str, str], seconds: float
) -> AsyncIterator[Any]:
    """Answer to a question; errors of the line and of the hub as failures. Only a HEAD follows nothing."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    http: Any = sys.modules[type(client).__module__.partition(".")[0]]  # its name depends on huggingface_hub's release
    try:
        async with client.stream(
            method,
            address,
            headers={"Accept-Encoding": "identity", **headers},
            timeout=seconds,
            follow_redirects=method == "GET",
        ) as response:
            _refuse(response)
            yield response
    except OfflineModeIsEnabled as error:
        raise HubFailure("offline", "offline mode is on") from error
    except http.ProxyError as error:
        raise HubFailure("proxy", _reason(error)) from error
    except (http.InvalidURL, http.UnsupportedProtocol) as error:
        raise HubFailure("client", f"the address {address} ({_reason(error)})") from error
    except http.ConnectError as error:
        if "CERTIFICATE" in str(error).upper():
            raise HubFailure("certificate", _reason(error)) from error
        raise HubFailure("unreachable", f"{urlsplit(address).netloc}: {_reason(error)}", passing=True) from error
    except http.ConnectTimeout as error:  # patience was shown
        words = f"{urlsplit(address).netloc} does not answer within {seconds:g} s"
        raise HubFailure("unreachable", words, passing=False) from error
    except http.TimeoutException as error:
        raise HubFailure("broken", f"nothing came for {seconds:g} s", passing=True) from error
    except http.HTTPError as error:
        raise HubFailure("broken", f"the connection broke ({_reason(error)})", passing=True) from error


def _refuse(response: Any) -> None:
    """Failure of an answer that is none."""
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if status < 400:
        return
    found = f"{status} {response.headers.get('X-Error-Message') or code or response.reason_phrase}".strip()
    if status in (408, 429) or status >= 500:
        after = response.headers.get("Retry-After", "")
        raise HubFailure("busy", found, passing=True, after=float(after) if after.isdigit() else None)
    if status == 416:  # what is here is no beginning of that file
        raise HubFailure("range", found, passing=True)
    if code == "GatedRepo" or status == 403:
        raise HubFailure("gated", found)
    if status == 401:
        raise HubFailure("token", found)
    raise HubFailure("missing" if status in (404, 410) else "refused", found)


def _told_size(response: Any, have: int) -> int | None:
    """Bytes of the whole file, as the answer tells."""
    if response.status_code == 206:
        told = response.headers.get("Content-Range", "")  # bytes 100-299/300
        start, whole = told.removeprefix("bytes ").partition("-")[0], told.rpartition("/")[2]
        if start != str(have):
            raise HubFailure("damaged", f"bytes from {start or 'nowhere'} where those from {have} were asked for")
        return int(whole) if whole.isdigit() else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _client() -> Any:
    """Client of huggingface_hub: its proxies and certificates."""
    from huggingface_hub import get_async_session

    try:
        return get_async_session()
    except (ImportError, ValueError) as error:  # a proxy it cannot speak to, or that is none
        raise HubFailure("proxy", _reason(error)) from error


def _headers(address: str) -> dict[str, str]:
    """Who asks. The token goes to the hub alone; no telemetry is sent."""
    from huggingface_hub import constants, get_token

    headers = {"User-Agent": "fast3dis-viewer"}
    if _same_origin(address, constants.ENDPOINT) and not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        token = get_token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
    return headers


def _room(announced: Announced, have: int, folder: Path) -> None:
    """Failure before the disk is full, rather than when it is."""
    free = shutil.disk_usage(folder).free
    if announced.size is not None and free < announced.size - have:
        words = f"{announced.size - have:,} bytes are to come, {free:,} are free in {folder}"
        raise HubFailure("disk", words)


def _disk(error: OSError, folder: Path) -> HubFailure:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HubFailure("disk", f"the disk of {folder} is full")
    return HubFailure("disk", f"{folder} cannot be written ({error.strerror or error})")


def _same_origin(first: str, second: str) -> bool:
    one, other = urlsplit(first), urlsplit(second)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
