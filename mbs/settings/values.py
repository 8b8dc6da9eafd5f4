"""How each type of setting is written in a configuration file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

_BOOLEANS = {"true": True, "t": True, "1": True, "yes": True, "on": True}
_BOOLEANS |= {"false": False, "f": False, "0": False, "no": False, "off": False}


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.strip().lower())
    if value is None:
        msg = f"{text!r} is neither True nor False"
        raise ValueError(msg)
    return value


def _number(text: str) -> float:
    """Read seconds and the like: never negative, never infinite."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 10**12:
        msg = f"{text!r} is not a number from 0"
        raise ValueError(msg)
    return value


def _count(text: str) -> int:
    if not text.strip().isdecimal():
        msg = f"{text!r} is not a whole number from 0"
        raise ValueError(msg)
    return int(text)


def _list(text: str) -> tuple[str, ...]:
    """Split at commas and newlines; blanks around and empty entries are nothing."""
    return tuple(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError as error:
        msg = f"is not JSON: {error}"
        raise ValueError(msg) from None
    if not isinstance(value, dict):
        msg = 'is not a JSON object, {"key": value}'
        raise ValueError(msg)
    return value


def _numbers(text: str) -> dict[str, float]:
    value = _object(text)
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value.values()):
        msg = "must map to numbers"
        raise ValueError(msg)
    return {key: float(number) for key, number in value.items()}


def _lists(text: str) -> dict[str, tuple[str, ...]]:
    value = _object(text)
    if not all(isinstance(one, list) and all(isinstance(item, str) for item in one) for one in value.values()):
        msg = "must map to lists of texts"
        raise ValueError(msg)
    return {key: tuple(one) for key, one in value.items()}


READERS: Mapping[Any, Callable[[str], Any]] = {
    str: str.strip,
    bool: _boolean,
    int: _count,
    float: _number,
    tuple[str, ...]: _list,
    Mapping[str, float]: _numbers,
    Mapping[str, tuple[str, ...]]: _lists,
    Mapping[str, Any]: _object,
}
"""Reads a text as a type, or raises ValueError with what is wrong with it."""
