"""What is said at the head of a run: its note, in Markdown, of strangers' text quoted so that nothing in it acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from urllib.parse import quote

from mbs.model.quoting import code, markdown

NOTE_LENGTH = 1000
"""Characters that Airflow keeps of a note."""

SENTENCE_LENGTH = 300
"""Characters of a sentence in a note; the log has all of it."""

REASON_LENGTH = 10_000
"""Characters of the reason that is recorded for a failed module build."""

_ALL_OR_NOTHING = "Either all that was asked for is recorded or nothing of it; asking again does no harm."
UNANSWERED = (
    "This was not answered: its task was killed, or could not be started. Its log may tell more. " + _ALL_OR_NOTHING
)

_ROOM_FOR_MORE = 60
_LINES = (6, 4, 2, 1)
"""Lines of a log that each failure may have in a note, as far as there is room."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task of a module build failed for good."""

    at: float
    """Seconds since the epoch."""
    reason: str
    """For the log and the registry: a sentence, and what matters of a log below it."""
    task: str = ""
    """The task of Airflow."""
    what: str = ""
    """The component."""
    arch: str = ""
    koji_task: int | None = None
    url: str = ""
    """The page of the Koji task."""
    why: str = ""
    """The sentence alone, without what `what`, `arch` and `koji_task` say."""
    lines: tuple[str, ...] = ()
    """What matters in the log of the Koji task."""

    @property
    def cause(self) -> object:
        """What the failures of several tasks have in common: the Koji task, or the reason."""
        return self.koji_task or self.reason

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Read what a task has left; an older version of the service left less."""
        known = {name: stored[name] for name in (each.name for each in fields(cls)) if name in stored}
        return cls(**{**known, "lines": tuple(known.get("lines", ()))})

    def stored(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {**asdict(self), "lines": list(self.lines)}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a module build that ended well."""

    nsvc: str
    state: str
    koji_tag: str
    rpms: Mapping[str, int] = field(default_factory=dict)
    """How many, by arch."""
    imported: Mapping[str, str | None] = field(default_factory=dict)
    """The tag for the compose, by the build in Koji; None where there is no such tag."""
    built: Sequence[str] = ()
    reused: Sequence[str] = ()
    warnings: Sequence[str] = ()


def refusal(problems: Iterable[str]) -> str:
    """Say why a form was refused."""
    return listed("Refused:", [sentence(problem) for problem in problems])


def answer(messages: Iterable[str]) -> str:
    """Say what a form has done."""
    return listed("", [sentence(message) for message in messages])


def unanswered(why: str) -> str:
    """Say why a form was neither refused nor answered."""
    return f"This was not answered: {sentence(why)}\n\n{_ALL_OR_NOTHING}"


def failed(failures: Sequence[Failure]) -> str:
    """Say what failed in a module build, each with its Koji task and the lines of its log that matter."""
    head = "Failed:" if len(failures) == 1 else f"Failed in {len(failures)} places:"
    for count in _LINES:
        note = listed(head, [_failure(one, count) for one in failures], "in the log of record_failure")
        if note.count("\n* ") == len(failures):
            return note
    return note


def ended_well(result: Result) -> str:
    """Say what came of a module build."""
    rpms = ", ".join(f"{count} {arch}" for arch, count in sorted(result.rpms.items()))
    facts = {
        "RPMs": sentence(rpms or "none"),
        "Built": sentence(", ".join(result.built)),
        "Reused": sentence(", ".join(result.reused)),
        "Koji tag": code(result.koji_tag),
        "For composes": _imported(result.imported),
    }
    items = [f"{name}: {value}" for name, value in facts.items() if value]
    warned = [f"Warning: {sentence(warning)}" for warning in result.warnings]
    return listed(f"{markdown(result.nsvc)} is {result.state}.", [*items, *warned])


def reasons(failures: Iterable[Failure]) -> str:
    """Give the reasons of all failures for the registry, the first first."""
    return "\n".join(one.reason for one in failures)[:REASON_LENGTH]


def sentence(text: str) -> str:
    """Quote a sentence, cut to what a note has room for."""
    return markdown(text, SENTENCE_LENGTH)


def listed(head: str, items: Sequence[str], more: str = "in the log") -> str:
    """Put items of finished Markdown below a head, as many as a note holds; `more` says where the others are."""
    note = f"{head}\n\n" if head else ""
    for place, item in enumerate(items):
        if len(note) + len(item) > NOTE_LENGTH - _ROOM_FOR_MORE:
            return f"{note}\n({len(items) - place} more {more})"
        note += f"* {item}\n"
    return note.rstrip()


def _failure(one: Failure, lines: int) -> str:
    """Give the item of a failure: what, where, and lines of the log or else the sentence."""
    if not one.why:
        return f"{code(one.task)}: {sentence(one.reason)}" if one.task else sentence(one.reason)
    link = f", [Koji task {one.koji_task}]({quote(one.url, safe=':/?&=%#@')})" if one.url else ""
    head = f"**{markdown(one.what)}**{f' ({markdown(one.arch)})' if one.arch else ''}{link}:"
    if not one.lines:
        return f"{head} {sentence(one.why)}"
    return "\\\n  ".join((head, *(code(line, SENTENCE_LENGTH // 2) for line in one.lines[:lines])))


def _imported(builds: Mapping[str, str | None]) -> str:
    return ", ".join(f"{code(nvr)} in {code(tag) if tag else 'no tag'}" for nvr, tag in builds.items())
