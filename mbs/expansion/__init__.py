"""Stream expansion: one document with lists of streams becomes one document per build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpansionSettings:
    """What an operator decides: the part of `mbs.settings.Settings`, which explains it, by name."""

    base_module_names: tuple[str, ...]
    base_module_stream_exclusions: tuple[str, ...]
    allow_only_compatible_base_modules: bool
    br_stream_override_module: str
    br_stream_override_regexes: tuple[str, ...]
    stream_suffixes: Mapping[str, float]
    max_builds: int
    max_combinations: int
