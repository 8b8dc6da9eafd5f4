"""Which RPMs may not enter the buildroot: what build dependencies filter, and what modular RPMs shadow (§13)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conflicts:
    """RPMs to conflict with, of one list."""

    key: str
    """Where the document lists them; the comment in the spec."""
    rpms: tuple[str, ...]
    """Each as `name-epoch:version-release`."""


def conflicts(
    xmd_mbs: Mapping[str, object],
    *,
    module: str,
    base_modules: Collection[str],
    reused: Collection[str] = (),
) -> tuple[Conflicts, ...]:
    """Read the conflicts from `xmd.mbs`, by build dependency, then those of the base modules' RPMs.

    A module that is built against itself (`module` is its name) keeps what it filters but is about to reuse:
    `reused` are NVRs (`name-version-release`).
    """
    buildrequires = xmd_mbs.get("buildrequires")
    groups = []
    for name, entry in (buildrequires if isinstance(buildrequires, Mapping) else {}).items():
        filtered = _listed(entry, "filtered_rpms")
        if name == module:
            filtered = tuple(rpm for rpm in filtered if _without_epoch(rpm) not in reused)
        groups.append(Conflicts(f"xmd.mbs.buildrequires.{name}.filtered_rpms", filtered))
        if name in base_modules:
            key = f"xmd.mbs.buildrequires.{name}.ursine_rpms"
            groups.append(Conflicts(key, _listed(entry, "ursine_rpms")))
    groups.append(Conflicts("xmd.mbs.ursine_rpms", _listed(xmd_mbs, "ursine_rpms")))
    return tuple(group for group in groups if group.rpms)


def _listed(mapping: object, key: str) -> tuple[str, ...]:
    """Give a list of `xmd`, which YAML makes an empty string where there is none."""
    value = mapping.get(key) if isinstance(mapping, Mapping) else None
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def _without_epoch(rpm: str) -> str:
    name, epoch_version, release = rpm.rsplit("-", 2)
    return f"{name}-{epoch_version.partition(':')[2] or epoch_version}-{release}"
