"""What the program remembers between two starts: recent scenes, and how fast runs were here.

One small JSON file, replaced as a whole; a damaged one is set aside and nothing is lost but memory. Where no path is
given (tests, screenshots) everything is remembered until the end of the process. Layouts of windows are Qt's business.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from psygnal import Signal

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file

logger = logging.getLogger(__name__)

MOST_RECENT = 10
FOLDER = "fast3dis-viewer"


class Recents:
    """Values by name, written whenever one changes.

    Parameters
    ----------
    path : Path, optional
        The file; None remembers nothing.

    Notes
    -----
    `recent_changed` carries the list of recent scenes.
    """

    recent_changed = Signal(object)

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._values: dict[str, Any] = {} if path is None else _read(path)

    @property
    def recent(self) -> tuple[Path, ...]:
        """Folders, videos and sessions, the last opened first; some may be gone."""
        names = self._values.get("recent", [])
        return tuple(Path(name) for name in names if isinstance(name, str)) if isinstance(names, list) else ()

    def remember(self, path: Path) -> None:
        """Put a scene first in the list of recent ones."""
        path = path.absolute()
        self._set_recent((path, *(other for other in self.recent if other != path)))

    def forget(self, path: Path) -> None:
        """Take a scene off the list."""
        self._set_recent(tuple(other for other in self.recent if other != path))

    def pace(self, key: str) -> float | None:
        """How many times as long as estimated runs took here; None before the first."""
        value = self._mapping("paces").get(key)
        return float(value) if isinstance(value, int | float) and value > 0 else None

    def note_pace(self, key: str, value: float) -> None:
        """Remember it; runs differ, so the newest counts as much as all before it."""
        before = self.pace(key)
        self._set("paces", {**self._mapping("paces"), key: value if before is None else (before + value) / 2})

    def _mapping(self, name: str) -> Mapping[str, Any]:
        value = self._values.get(name)
        return value if isinstance(value, dict) else {}

    def _set_recent(self, paths: tuple[Path, ...]) -> None:
        paths = paths[:MOST_RECENT]
        if paths != self.recent:
            self._set("recent", [str(path) for path in paths])
            self.recent_changed.emit(paths)

    def _set(self, name: str, value: Any) -> None:
        self._values = {**self._values, name: value}
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(self._path, overwrite=True) as file:
                file.write(json.dumps(self._values, indent=1, ensure_ascii=False).encode())
        except (OSError, ExportError) as error:
            logger.warning("Recent scenes are not kept: %s", error)


def recents_path() -> Path:
    """The user's file, where each system keeps such files."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / FOLDER / "recent.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read (%s): starting with defaults", path, error)
        with suppress(OSError):
            path.replace(path.with_suffix(".damaged.json"))
        return {}
    return values if isinstance(values, dict) else {}
