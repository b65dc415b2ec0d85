"""Published weights onto this machine, when the user says so: license, tries, and what is said where it fails.

How a file travels is the business of `hub`, what is published that of `official_weights`. A broken connection and a
busy hub are tried again, and said to be; all else ends at once, with what was expected, what was found and what to do.
"""

import asyncio
import os
from dataclasses import replace

from fast3dis_core import hub
from fast3dis_core.errors import CheckpointError, DownloadError
from fast3dis_core.hub_cache import partial_bytes
from fast3dis_core.official_weights import (
    FILE_NAME,
    LICENSE_TERMS,
    OfficialWeights,
    VerifiedWeights,
    cached_file,
    verify,
)
from fast3dis_core.progress import Report, silent
from fast3dis_core.transfers import Meter, Watch, duration, megabytes, unwatched

CONFIG_NAME = "config.json"  # beside the weights; tells the two monocular networks apart
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before the next try, once bytes have come
FIRST_PAUSES = PAUSES[:2]  # before any: nobody waits long for a hub that is not there
LONGEST_WAIT = 60.0  # seconds a busy hub may ask for

_ELSEWHERE = "or fetch {page}/resolve/main/{file} on another machine and give it with --weights or Choose weights"
_ADVICE = {
    "offline": "Unset HF_HUB_OFFLINE",
    "unreachable": "Check the connection, the proxy (HTTPS_PROXY) and HF_ENDPOINT, which names a mirror, and try again",
    "proxy": "Check the proxy that HTTPS_PROXY or ALL_PROXY names",
    "certificate": "Name the certificates of your network with SSL_CERT_FILE",
    "client": "Check HF_ENDPOINT, which names a mirror",
    "broken": "Try again: it goes on where it stopped",
    "busy": "Try again later",
    "range": "Try again",
    "missing": "Check HF_ENDPOINT if it names a mirror, and whether {page} is still there",
    "gated": "Accept the conditions on {page}, then log in with `hf auth login` or set HF_TOKEN",
    "token": "Log in with `hf auth login` or set HF_TOKEN; a token that is set there may have expired",
    "refused": "Try again later",
    "stranger": "Check HF_ENDPOINT; a network that asks for a login in the browser answers like this as well",
    "damaged": "Try again",
    "disk": "Free some space, or name a folder on another disk with HF_HOME",
}


def download(
    weights: OfficialWeights,
    *,
    accept_license: bool = False,
    report: Report = silent,
    watch: Watch = unwatched,
) -> VerifiedWeights:
    """Fetch a published file into the hub's cache, or find it there, and verify it.

    Parameters
    ----------
    weights : OfficialWeights
    accept_license : bool
        Needed for non-commercial files: the user has read `LICENSE_TERMS` and agreed.
    report : callable
        Asked ten times a second whether to go on, while it waits for the network too.
    watch : callable
        Told as often what has arrived, and once at the end. Both are called on the thread of the caller.

    Raises
    ------
    DownloadError
        If the hub cannot be reached or refuses, the disk is full, or what arrived is not what was announced.
        What had arrived is kept, and the next download goes on from there.
    CheckpointError
        If the license is not accepted, or the file is of something else.
    """
    if weights.non_commercial and not accept_license:
        raise CheckpointError(
            f"{weights.repository} is licensed {weights.license} ({LICENSE_TERMS[weights.license]}). To accept, run "
            f"`{weights.download_command}`."
        )
    small, meter, step = Meter(), Meter(), f"Downloading {weights.name}"

    def look() -> None:
        now = replace(meter.now(), notice=small.notice or meter.notice)
        report(step, now.fraction)
        watch(now)

    try:
        fetched = hub.watched(_with_config(weights, small, meter, report), look)
    except hub.HubFailure as failure:
        there = cached_file(weights)
        if there is None or failure.kind not in ("offline", "unreachable", "busy"):
            raise DownloadError(_sentence(weights, failure)) from failure
        fetched = hub.Fetched(path=there)  # an earlier download; whether it is still the latest cannot be asked
    else:
        watch(replace(meter.now(), notice=""))  # the end is always told, however quickly it came
    return verify(fetched.path, weights.size, report=report, sha256=fetched.sha256)


def arrived_bytes(weights: OfficialWeights) -> int:
    """Bytes that an earlier download left unfinished; the next one goes on from there."""
    return partial_bytes(weights.repository)


async def _with_config(weights: OfficialWeights, small: Meter, meter: Meter, report: Report) -> hub.Fetched:
    """The weights, and before them the small file beside them, if there is one."""
    try:
        await _persist(weights.repository, CONFIG_NAME, small, silent)
    except hub.HubFailure as failure:
        if failure.kind != "missing":
            raise
    small.notice = ""
    return await _persist(weights.repository, FILE_NAME, meter, report)


async def _persist(repository: str, name: str, meter: Meter, report: Report) -> hub.Fetched:
    """Try until it is here, or there is no use in trying."""
    failures = 0
    while True:
        before = meter.received
        try:
            return await hub.fetch(repository, name, meter, report)
        except hub.HubFailure as failure:
            failures = 1 if meter.received > before else failures + 1
            pauses = PAUSES if meter.received else FIRST_PAUSES
            pause = max(pauses[failures - 1], failure.after or 0.0) if failures <= len(pauses) else None
            if not failure.passing or pause is None or pause > LONGEST_WAIT:
                raise
            await _wait(failure, pause, f"{failures} of {len(pauses)}", meter)


async def _wait(failure: hub.HubFailure, pause: float, which: str, meter: Meter) -> None:
    """Count down, so that everybody sees that it waits and why."""
    clock = asyncio.get_running_loop()
    until = clock.time() + pause
    found = failure.found.rstrip(".")
    if "." not in found.split(" ")[0]:  # the name of a host stays as it is
        found = found[:1].upper() + found[1:]
    while (left := until - clock.time()) > 0:
        meter.notice = f"{found}. Trying again in {duration(left)} ({which})"
        await asyncio.sleep(min(left, 0.5))
    meter.notice = f"Trying again ({which})"


def _sentence(weights: OfficialWeights, failure: hub.HubFailure) -> str:
    from huggingface_hub import constants

    expected = f"{FILE_NAME} of {weights.repository} ({megabytes(weights.approximate_bytes)}) from {constants.ENDPOINT}"
    found = failure.found.rstrip(".")
    if failure.after is not None and failure.after > LONGEST_WAIT:
        found += f", which asks to wait {duration(failure.after)}"
    if token := os.environ.get("HF_TOKEN"):
        found = found.replace(token, "HF_TOKEN")
    kept = arrived_bytes(weights)
    there = f" {megabytes(kept)} are here, and the next download goes on from there." if kept else ""
    elsewhere = _ELSEWHERE.format(file=FILE_NAME, page=weights.page)
    return (
        f"The weights {weights.name} could not be downloaded: expected {expected}, found: {found}. "
        f"{_ADVICE[failure.kind].format(page=weights.page)}, {elsewhere}.{there}"
    )
