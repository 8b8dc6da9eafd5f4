"""YAML nodes without libmodulemd: as plain data, with numbers as it takes them, and where things are in the text.

libmodulemd's own line numbers do not tell: it writes the parser's events out again (without comments and blank
lines) and parses that, a text that nobody has seen. Writing the same events in the same way gives that text here,
and its events stand in the same order as those of the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import yaml

from mbs.model.document import plain_xmd
from mbs.model.errors import Problem
from mbs.modulemd.guard import line_of


def plain(root: yaml.Node | None) -> object:
    """Give texts, lists and mappings by text; as in xmd, only TRUE and FALSE are anything else than text."""
    return plain_xmd(_plain(root))


def _plain(node: yaml.Node | None) -> object:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(member) for member in node.value]
    return str(node.value) if node is not None else None


def located(problem: Problem, lines: Mapping[str, int]) -> Problem:
    """Add the line of a problem's place, or of the nearest that is around it."""
    if problem.line is not None or problem.where is None:
        return problem
    where = problem.where
    while where not in lines and "." in where:
        where = where.rpartition(".")[0]
    return replace(problem, line=lines.get(where))


def lines_by_path(root: yaml.Node) -> Mapping[str, int]:
    """Give the line of every place of a document: `data.components.rpms.foo` is 12; found when it is asked for.

    To write down all paths would take a thousand times the memory of a document with long keys.
    """
    return _Lines(root)


def lines_of(node: yaml.Node, text: str) -> Iterator[int]:
    """Give the lines of all values that are `text`."""
    if isinstance(node, yaml.ScalarNode) and node.value == text:
        yield line_of(node)
    for _, (_, member) in _members(node):
        yield from lines_of(member, text)


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


class _Lines(Mapping[str, int]):
    """The lines of a document by path; a node's members are read once, when a path leads through it."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root
        self._read: dict[int, dict[str, tuple[int, yaml.Node]]] = {}

    def __getitem__(self, where: str) -> int:
        line = self._line(self._root, where)
        if line is None:
            raise KeyError(where)
        return line

    def __iter__(self) -> Iterator[str]:
        return self._paths(self._root, "")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _line(self, node: yaml.Node, where: str) -> int | None:
        """Follow a path whose keys may have dots themselves."""
        members = self._members(node)
        if where in members:
            return members[where][0]
        for dot in (place for place, char in enumerate(where) if char == "."):
            if where[:dot] in members:
                line = self._line(members[where[:dot]][1], where[dot + 1 :])
                if line is not None:
                    return line
        return None

    def _members(self, node: yaml.Node) -> Mapping[str, tuple[int, yaml.Node]]:
        if id(node) not in self._read:
            self._read[id(node)] = dict(_members(node))
        return self._read[id(node)]

    def _paths(self, node: yaml.Node, where: str) -> Iterator[str]:
        for key, (_, member) in self._members(node).items():
            path = f"{where}.{key}" if where else key
            yield path
            yield from self._paths(member, path)


def _members(node: yaml.Node) -> Iterator[tuple[str, tuple[int, yaml.Node]]]:
    """Give the members of a mapping by key, those of a list by number, with the line of each."""
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), (line_of(key), value)) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((str(number), (line_of(member), member)) for number, member in enumerate(node.value))


_UNSIGNED = re.compile(r"buildorder\W+\d{10,20}")


def with_signed_numbers(text: str, root: yaml.Node) -> str:
    """Give a document with every `buildorder` as the 32 bits that libmodulemd keeps of it.

    Older versions of it wrote -1 as 18446744073709551615, which newer ones refuse. `root` is the text's own.
    """
    if not _UNSIGNED.search(text):
        return text
    for node in sorted(_build_orders(root), key=lambda node: node.start_mark.index, reverse=True):
        start, end = node.start_mark.index, node.end_mark.index
        if re.fullmatch(r"[0-9]{1,20}", text[start:end]):
            text = f"{text[:start]}{_signed(int(node.value))}{text[end:]}"
    return text


def _signed(number: int) -> int:
    """Read the lowest 32 bits as C does."""
    return (number + 2**31) % 2**32 - 2**31


def _build_orders(node: yaml.Node, path: tuple[str, ...] = ()) -> Iterator[yaml.ScalarNode]:
    """Give the values at `data.components.*.*.buildorder`."""
    wanted = ("data", "components", None, None, "buildorder")
    if len(path) == len(wanted):
        yield from [node] if isinstance(node, yaml.ScalarNode) else []
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if wanted[len(path)] in {None, key.value}:
                yield from _build_orders(value, (*path, key.value))
