"""What the program remembers between starts: text, numbers, truth values and bytes, by key.

One file per user, written by Qt (`QSettings` in its INI format: the same on every system, and one place for
tests to redirect). A preference that cannot be read is as good as none: the default is used.
"""

from typing import TypeVar

from PySide6.QtCore import QByteArray, QSettings

ORGANIZATION, PROGRAM = "fast3dis", "viewer"

Value = TypeVar("Value", str, int, float, bool, bytes, list[str])


class Preferences:
    """Values by key, such as "window/layout".

    Parameters
    ----------
    remember : bool
        False forgets everything at the end and knows nothing at the start: for pictures that must not depend on
        whoever made them.
    """

    def __init__(self, *, remember: bool = True) -> None:
        form, scope = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        self._settings = QSettings(form, scope, ORGANIZATION, PROGRAM) if remember else None
        self._values: dict[str, object] = {}

    def get(self, key: str, default: Value) -> Value:
        """Value of a key; the default, whose type it must have, if there is none."""
        if self._settings is None:
            found = self._values.get(key, default)
            return found if isinstance(found, type(default)) else default
        if not self._settings.contains(key):
            return default
        wanted = QByteArray if isinstance(default, bytes) else type(default)
        found = self._settings.value(key, type=wanted)
        if isinstance(found, QByteArray):
            found = bytes(found.data())
        return found if isinstance(found, type(default)) else default

    def set(self, key: str, value: Value) -> None:
        """Remember a value."""
        if self._settings is None:
            self._values[key] = value
        else:
            self._settings.setValue(key, QByteArray(value) if isinstance(value, bytes) else value)
            self._settings.sync()
