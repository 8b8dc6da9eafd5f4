"""What a hub lets only admins do unless its policies say otherwise: the section `policy` of its YAML file.

`build_from_srpm` is asked for a build of an uploaded source RPM that is no scratch build, `build_from_repo_id` for one
that names its repository (kojid's BuildTask). Both are asked by the task, so that `build` itself always gives an id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import koji

from devhub.values import Value

NAMES = ("build_from_srpm", "build_from_repo_id")


def open_to_all(section: Mapping[str, Value]) -> frozenset[str]:
    """Give the names of the policies that let everybody through."""
    return frozenset(name for name in NAMES if section.get(name))


def answer(policy: str, everybody: Collection[str], permissions: Collection[str]) -> str:
    """Give the action of a policy for a user with these permissions; raise GenericError where there is none."""
    if policy not in NAMES:
        raise koji.GenericError(f"no such policy: {policy}")
    allowed = policy in everybody or "admin" in permissions
    return "allow" if allowed else "deny Only admin can do this via default policy"


def must_allow(policy: str, everybody: Collection[str], permissions: Collection[str]) -> None:
    """Raise ActionNotAllowed, as a hub does, when a policy does not let a user with these permissions through."""
    if policy not in everybody and "admin" not in permissions:
        raise koji.ActionNotAllowed(f"policy violation ({policy})")
