"""Refuse hostile YAML before libmodulemd sees it: that library crashes on deep nesting and misreads aliases.

One pass over the parser's events, which are made lazily: nothing is expanded, memory stays within a few times the
size of the text, and the pass ends at the first limit that is exceeded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from mbs.model.errors import InvalidModulemd, Problem
from mbs.model.quoting import plain

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]")
_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much YAML is read; `size` in bytes, the others in numbers of things.

    The largest module of Fedora 29 (178 components, all artifacts and xmd) has 80 kB and 3,800 values.
    """

    size: int = 2 * 1024 * 1024
    nodes: int = 40_000
    depth: int = 32
    documents: int = 1
    key: int = 256
    """Characters of a key; the longest of Fedora 29 and EL 8 has 64."""


ONE_DOCUMENT = Limits()
"""For what a user hands in."""
MANY_DOCUMENTS = Limits(size=64 * 1024 * 1024, nodes=5_000_000, documents=10_000)
"""For a distribution's modules.yaml."""


@dataclass(frozen=True, slots=True)
class Part:
    """One YAML document of a text."""

    text: str
    line: int
    """The line it starts on, from 1."""
    kind: str
    """Its `document` field, empty where there is none."""


def scan(text: str | bytes, limits: Limits = ONE_DOCUMENT) -> tuple[Part, ...]:
    """Check `text` and split it into its documents; raise `InvalidModulemd` with the line of the first offence."""
    checked = _decoded(text, limits)
    parts: list[Part] = []
    walk = _Walk(limits)
    start: yaml.Event = yaml.StreamStartEvent()
    for event in _events(checked):
        walk.take(event)
        if isinstance(event, yaml.DocumentStartEvent):
            start = event
            if len(parts) == limits.documents:
                raise refusal(f"there are more YAML documents than expected ({limits.documents})", line_of(event))
        elif isinstance(event, yaml.DocumentEndEvent):
            parts.append(Part(_between(checked, start, event), line_of(start), walk.kind))
    if not any(part.text.strip("-. \n\r\t") for part in parts):
        raise InvalidModulemd("The input modulemd was empty")
    return tuple(parts)


def refusal(error: str, line: int | None = None) -> InvalidModulemd:
    """Say in MBS's words that the text cannot be read."""
    return InvalidModulemd(
        Problem(f"The modulemd is invalid. The error was: '{error}'. Please verify the syntax is correct.", line=line)
    )


def line_of(thing: yaml.Event | yaml.Node) -> int:
    """Give the line that an event or a node starts on, from 1."""
    return thing.start_mark.line + 1 if thing.start_mark else 1


def _between(text: str, start: yaml.Event, end: yaml.Event) -> str:
    """Cut a document out of `text`; its first line keeps its indentation, which what follows is measured against."""
    first, last = start.start_mark, end.end_mark
    indent, begin = (first.column, first.index) if first else (0, 0)
    return " " * indent + text[begin : last.index if last else None]


def _decoded(text: str | bytes, limits: Limits) -> str:
    """Check size, encoding and characters, in the order of their cost."""
    if len(text) > limits.size:
        raise refusal(f"it is larger than {limits.size} bytes")
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise refusal("it is not UTF-8", text[: error.start].count(b"\n") + 1) from None  # type: ignore[arg-type]
    decoded = decoded.removeprefix(_BOM)
    if bad := _FORBIDDEN.search(decoded):
        raise refusal(f"the character U+{ord(bad.group()):04X} is not allowed", _line_at(decoded, bad.start()))
    if tag := _TAG_DIRECTIVE.search(decoded):
        raise refusal("YAML directives are not allowed", _line_at(decoded, tag.start()))
    return decoded


def _line_at(text: str, position: int) -> int:
    """Count lines, from 1."""
    return text.count("\n", 0, position) + 1


def _events(text: str) -> Iterator[yaml.Event]:
    """Give the parser's events; what is no YAML is refused with its line."""
    try:
        yield from yaml.parse(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refusal(error.problem or error.context or "no YAML", mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise refusal(plain(str(error))) from None


@dataclass(slots=True)
class _Collection:
    """A mapping or a sequence that is still open."""

    mapping: bool
    key: str | None = None
    """Of a mapping: the key whose value comes next."""
    member: str | None = None
    """Of a sequence: the type of its members so far."""


@dataclass(slots=True)
class _Walk:
    """Where in the document the events are, and how much there was already."""

    limits: Limits
    kind: str = ""
    nodes: int = 0
    open: list[_Collection] = field(default_factory=list)

    def take(self, event: yaml.Event) -> None:
        """Check one event and follow it."""
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise refusal("YAML anchors and aliases (&name, *name) are not allowed", line_of(event))
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self.open.pop()
            self._member("mapping" if closed.mapping else f"list of {closed.member or 'nothing'}", event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.kind = ""

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        self._count(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if self.open and self.open[-1].mapping and self.open[-1].key is None:
            raise refusal("a key is a mapping or a list, it must be plain text", line_of(event))
        if len(self.open) == self.limits.depth:
            raise refusal(f"it is nested deeper than {self.limits.depth} levels", line_of(event))
        self.open.append(_Collection(mapping))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._count(event)
        if bad := _FORBIDDEN.search(event.value):
            raise refusal(f"the character U+{ord(bad.group()):04X} is not allowed", line_of(event))
        inside = self.open[-1] if self.open else None
        if inside and inside.mapping and inside.key is None:
            if len(event.value) > self.limits.key:
                raise refusal(f"a key is longer than {self.limits.key} characters", line_of(event))
            inside.key = event.value
            return
        if inside and len(self.open) == 1 and inside.key == "document":
            self.kind = event.value
        boolean = event.implicit[0] and event.value in {"TRUE", "FALSE"}
        self._member("boolean" if boolean else "text", event)

    def _member(self, kind: str, event: yaml.Event) -> None:
        """Note the end of a value; libmodulemd drops members of a list that differ in type from the first."""
        if not self.open:
            return
        inside = self.open[-1]
        inside.key = None
        if not inside.mapping and inside.member not in {None, kind}:
            raise refusal(f"a list mixes {inside.member} and {kind}", line_of(event))
        inside.member = kind

    def _count(self, event: yaml.Event) -> None:
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            raise refusal(f"it has more than {self.limits.nodes} values", line_of(event))
