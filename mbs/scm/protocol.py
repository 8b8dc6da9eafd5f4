"""What the domain asks of a source code management system; git is the one implementation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mbs.scm.url import ScmUrl, full_hash


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A branch, a tag or a commit hash (also shortened) in a repository, as a packager writes it."""

    repository: str
    name: str

    def __str__(self) -> str:
        """Give `<repository>#<name>`, the form of MBS's messages."""
        return f"{self.repository}#{self.name}"


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A modulemd as it lies in a repository, with the commit that fixes it."""

    name: str
    """Of the repository; the module's name unless the document says otherwise (§6.2)."""
    text: bytes
    """Verbatim; it may be anything, so it goes through the reader's guard."""
    commit: str
    """40 hexadecimal digits, in lower case."""


@dataclass(frozen=True, slots=True)
class SubmittedSource(ModuleSource):
    """The modulemd of a submission."""

    committed: dt.datetime
    """Commit time in UTC; the module's version is made from it (§7.1)."""


class Scm(Protocol):
    """Reads repositories; executes nothing that lies in them.

    All methods raise `ScmUnavailable` when a server does not answer and a `Refused` when it answers no.
    """

    def resolve(self, refs: Iterable[Ref]) -> Mapping[Ref, str]:
        """Pin every ref to its commit (40 hexadecimal digits in lower case); all failures are told at once (422)."""
        ...

    def submitted(self, url: ScmUrl, branch: str) -> SubmittedSource:
        """Read the modulemd of a submission, at a commit that must be part of `branch` (§6.2)."""
        ...

    def included(self, ref: Ref) -> ModuleSource:
        """Read the modulemd of an included module (`components.modules`) at a ref."""
        ...

    def files(self, branch: Ref, directories: Sequence[str], suffix: str) -> Mapping[str, bytes]:
        """Read the files right in these directories (empty: the top) whose names end in `suffix`, by path."""
        ...


class PinnedScm:
    """Asks another `Scm` only for what is not pinned yet. Never for a build: nobody has seen that the commit exists."""

    def __init__(self, scm: Scm) -> None:
        """Take the `Scm` that answers the rest."""
        self._scm = scm

    def resolve(self, refs: Iterable[Ref]) -> dict[Ref, str]:
        """Pin every ref; one that is 40 hexadecimal digits is its own commit."""
        wanted = list(refs)
        pinned = {ref: commit for ref in wanted if (commit := full_hash(ref.name))}
        rest = [ref for ref in wanted if ref not in pinned]
        return {**pinned, **(self._scm.resolve(rest) if rest else {})}

    def submitted(self, url: ScmUrl, branch: str) -> SubmittedSource:
        """Read the modulemd of a submission."""
        return self._scm.submitted(url, branch)

    def included(self, ref: Ref) -> ModuleSource:
        """Read the modulemd of an included module."""
        return self._scm.included(ref)

    def files(self, branch: Ref, directories: Sequence[str], suffix: str) -> Mapping[str, bytes]:
        """Read files of a branch."""
        return self._scm.files(branch, directories, suffix)
