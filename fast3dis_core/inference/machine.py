"""Facts about a run that are not its result: which network, which machine, which versions, how much memory.

They are written beside every result, so that two of them can be compared fairly.
"""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fast3dis_core.config import to_mapping
from fast3dis_core.inference.steps import LoadedModel


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
    return f"{device} ({platform.processor() or platform.machine()}, {torch.get_num_threads()} threads)"


def peak_memory(device: torch.device) -> dict[str, int]:
    """Most memory this process has held, bytes: of the machine, and of a CUDA device where one was used."""
    peak = {}
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        peak["machine"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    if device.type == "cuda":
        peak["device"] = torch.cuda.max_memory_allocated(device)
    return peak


def versions() -> dict[str, str]:
    """Versions of what computed the result."""
    try:
        own = metadata.version("fast3dis-viewer")
    except metadata.PackageNotFoundError:
        own = "not installed"
    return {
        "fast3dis-viewer": own,
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
