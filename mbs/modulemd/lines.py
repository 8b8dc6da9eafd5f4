"""Where libmodulemd's errors are in the text that the user wrote.

libmodulemd reads a document twice: it writes the parser's events out again (without comments and blank lines) and
parses that, so that its line numbers are those of a text nobody has seen. Writing the same events in the same way
gives that text here, and its events stand in the same order as those of the original.
"""

from __future__ import annotations

import yaml


def original_line(text: str, line: int, column: int) -> int | None:
    """Give the line in `text`, from 1, of what libmodulemd calls `line` and `column`; None where it is not found."""
    events = list(yaml.parse(text, Loader=yaml.CSafeLoader))
    for original, written in zip(events, yaml.parse(_rewritten(events), Loader=yaml.CSafeLoader), strict=True):
        if isinstance(written, yaml.NodeEvent) and _position(written) >= (line, column):
            return _position(original)[0]
    return None


def _rewritten(events: list[yaml.Event]) -> str:
    """Write events as libmodulemd does."""
    explicit = [
        yaml.DocumentStartEvent(explicit=True) if isinstance(event, yaml.DocumentStartEvent) else event
        for event in events
    ]
    return str(yaml.emit(explicit, Dumper=yaml.CSafeDumper, allow_unicode=True))


def _position(event: yaml.Event) -> tuple[int, int]:
    """Give line and column of an event, from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)
