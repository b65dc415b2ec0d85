"""Texts about the program itself: the report for an issue, and whose work under which license it is made of."""

import os
import platform
import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution, requires
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

PROGRAM, LICENSE = "fast3dis-viewer", "Apache-2.0"
CLASSIFIER = "License :: OSI Approved :: "


class Part(NamedTuple):
    """A part of the program: its name, its version or size, its license."""

    name: str
    version: str
    license: str


def report(
    *,
    environment: str,
    tables: Iterable[tuple[str, Sequence[tuple[str, object]]]],
    error: BaseException | None,
    log: Sequence[str],
) -> str:
    """What an issue needs: versions, device, memory, titled tables, the last error, the last lines of the log.

    Paths below the home directory start with "~", so that no user name is told.
    """
    rows = [("Python", sys.version.split()[0]), ("System", platform.platform()), ("Memory", memory())]
    blocks = [
        "\n".join([f"{PROGRAM} {_version(PROGRAM)}", *(f"{name}: {value}" for name, value in rows)]),
        f"Device: {environment or 'not known yet'}",
        "Packages: " + ", ".join(f"{part.name} {part.version}" for part in packages()),
    ]
    for title, lines in tables:
        if lines:
            blocks.append(f"{title}:\n" + "\n".join(f"  {name}: {value}" for name, value in lines))
    if error is not None:
        blocks.append("Last error:\n" + "".join(traceback.format_exception(error)).rstrip())
    if log:
        blocks.append("Log:\n" + "\n".join(log))
    return without_home("\n\n".join(blocks) + "\n")


def without_home(text: str) -> str:
    """The text with "~" for the home directory."""
    home = str(Path.home())
    return text if home == os.sep else text.replace(home, "~")


def memory() -> str:
    """Main memory of the machine in words."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no such question on this system
        return "unknown"
    return f"{total / 2**30:.1f} GiB"


def packages() -> list[Part]:
    """Packages the program runs on, as installed."""
    try:
        wanted = requires(PROGRAM) or []
    except PackageNotFoundError:  # run from a folder that was never installed
        wanted = []
    names = (re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted if "extra ==" not in line)
    return [Part(name, _version(name), _license(name)) for name in names]


def weights(used: Path | None) -> list[Part]:
    """The bundled weights, and the file in use if it is another one."""
    from fast3dis_core.official_weights import bundled_file, official_weights

    parts = []
    bundled = bundled_file("nano")
    if bundled is not None:
        parts.append(Part(bundled.name, _megabytes(bundled), f"{LICENSE}, bundled; {card_line()}"))
    if used is not None and used != bundled:
        names = {row.repository.split("/")[-1].lower(): row.license for row in map(official_weights, ("small", "base"))}
        known = next((license_ for name, license_ in names.items() if name in str(used).lower()), "")
        parts.append(Part(used.name, _megabytes(used), known or "as its source says"))
    return parts


def card_line() -> str:
    """First line of the card of the bundled weights: what they are good for."""
    card = Path(str(files("resources"))) / "models" / "nano.md"
    return card.read_text(encoding="utf-8").splitlines()[0] if card.exists() else ""


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB" if path.exists() else "not found"


def _version(name: str) -> str:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return "not installed"


def _license(name: str) -> str:
    """License a package states about itself."""
    try:
        about = distribution(name).metadata
    except PackageNotFoundError:
        return ""
    listed = [line.removeprefix(CLASSIFIER) for line in about.get_all("Classifier", []) if line.startswith(CLASSIFIER)]
    expression, words = about.get_all("License-Expression", []), about.get_all("License", [])
    stated = (*expression, ", ".join(listed), *(text.split("\n")[0] for text in words))
    return next((text for text in stated if text and len(text) < 120), "see its package")
