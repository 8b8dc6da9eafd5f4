"""Frozen dataclasses into JSON, and out of it strictly by their annotations.

Knows what the plan is made of: str, int, float, bool, `T | None`, unions of scalars, `tuple[T, ...]`, `Mapping[str, T]`
and dataclasses; `object` is any JSON value. The reader of a type is built once and reused, for a plan is read whenever
a task starts.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
"""Takes a JSON value and the path to it, gives the Python value or raises Malformed."""


class Malformed(ValueError):
    """A JSON value that is not what its place asks for; says where and what."""


def encode(value: object) -> str:
    """Give canonical JSON: equal values have the same bytes, whatever the process or its hash seed."""
    return json.dumps(
        value, default=_as_object, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def decode(wanted: type[T], value: object) -> T:
    """Make a `wanted` (a dataclass) of a JSON value; unknown and missing keys are errors."""
    found: T = _reader(cast("Hashable", wanted))(value, "")
    return found


def _as_object(part: Any) -> dict[str, object]:  # noqa: ANN401 - a dataclass, of any type
    return {each.name: getattr(part, each.name) for each in fields(part)}


@cache
def _reader(wanted: Hashable) -> Reader:
    if wanted is object:
        return lambda value, _: value
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is tuple:
        return _sequence(_reader(arguments[0]))
    if origin is not None:
        return _mapping(_reader(arguments[1]))
    if not isinstance(wanted, type):
        msg = f"no JSON value is read as {wanted}"
        raise TypeError(msg)
    return _scalar(wanted) if wanted in _SCALARS else _dataclass(wanted)


_SCALARS: Mapping[type, tuple[type, ...]] = {str: (str,), int: (int,), bool: (bool,), float: (float, int)}


def _scalar(wanted: type) -> Reader:
    accepted = _SCALARS[wanted]

    def read(value: Any, path: str) -> Any:  # noqa: ANN401 - what JSON holds
        if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
            raise _wrong(path, wanted.__name__, value)
        return wanted(value)

    return read


def _union(arguments: tuple[Any, ...]) -> Reader:
    optional = type(None) in arguments
    choices = [argument for argument in arguments if argument is not type(None)]
    readers = [_reader(choice) for choice in choices]

    def read(value: Any, path: str) -> Any:  # noqa: ANN401 - what JSON holds
        if value is None and optional:
            return None
        if len(readers) == 1:
            return readers[0](value, path)
        for choice, reader in zip(choices, readers, strict=True):
            if type(value) is choice:
                return reader(value, path)
        raise _wrong(path, " or ".join(choice.__name__ for choice in choices), value)

    return read


def _sequence(item: Reader) -> Reader:
    def read(value: Any, path: str) -> tuple[Any, ...]:  # noqa: ANN401 - what JSON holds
        if not isinstance(value, list):
            raise _wrong(path, "list", value)
        return tuple([item(one, f"{path}[{number}]") for number, one in enumerate(value)])

    return read


def _mapping(item: Reader) -> Reader:
    def read(value: Any, path: str) -> dict[str, Any]:  # noqa: ANN401 - what JSON holds
        if not isinstance(value, dict):
            raise _wrong(path, "object", value)
        return {key: item(one, f"{path}.{key}") for key, one in value.items()}

    return read


def _dataclass(wanted: type) -> Reader:
    hints = get_type_hints(wanted)
    readers = {field.name: _reader(hints[field.name]) for field in fields(wanted)}
    required = {field.name for field in fields(wanted) if field.default is MISSING and field.default_factory is MISSING}

    def read(value: Any, path: str) -> Any:  # noqa: ANN401 - what JSON holds
        if not isinstance(value, dict):
            raise _wrong(path, "object", value)
        if missing := required - value.keys():
            msg = f"{path.lstrip('.') or 'it'} lacks {min(missing)}"
            raise Malformed(msg)
        if unknown := value.keys() - readers.keys():
            msg = f"{path.lstrip('.') or 'it'} has the unknown key {min(unknown)}"
            raise Malformed(msg)
        return wanted(**{key: readers[key](one, f"{path}.{key}") for key, one in value.items()})

    return read


def _wrong(path: str, wanted: str, value: object) -> Malformed:
    shown = repr(value)
    return Malformed(f"{path.lstrip('.') or 'it'} should be a {wanted}, not {shown[:40]}")
