"""SRPMs that stand in for components of a scratch build (§11.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mbs.errors import InvalidRequest, Problem
from mbs.quoting import quoted

_UPLOADED = re.compile(r"cli-build/[A-Za-z0-9._+-]*[A-Za-z0-9_+-]/(?P<name>[A-Za-z0-9_][A-Za-z0-9._+-]*)\.src\.rpm")


def srpm_overrides(srpms: Iterable[str]) -> dict[str, str]:
    """Give the uploaded SRPMs by component; the client names a file after its package, and the first of a name wins.

    Only what lies in Koji's upload area is taken (`cli-build/<unique>/<package>.src.rpm`). MBS also took files of its
    own host. Raises `InvalidRequest` with all that are anything else.
    """
    found: dict[str, str] = {}
    problems = []
    for srpm in srpms:
        match = _UPLOADED.fullmatch(srpm)
        if match is None:
            problems.append(
                Problem(f"Provided srpm is invalid: '{quoted(srpm)}'. Upload it to cli-build/ of Koji first", "srpms")
            )
        else:
            found.setdefault(match["name"], srpm)
    if problems:
        raise InvalidRequest.of(problems)
    return found
