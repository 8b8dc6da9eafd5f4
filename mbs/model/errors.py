"""The one hierarchy of errors: who is at fault, and what to do next.

`Refused` is the user's to mend (a document, a request), `Infrastructure` passes by itself and is retried,
`HubRefused` and `BuildFailed` are final until a person acts. Messages are complete sentences for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from mbs.model.quoting import LINE_LENGTH, PROBLEMS, printable

T = TypeVar("T")


class MbsError(Exception):
    """Any error of the module build service."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what a user handed in, with what to do about it."""

    message: str
    where: str | None = None
    """Path in the document, e.g. `data.components.rpms.foo`, or the name of a request field."""
    line: int | None = None
    """Line in the document, from 1, where it is known."""
    more: int = 0
    """Further problems that this one stands for: it counts them."""

    def __post_init__(self) -> None:
        """Bound the message."""
        if len(self.message) > LINE_LENGTH:
            object.__setattr__(self, "message", f"{self.message[: LINE_LENGTH - 3]}...")

    def moved(self, lines: int) -> Problem:
        """Give the problem of a part of a document that has so many lines before it."""
        return replace(self, line=self.line + lines) if self.line else self

    def __str__(self) -> str:
        """Give the problem as one line of text."""
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.message}"


class Refused(MbsError):
    """What the user handed in is not accepted; carries every problem at once, or the first hundred and their number.

    `status` is the HTTP status that says the same (MBS answers with it).
    """

    status = 400

    def __init__(self, *problems: Problem | str) -> None:
        """Take one or more problems, as text where there is no place to name."""
        self.problems: tuple[Problem, ...] = tuple(
            _bounded([Problem(problem) if isinstance(problem, str) else problem for problem in problems])
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The problems, each as what it was refused for."""
        return tuple(Finding(problem, type(self)) for problem in self.problems)

    @property
    def lines(self) -> list[str]:
        """The problems as texts for a terminal or a log."""
        return [printable(str(problem)) for problem in self.problems]

    def each(self, change: Callable[[Problem], Problem]) -> Self:
        """Give the same refusal of changed problems."""
        return type(self)(*map(change, self.problems))


def _bounded(problems: list[Problem]) -> Iterator[Problem]:
    """Give the first of many problems, and one that counts the others, also those that were counted before."""
    single = [problem for problem in problems if not problem.more]
    counted = sum(problem.more for problem in problems)
    if not counted and len(single) <= PROBLEMS + 1:  # the line that counts one more could as well tell it
        yield from single
        return
    yield from single[:PROBLEMS]
    more = len(single[PROBLEMS:]) + counted
    yield Problem(f"... and {more} more.", more=more)


class InvalidRequest(Refused):
    """The request is malformed or asks for what is switched off (MBS: ValidationError)."""


class Unauthenticated(Refused):
    """Nobody knows who asks, or what was given as a proof is none (MBS: Unauthorized)."""

    status = 401


class NotAuthorized(Refused):
    """The user, the SCM or the option is not allowed here (MBS: Forbidden)."""

    status = 403


class NotFound(Refused):
    """There is no such module build."""

    status = 404


class Conflict(Refused):
    """The module build exists already and is not one to resume."""

    status = 409


class Unprocessable(Refused):
    """The document or what it refers to cannot be processed (MBS: UnprocessableEntity)."""

    status = 422


class InvalidModulemd(Unprocessable):
    """The modulemd is not valid."""


class TooSlow(Refused):
    """What was sent took too long to come."""

    status = 408


class TooLarge(Refused):
    """More was sent than is read."""

    status = 413


class Busy(Refused):
    """As much is being done as may be at a time; `seconds` later there may be room."""

    status = 503
    seconds = 10


class TimedOut(Refused):
    """It took longer than a submission may."""

    status = 504


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and the class of refusal that it alone would be."""

    problem: Problem
    refused: type[Refused] = Unprocessable


def bad_request(message: str, where: str | None = None) -> Finding:
    """Make a finding that MBS answers with 400."""
    return Finding(Problem(message, where), InvalidRequest)


def forbidden(message: str, where: str | None = None) -> Finding:
    """Make a finding that MBS answers with 403."""
    return Finding(Problem(message, where), NotAuthorized)


def unprocessable(message: str, where: str | None = None) -> Finding:
    """Make a finding that MBS answers with 422."""
    return Finding(Problem(message, where), Unprocessable)


class Findings(list[Finding]):
    """What is wrong, collected over several steps, so that it is told at once."""

    def of(self, step: Callable[[], T]) -> T | None:
        """Take a step and give its result; what it refuses is found, and there is no result."""
        try:
            return step()
        except Refused as refused:
            self += refused.findings
            return None


def refuse(findings: Iterable[Finding]) -> None:
    """Raise one refusal that carries all `findings`; return where there are none.

    Its class is that of the finding with the highest status: a document that cannot be processed (422) outweighs
    a forbidden option (403), and that a malformed request (400).
    """
    found = list(findings)
    if found:
        gravest = max((finding.refused for finding in found), key=lambda refused: refused.status)
        raise gravest(*dict.fromkeys(finding.problem for finding in found))


class Infrastructure(MbsError):
    """Something outside is away for now; the same call may succeed later."""


class HubUnavailable(Infrastructure):
    """The Koji hub does not answer, or answers that it is down."""


class ScmUnavailable(Infrastructure):
    """A git server does not answer."""


class RegistryUnavailable(Infrastructure):
    """The registry's database does not answer, or a lock in it is held for too long."""


class HubRefused(MbsError):
    """The Koji hub understood the call and refused it; a repetition gives the same.

    `code` is Koji's faultCode (1000 GenericError, 1003 TagError, 1004 ActionNotAllowed, ...).
    """

    def __init__(self, message: str, *, code: int = 1000, call: str | None = None) -> None:
        """Keep Koji's message and code, and the call that was refused."""
        self.text = message
        self.code = code
        self.call = call
        super().__init__(f"Koji refused {call}: {message}" if call else message)


class BuildFailed(MbsError):
    """A Koji build ended without success; final until a person asks for another."""


class ForbiddenTransition(MbsError):
    """A state change that the state machine does not have; a defect of the caller."""


class UnreadablePlan(MbsError):
    """A stored plan that this code cannot read: damaged, or written by another version of it."""


class PoolMissing(MbsError):
    """Airflow lets no task of a pool start that does not exist, and fails none: builds would wait for ever."""

    def __init__(self, pool: str) -> None:
        """Say what to do."""
        super().__init__(f"Airflow has no pool {pool}, so no build could start. Have `mbs pools` run first.")
