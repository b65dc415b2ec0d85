"""Frozen values of the session as plain JSON values, and back: what goes into a session file.

One rule for every field of every value: numbers, words and booleans as they are, sets as sorted lists, tuples as
lists, mappings with text keys, paths as text, values within values as mappings. What a file does not say takes its
default, so that older files are read; what it says and nobody knows is refused. The file itself is
`fast3dis_core.session_files`.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from fast3dis_core.errors import ConfigError, SessionError

Value = TypeVar("Value")


def to_plain(value: Any) -> Any:
    """A session value as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [to_plain(item) for item in sorted(value)]
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def from_plain(kind: type[Value], values: Any, where: str = "") -> Value:
    """The session value that `to_plain` was given.

    Parameters
    ----------
    kind : dataclass type
    values : mapping
    where : str
        Of the file, for the error.

    Raises
    ------
    SessionError
        For a field nobody knows, or a value of another kind.
    """
    where = where or kind.__name__
    if not isinstance(values, Mapping):
        raise _wrong(where, "a mapping", values)
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise SessionError(
            f"The session says {where}.{unknown[0]}, which this version does not know: it was saved by a newer one. "
            "Update the program, then open it again."
        )
    given = {name: _decode(hints[name], value, f"{where}.{name}") for name, value in values.items()}
    try:
        return kind(**given)
    except (ConfigError, TypeError) as error:
        raise SessionError(f"The session holds an impossible {where}: {error}") from error


def _decode(hint: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(inner, value, where)
    if origin is typing.Literal:
        if value not in inner:
            raise _wrong(where, "one of " + ", ".join(map(str, inner)), value)
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_plain(hint, value, where)
    if origin in (frozenset, tuple):
        return _decode_sequence(origin, inner, value, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(where, "a mapping", value)
        return {_key(inner[0], key, where): _decode(inner[1], item, f"{where}[{key}]") for key, item in value.items()}
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise _wrong(where, hint.__name__, value)
    return value


def _decode_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    failures = []
    for kind in kinds:
        if kind is not type(None):
            try:
                return _decode(kind, value, where)
            except SessionError as error:
                failures.append(error)
    raise failures[0]


def _decode_sequence(origin: Any, inner: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    if origin is tuple and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise _wrong(where, f"{len(inner)} values", value)
        kinds = list(inner)
    else:
        kinds = [inner[0]] * len(value)
    return origin(
        _decode(kind, item, f"{where}[{place}]") for place, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _key(kind: Any, key: str, where: str) -> Any:
    try:
        return kind(key)
    except ValueError as error:
        raise _wrong(where, f"keys of type {kind.__name__}", key) from error


def _wrong(where: str, expected: str, found: Any) -> SessionError:
    return SessionError(f"The session holds an impossible {where}: expected {expected}, found {found!r:.60}.")
