"""An `Scm` for planning without a server: full hashes are taken at their word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mbs.scm.protocol import ModuleSource, Ref, Scm, SubmittedSource
from mbs.scm.url import ScmUrl, full_hash


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
