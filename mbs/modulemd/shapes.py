"""Shapes of YAML nodes, each able to tell every way in which a node differs from it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from mbs.errors import Problem
from mbs.modulemd.guard import line_of

_KINDS = {yaml.ScalarNode: "text", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}


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
            yield Problem(f'{where} must be {self.wanted}, it is "{node.value}"', where, line_of(node))


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

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is neither, members that are no text, and too many or too few where one is wanted."""
        if isinstance(node, yaml.ScalarNode):
            if _is_empty(node):
                yield Problem(f"{where} has no value: write [] for an empty list", where, line_of(node))
            return
        yield from ListOf(Text()).problems(node, where)
        if self.single and isinstance(node, yaml.SequenceNode) and len(node.value) != 1:
            yield Problem(f"{where} must name a single stream, it names {len(node.value)}", where, line_of(node))


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose members have one shape."""

    member: Shape

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is no list, and what is wrong with its members."""
        if not isinstance(node, yaml.SequenceNode):
            yield _wrong(node, where, "a list")
            return
        for number, member in enumerate(node.value):
            yield from self.member.problems(member, f"{where}.{number}")


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with free keys, whose values have one shape."""

    value: Shape
    key: Shape = field(default_factory=Text)
    may_be_empty: bool = False
    """Whether the key may stand there without a value."""

    def problems(self, node: yaml.Node, where: str) -> Iterator[Problem]:
        """Tell a node that is no mapping, keys given twice, and what is wrong with keys and values."""
        yield from _mapping_problems(node, where, may_be_empty=self.may_be_empty)
        for key, value in _pairs(node):
            path = joined(where, key.value)
            yield from self.key.problems(key, path)
            yield from self.value.problems(value, path)


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
        return Problem(f'{_named(where)} has no field "{key.value}"{hint}', joined(where, key.value), line_of(key))


def joined(where: str, key: str) -> str:
    """Give the path of a key."""
    return f"{where}.{key}" if where else key


def _named(where: str) -> str:
    """Give the path for a message."""
    return where or "The document"


def _is_empty(node: yaml.Node) -> bool:
    """Say whether a key has no value at all."""
    return isinstance(node, yaml.ScalarNode) and not node.value and not node.style


def _wrong(node: yaml.Node, where: str, wanted: str) -> Problem:
    """Say that a node is of the wrong kind."""
    kind = "empty" if _is_empty(node) else _KINDS[type(node)]
    return Problem(f"{_named(where)} must be {wanted}, it is {kind}", where, line_of(node))


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
            message = f'{_named(where)} has "{key.value}" twice, first in line {first[key.value]}'
            yield Problem(message, joined(where, key.value), line)
        first.setdefault(key.value, line)
