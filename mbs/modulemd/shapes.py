"""Shapes of YAML nodes, each able to tell every way in which a node differs from it.

Own code and not JSON Schema: that is for data, in which a key that was given twice, a key without a value and two names
of one package are no longer seen, and has no line and no word for a misspelt key; the largest module takes it 11 ms,
and this 2 ms. msgspec ends at the first problem.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import yaml

from mbs.model.errors import Problem
from mbs.model.quoting import quoted
from mbs.modulemd.guard import line_of

_KINDS = {yaml.ScalarNode: "text", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}


class Slip(Problem):
    """What a packager is told, and what a finished document may have all the same: libmodulemd reads it."""


class Shape(Protocol):
    """What a node must look like."""

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell each difference; `where` is the node's path in the document."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar; `pattern` and its description where not every text will do."""

    pattern: str = r"[\s\S]*"
    wanted: str = "text"

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is no scalar, or has another text."""
        if not isinstance(node, yaml.ScalarNode):
            yield _wrong(node, where, self.wanted)
        elif not re.fullmatch(self.pattern, node.value):
            yield _unlike(node, where, self.wanted)


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number."""

    low: int
    high: int

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is no number, or one that is out of bounds."""
        if not isinstance(node, yaml.ScalarNode):
            yield _wrong(node, where, "a number")
        elif not re.fullmatch(r"[+-]?[0-9]{1,20}", node.value):
            yield _unlike(node, where, "a number")
        elif not self.low <= int(node.value) <= self.high:
            yield _unlike(node, where, f"a number from {self.low} to {self.high}")


@dataclass(frozen=True, slots=True)
class Date:
    """A day of the calendar; libmodulemd crashes on any other."""

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is no date."""
        wanted = "a date (YYYY-MM-DD)"
        if not isinstance(node, yaml.ScalarNode):
            yield _wrong(node, where, wanted)
            return
        try:
            date(*(int(part) for part in re.split("-", node.value) if re.fullmatch("[0-9]{1,4}", part)))
        except (TypeError, ValueError):
            yield _unlike(node, where, wanted)


@dataclass(frozen=True, slots=True)
class Anything:
    """Any node: data whose meaning is not modulemd's."""

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:  # noqa: ARG002  # a Shape's signature
        """Tell nothing."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts, or a single text, which libmodulemd takes for a list of one."""

    single: bool = False
    """Whether there must be exactly one."""
    needed: bool = False
    """Whether there must be at least one."""

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is neither, members that are no text, and too many or too few where one is wanted."""
        count = len(node.value) if isinstance(node, yaml.SequenceNode) else int(not _is_empty(node))
        if self.single and count != 1 and not isinstance(node, yaml.MappingNode):
            yield Problem(f"{quoted(where)} must name a single stream, it names {count}", where, line_of(node))
        elif self.needed and not count:
            yield Problem(f"{quoted(where)} is empty: name at least one", where, line_of(node))
        elif _is_empty(node):
            yield Problem(f"{quoted(where)} has no value: write [] for an empty list", where, line_of(node))
        if not isinstance(node, yaml.ScalarNode):
            yield from ListOf(Text()).problems(node, where)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose members have one shape."""

    member: Shape
    unique: str = ""
    """A field of the members whose value must not come twice."""

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is no list, and what is wrong with its members."""
        if not isinstance(node, yaml.SequenceNode):
            yield _wrong(node, where, "a list")
            return
        for number, member in enumerate(node.value):
            yield from self.member.problems(member, f"{where}.{number}")
        if self.unique:
            entries = [(str(number), value_of(member, self.unique)) for number, member in enumerate(node.value)]
            yield from _twice(entries, where, self.unique)


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with free keys, whose values have one shape, but for `known` keys, which have their own."""

    value: Shape
    key: Shape = field(default_factory=Text)
    may_be_empty: bool = False
    """Whether the key may stand there without a value."""
    known: Mapping[str, Shape] = field(default_factory=dict)

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is no mapping, keys given twice, and what is wrong with keys and values."""
        yield from _mapping_problems(node, where, may_be_empty=self.may_be_empty)
        for key, value in _pairs(node):
            path = joined(where, key.value)
            yield from (Slip(one.message, one.where, one.line) for one in self.key.problems(key, path))
            yield from self.known.get(key.value, self.value).problems(value, path)


@dataclass(frozen=True, slots=True)
class Packages:
    """The RPM components: packages by label, where `name` is another than the label."""

    entries: MapOf

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell what is wrong with the entries, and two labels of one package: it is built once."""
        yield from self.entries.problems(node, where)
        first: dict[str, str] = {}
        for label, entry in _pairs(node):
            package = value_of(entry, "name")
            name = str(package.value) if package else str(label.value)
            other = first.setdefault(name, label.value)
            if other != label.value:
                message = f"{joined(quoted(where), quoted(label.value))} is the package {quoted(name)}, and so is"
                place = joined(where, label.value)
                yield Slip(f"{message} {joined(quoted(where), quoted(other))}", place, line_of(label))


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    may_be_empty: bool = False
    """Whether the key may stand there without a value."""

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell keys that are unknown, missing or given twice, and what is wrong with the values."""
        yield from _mapping_problems(node, where, may_be_empty=self.may_be_empty)
        for key, value in _pairs(node):
            if key.value in self.fields:
                yield from self.fields[key.value].problems(value, joined(where, key.value))
            else:
                yield self._unknown(key, where)
        given = {key.value for key, _ in _pairs(node)} if isinstance(node, yaml.MappingNode) else set(self.required)
        for missing in sorted(set(self.required) - given):
            yield Problem(f"{_named(where)} lacks {missing}", joined(where, missing), line_of(node))

    def _unknown(self, key: yaml.Node, where: str) -> Problem:
        """Say that a key is unknown, and which it might have been."""
        close = difflib.get_close_matches(str(key.value), self.fields, n=1)
        hint = f", did you mean {close[0]}?" if close else f"; known are {', '.join(sorted(self.fields))}"
        message = f'{_named(where)} has no field "{quoted(key.value)}"{hint}'
        return Slip(message, joined(where, key.value), line_of(key))


def value_of(node: yaml.Node, key: str) -> yaml.ScalarNode | None:
    """Give the text at a key of a mapping."""
    found = (value for name, value in _pairs(node) if name.value == key and isinstance(value, yaml.ScalarNode))
    return next(found, None)


def _twice(entries: list[tuple[str, yaml.ScalarNode | None]], where: str, key: str) -> Iterator[Problem]:
    """Tell values that come twice."""
    first: dict[str, str] = {}
    for place, value in entries:
        if value and (other := first.setdefault(value.value, place)) != place:
            path, first_path = joined(where, f"{place}.{key}"), joined(quoted(where), f"{other}.{key}")
            message = f'Duplicate {key} "{quoted(value.value)}": {first_path} has it too'
            yield Problem(message, path, line_of(value))


def joined(where: str, key: str) -> str:
    """Give the path of a key."""
    return f"{where}.{key}" if where else key


def _named(where: str) -> str:
    """Give the path for a message."""
    return quoted(where) or "The document"


def _is_empty(node: yaml.Node) -> bool:
    """Say whether a key has no value at all."""
    return isinstance(node, yaml.ScalarNode) and not node.value and not node.style


def _wrong(node: yaml.Node, where: str, wanted: str) -> Problem:
    """Say that a node is of the wrong kind."""
    kind = "empty" if _is_empty(node) else _KINDS[type(node)]
    return Problem(f"{_named(where)} must be {wanted}, it is {kind}", where, line_of(node))


def _unlike(node: yaml.ScalarNode, where: str, wanted: str) -> Problem:
    """Say that a text is not what it must be."""
    if _is_empty(node):
        return _wrong(node, where, wanted)
    return Problem(f'{_named(where)} must be {wanted}, it is "{quoted(node.value)}"', where, line_of(node))


def _pairs(node: yaml.Node) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Give keys and values of a mapping, nothing of another node."""
    return node.value if isinstance(node, yaml.MappingNode) else []


def _mapping_problems(node: yaml.Node, where: str, *, may_be_empty: bool) -> Iterator[Problem]:
    """Tell a node that is no mapping, or keys that are given twice: the first value would be lost."""
    if not isinstance(node, yaml.MappingNode) and not (may_be_empty and _is_empty(node)):
        yield _wrong(node, where, "a mapping")
    first: dict[str, int] = {}
    for key, _ in _pairs(node):
        line = line_of(key)
        if key.value in first:
            message = f'{_named(where)} has "{quoted(key.value)}" twice, first in line {first[key.value]}'
            yield Slip(message, joined(where, key.value), line)
        first.setdefault(key.value, line)
