"""Facts about a run that are not its result: which network, which machine, which versions, how long, how much memory.

They are written beside every result, so that two of them can be compared fairly.
"""

import ctypes
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fast3dis_core
from fast3dis_core.config import to_mapping
from fast3dis_core.cost import forget_peak, peak_of_machine
from fast3dis_core.inference.steps import LoadedModel
from fast3dis_core.progress import Report, silent

_PROCESSORS = Path("/proc/cpuinfo")  # of Linux


class StepMeter:
    """A `report` that also measures each step, to be ended by `finish`.

    Parameters
    ----------
    device : torch.device
        Waited for wherever one step ends and the next begins.
    report : Report
        Told everything.

    Attributes
    ----------
    seconds : dict of str to float
        Of the finished steps.
    cpu_seconds : dict of str to float
        Processor time of all threads of this process, for each of them: what other programs take is not in it.
    peak_memory : dict of str to dict of str to int
        Bytes, as of `peak_memory`, for each of them. Of the machine's memory only Linux tells more than the most
        since the process began.
    """

    def __init__(self, device: torch.device, report: Report = silent) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
        self.peak_memory: dict[str, dict[str, int]] = {}
        self._device, self._report = device, report
        self._step, self._started, self._cpu_started = "", 0.0, 0.0

    def __call__(self, step: str, fraction: float) -> None:
        """Report."""
        if step != self._step:
            self.finish()
            self._step = step
            self._wait()
            forget_peak_memory(self._device)
            self._started, self._cpu_started = time.monotonic(), time.process_time()
        self._report(step, fraction)

    def finish(self) -> None:
        """End the running step."""
        if not self._step:
            return
        self._wait()
        for kept, spent in (
            (self.seconds, time.monotonic() - self._started),
            (self.cpu_seconds, time.process_time() - self._cpu_started),
        ):
            kept[self._step] = kept.get(self._step, 0.0) + spent
        before, now = self.peak_memory.get(self._step, {}), peak_memory(self._device)
        self.peak_memory[self._step] = {name: max(value, before.get(name, 0)) for name, value in now.items()}
        self._step = ""

    def _wait(self) -> None:
        """Let the device finish what it was given."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def model_facts(model: LoadedModel) -> dict[str, Any]:
    """Which network ran, with which weights, where."""
    provenance = model.weights.provenance
    return {
        "config": to_mapping(model.config),
        "weights": model.weights.backbone or "untrained",
        "heads": model.weights.heads or "untrained heads",
        "status": model.status or "trained",
        "provenance": None if provenance is None else to_mapping(provenance),
        "device": device_name(model.device),
        "precision": model.precision,
    }


def device_name(device: torch.device) -> str:
    """Device with the name of its maker."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"{device} ({_processor()}, {threads} thread{'' if threads == 1 else 's'})"


def _processor() -> str:
    with suppress(OSError):
        for line in _PROCESSORS.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def memory_there(device: torch.device) -> int:
    """Bytes of memory a device has in all; 0 where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return 0


def devices_there() -> tuple[str, ...]:
    """Names of the devices that `choose_device` would accept here."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return (*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu")


def forget_peak_memory(device: torch.device) -> None:
    """Let `peak_memory` start anew, as far as the system allows it."""
    forget_peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def give_back_memory() -> None:
    """Return what CUDA and the C library keep for later to the system, after something large was dropped.

    Garbage is not collected: nothing of ours lies in cycles, and on a worker thread that could end objects of a window.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # glibc's; other libraries give back by themselves
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def peak_memory(device: torch.device) -> dict[str, int]:
    """Most memory this process has held, bytes: of the machine, and of a CUDA device where one was used."""
    peak = {}
    if (machine := peak_of_machine()) is not None:
        peak["machine"] = machine
    if device.type == "cuda":
        peak["device"] = torch.cuda.max_memory_allocated(device)
    return peak


def versions() -> dict[str, str]:
    """Versions of what computed the result."""
    return {
        "fast3dis-viewer": fast3dis_core.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": platform.platform(),
    }


def code_commit() -> str:
    """Commit of the checkout this code lies in, with "+" if files differ from it; empty elsewhere."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return f"{commit}+" if _git(root, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return ""  # no git here: nothing to tell


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
