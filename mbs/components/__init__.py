"""From a document's components to what is built: which source, in which order, for which arches.

gather   included modules are fetched, recursively                       (the only step that reaches out)
select   rules, defaults and overrides: a repository and a ref each, and its place in the build
record   with the refs pinned to commits: the plan's components
"""

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
