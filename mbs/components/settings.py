"""What of the settings components are recorded by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSettings:
    """Defaults and permissions for components: the part of `mbs.settings.Settings`, which explains them, by name."""

    rpms_default_repository: str
    rpms_allow_repository: bool
    rpms_default_cache: str
    rpms_allow_cache: bool
    modules_default_repository: str
    modules_allow_repository: bool
    default_branch: str
    allow_arch_override: bool
    default_build_seconds: float
    max_components: int
