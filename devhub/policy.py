"""The policies of a hub: what it lets only some do, unless the section `policy` of its YAML file opens it to everybody.

`build_from_srpm` is asked for a build of an uploaded source RPM that is no scratch build, `build_from_repo_id` for one
that names its repository (kojid's BuildTask). Both are asked by the task, so that `build` itself always gives an id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import koji

from devhub.values import Value

NAMES = ("build_from_srpm", "build_from_repo_id")
"""The policies that the YAML file may open to everybody."""
_KEEPERS: Mapping[str, tuple[str, ...]] = {
    "build_rpm": (),
    "cg_import": (),
    "build_from_srpm": ("admin",),
    "build_from_repo_id": ("admin",),
    "build_from_scm": ("admin",),
    "package_list": ("admin", "tag"),
}
"""The permissions of which each policy asks for one; none asks for nothing."""


def open_to_all(section: Mapping[str, Value]) -> frozenset[str]:
    """Give the names of the policies that let everybody through."""
    return frozenset(name for name in NAMES if section.get(name))


def answer(policy: str, everybody: Collection[str], permissions: Collection[str]) -> str:
    """Give a policy's word on a user with these permissions, as evalPolicy does: `allow`, or `deny` with the reason."""
    if policy not in _KEEPERS:
        raise koji.GenericError(f"no such policy: {policy}")
    keepers = _KEEPERS[policy]
    if not keepers or policy in everybody or not set(keepers).isdisjoint(permissions):
        return "allow"
    return f"deny Only {'/'.join(keepers)} can do this via default policy"


def must_allow(policy: str, everybody: Collection[str], permissions: Collection[str]) -> None:
    """Raise ActionNotAllowed, as a hub does, when a policy does not let a user with these permissions through."""
    action, _, reason = answer(policy, everybody, permissions).partition(" ")
    if action != "allow":
        raise koji.ActionNotAllowed(f"policy violation ({policy}): {reason} [rule: all :: {action} {reason}]")
