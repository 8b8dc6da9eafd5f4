"""What this service allows in a submitted modulemd."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mbs.errors import InvalidRequest, NotAuthorized, Problem, Refused, Unprocessable

_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,127}")
"""What may stand in a Koji tag, a path and a DAG id without harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides about a document: the part of `mbs.settings.Settings`, which explains it, by name."""

    base_module_names: tuple[str, ...]
    allowed_privileged_module_names: tuple[str, ...]
    modules_allow_repository: bool
    allow_name_override_from_scm: bool
    allow_stream_override_from_scm: bool
    allow_dashes_in_svc: bool
    default_branch: str


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


def refuse(findings: Iterable[Finding]) -> None:
    """Raise `refusal_of` all `findings`; return where there are none."""
    found = list(findings)
    if found:
        raise refusal_of(found)


def refusal_of(findings: Sequence[Finding]) -> Refused:
    """Make one exception that carries all `findings`, at least one.

    Its class is that of the finding with the highest status: a document that cannot be processed (422) outweighs
    a forbidden option (403), and that a malformed request (400).
    """
    gravest = max((finding.refused for finding in findings), key=lambda refused: refused.status)
    return gravest(*dict.fromkeys(finding.problem for finding in findings))


def identity_problems(
    name: str | None = None, stream: str | None = None, context: str | None = None
) -> Iterator[Finding]:
    """Find characters that must not get into tags, paths and ids; what is missing is not judged."""
    for kind, value in (("name", name), ("stream", stream), ("context", context)):
        if value and not is_identifier(value):
            yield bad_request(
                f'The {kind} "{value}" is not valid: use letters, digits and . _ + ~ ^ -, with a letter or digit '
                "first, 128 characters at most",
                f"data.{kind}",
            )


def is_identifier(text: str) -> bool:
    """Say whether `text` can be (part of) a name in Koji, a path and an id."""
    return _IDENTIFIER.fullmatch(text) is not None
