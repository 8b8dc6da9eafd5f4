"""Where things are in the text that the user wrote.

libmodulemd's own line numbers do not tell: it writes the parser's events out again (without comments and blank
lines) and parses that, a text that nobody has seen. Writing the same events in the same way gives that text here,
and its events stand in the same order as those of the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import yaml

from mbs.errors import Problem
from mbs.modulemd.guard import line_of


def located(problem: Problem, lines: Mapping[str, int]) -> Problem:
    """Add the line of a problem's place, or of the nearest that is around it."""
    if problem.line is not None or problem.where is None:
        return problem
    where = problem.where
    while where not in lines and "." in where:
        where = where.rpartition(".")[0]
    return replace(problem, line=lines.get(where))


def lines_by_path(root: yaml.Node) -> Mapping[str, int]:
    """Give the line of every place of a document: `data.components.rpms.foo` is 12."""
    return dict(_walk(root, ""))


def original_line(text: str, line: int, column: int) -> int | None:
    """Give the line in `text`, from 1, of what libmodulemd calls `line` and `column`; None where it is not found."""
    events = list(yaml.parse(text, Loader=yaml.CSafeLoader))
    try:
        rewritten = list(yaml.parse(_rewritten(events), Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return None
    for original, written in zip(events, rewritten, strict=False):
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


def _walk(node: yaml.Node, where: str) -> Iterator[tuple[str, int]]:
    """Give path and line of everything inside a node."""
    members = node.value if isinstance(node, yaml.MappingNode) else []
    if isinstance(node, yaml.SequenceNode):
        members = [(yaml.ScalarNode("", str(number)), member) for number, member in enumerate(node.value)]
    for key, member in members:
        path = f"{where}.{key.value}" if where else str(key.value)
        yield path, line_of(key if key.start_mark else member)
        yield from _walk(member, path)
