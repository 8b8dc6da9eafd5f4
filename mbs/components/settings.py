"""What the service allows components, and what it fills in (§20)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComponentSettings:
    """Defaults and permissions for components; the names are MBS's options."""

    rpms_default_repository: str = "https://src.fedoraproject.org/rpms/"
    rpms_allow_repository: bool = False
    rpms_default_cache: str = "http://pkgs.fedoraproject.org/repo/pkgs/"
    rpms_allow_cache: bool = False
    modules_default_repository: str = "https://src.fedoraproject.org/modules/"
    modules_allow_repository: bool = False
    default_branch: str = "master"
    allow_arch_override: bool = False
    """Whether the hub builds fewer arches than the tag has on request; stock Koji does so for scratch builds only."""
    default_build_seconds: float = 300.0
    """Expected duration of a build that Koji has no average for."""
