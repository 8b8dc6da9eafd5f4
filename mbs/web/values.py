"""What texts in the query of a URL stand for: each reader gives the value, or raises what is wrong with the text.

ValueError for what is none; InvalidRequest where MBS has words for it; Impossible where no row can have such a value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mbs.model.errors import InvalidRequest
from mbs.model.nsvc import MAX_VERSION
from mbs.model.states import ComponentState, ModuleState

_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-]00(:00)?)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_LONGEST = 40
"""Digits of a number that is read; no column has as many."""
_INT32, _INT64 = 2**31 - 1, 2**63 - 1
_RELEASE = 10_000
"""The stream versions of a major release: 80100 is of 80000 (MBS §7.3)."""


class Impossible(Exception):
    """No row can have such a value."""


def text(given: str) -> str:
    """Take a text; PostgreSQL has none with a NUL."""
    if "\0" in given:
        raise Impossible
    return given


def boolean(given: str) -> bool:
    """Read what MBS takes for true; all else is false."""
    return given.lower() in {"true", "1"}


def whole_or(given: str | None, otherwise: int) -> int:
    """Read a whole number; give the other where it is none. A long one counts as the largest there is."""
    if given is None or not _WHOLE.fullmatch(given):
        return otherwise
    return int(given) if len(given) <= _LONGEST else -_INT64 if given.startswith("-") else _INT64


def whole(given: str) -> int:
    """Read a whole number that fits into the column of an id."""
    return _whole(given, _INT64)


def batch(given: str) -> int:
    """Read a batch as MBS counts them, from 0 (before the macros); ours are one less."""
    return _whole(given, _INT32) - 1


def _whole(given: str, most: int) -> int:
    if not _WHOLE.fullmatch(given):
        raise ValueError(given)
    if len(given) > _LONGEST or not -most <= int(given) <= most:
        raise Impossible
    return int(given)


def number(given: str) -> float:
    """Read a number."""
    if not given.isascii() or "_" in given:
        raise ValueError(given)
    read = float(given)
    if math.isnan(read):
        raise Impossible
    return read


def number_or_none(given: str) -> float:
    """Read a number; ODCS asks for `None` where a module has no base module."""
    if given == "None":
        raise Impossible
    return number(given)


def version(given: str) -> int:
    """Read a version as it is written; it is a text to clients, so that nothing is wrong with another one."""
    if not _WHOLE.fullmatch(given) or len(given) > _LONGEST or str(int(given)) != given:
        raise Impossible
    if not 0 <= int(given) <= MAX_VERSION:
        raise Impossible
    return int(given)


def nsvc(given: str) -> dict[str, Any]:
    """Read all four parts of a base module's name."""
    parts = given.split(":")
    if len(parts) != 4:
        raise InvalidRequest('The filter argument for "base_module_br" must be in the format of N:S:V:C')
    name, stream, number, context = parts
    return {"name": text(name), "stream": text(stream), "version": version(number), "context": text(context)}


def texts(given: str) -> tuple[str, ...]:
    """Read a list of texts, which MBS compares as JSON."""
    try:
        read = json.loads(text(given))
    except (ValueError, RecursionError):
        raise Impossible from None
    if not isinstance(read, list) or not all(isinstance(one, str) for one in read):
        raise Impossible
    return tuple(text(one.encode(errors="replace").decode()) for one in read)


def stream_version_lte(given: str) -> float:
    """Read the highest stream version that is asked for."""
    try:
        read = float(given)
    except ValueError:
        read = math.nan
    if not _RELEASE <= read < math.inf:
        raise InvalidRequest(
            "An invalid value of stream_version_lte was provided. It must be an integer or float greater than or "
            "equal to 10000."
        )
    return read


def bound(parameter: str) -> Callable[[str], datetime]:
    """Give a reader of times: a second as a whole is before or after, as times are shown without their fractions."""

    def read(given: str) -> datetime:
        found = _TIME.fullmatch(given)
        try:
            second = datetime.strptime(found[1] if found else "", "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            msg = f'An invalid Zulu ISO 8601 timestamp was provided for the "{parameter}" parameter'
            raise InvalidRequest(msg) from None
        return second.replace(microsecond=999_999) if parameter.endswith("_before") else second

    return read


def module_state(given: str) -> ModuleState:
    """Read a code, or a name in lower case."""
    names = {state.label: state for state in ModuleState}
    return names[given] if given in names else ModuleState(_code(given, len(ModuleState)))


def component_state(given: str) -> ComponentState:
    """Read a code, or one of Koji's names in any case."""
    names = {state.label: state for state in ComponentState}
    return names[given.upper()] if given.upper() in names else ComponentState(_code(given, len(ComponentState)))


def _code(given: str, states: int) -> int:
    if not (given.isascii() and given.isdecimal()):
        raise InvalidRequest(f"Invalid state was supplied: {given}")
    if len(given) > _LONGEST or int(given) >= states:
        raise Impossible
    return int(given)


def no_task(given: str) -> bool:
    """Read a task; no build waits for one."""
    whole(given)
    raise Impossible


def no_format(given: str) -> bool | None:
    """Read a format; components have one only."""
    if given != "rpms":
        raise Impossible
    return None
