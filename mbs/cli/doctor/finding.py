"""What is found: one sentence, whether it is right, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a finding is to be taken."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSEEN = "unseen"
    """It could not be looked at, or does not matter today; no reason to worry, and none to be sure."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    verdict: Verdict
    text: str
    remedy: str = ""
    """The command, or the place, that mends it."""


@dataclass(frozen=True, slots=True)
class Part:
    """The findings about one part of the service."""

    name: str
    subject: str
    """Which one: a URL, a path."""
    findings: tuple[Finding, ...]


def right(text: str) -> Finding:
    """Find something as it should be."""
    return Finding(Verdict.RIGHT, text)


def wrong(text: str, remedy: str) -> Finding:
    """Find something that keeps modules from being built."""
    return Finding(Verdict.WRONG, text, remedy)


def unseen(text: str, remedy: str = "") -> Finding:
    """Find that something could not be seen."""
    return Finding(Verdict.UNSEEN, text, remedy)


def count(parts: Iterable[Part], verdict: Verdict) -> int:
    """Count the findings of a verdict."""
    return sum(finding.verdict is verdict for part in parts for finding in part.findings)
