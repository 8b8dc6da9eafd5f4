"""How each type of setting is written in a configuration file: lists with commas, mappings as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

_BOOLEANS = {"true": True, "t": True, "1": True, "yes": True, "on": True}
_BOOLEANS |= {"false": False, "f": False, "0": False, "no": False, "off": False}

_ATOMS: Mapping[Any, tuple[Callable[[str], Any], Any, str]] = {
    bool: (lambda text: _BOOLEANS[text.lower()], bool, "neither True nor False"),
    int: (int, Annotated[int, Meta(ge=0)], "not a whole number from 0"),
    float: (float, Annotated[float, Meta(ge=0, lt=10**12)], "not a number from 0"),
}
"""By type: how a text is read, what is accepted (numbers are seconds and the like), what is said of anything else."""

_EXAMPLES = {
    Mapping[str, float]: '{"text": number}',
    Mapping[str, tuple[str, ...]]: '{"text": ["text"]}',
    Mapping[str, Any]: '{"text": value}',
}


def read(text: str, wanted: Any) -> Any:  # noqa: ANN401 - settings are of several types
    """Read a text as the type of its setting; raise ValueError with what is wrong with it."""
    written = text.strip()
    if wanted is str:
        return written
    if wanted in _ATOMS:
        return _atom(written, *_ATOMS[wanted])
    if wanted == tuple[str, ...]:
        return tuple(part.strip() for part in written.replace("\n", ",").split(",") if part.strip())
    try:
        return msgspec.json.decode(written or "{}", type=wanted)
    except msgspec.DecodeError as error:
        msg = f"is not JSON like {_EXAMPLES[wanted]}: {error}"
        raise ValueError(msg) from None


def _atom(text: str, parse: Callable[[str], Any], accepted: Any, words: str) -> Any:  # noqa: ANN401 - as `read`
    try:
        return msgspec.convert(parse(text), accepted)
    except (KeyError, ValueError):
        msg = f"{text!r} is {words}"
        raise ValueError(msg) from None
