"""What an operator of the service decides about stream expansion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExpansionSettings:
    """Settings of stream expansion; the names are those of MBS (§20) where it has them."""

    base_module_names: tuple[str, ...] = ("platform",)
    """Modules that stand for a distribution release, the most important first."""
    base_module_stream_exclusions: tuple[str, ...] = ()
    """Base module streams that "any stream" does not mean; they can still be named."""
    allow_only_compatible_base_modules: bool = True
    """Take modules built against older y and z releases only; otherwise from every base module with a common
    virtual stream, retired ones included (Fedora)."""
    br_stream_override_module: str = "platform"
    """The module whose stream a branch name may set."""
    br_stream_override_regexes: tuple[str, ...] = ()
    """Searched in the branch name, the first match counts; its groups, joined, are the stream."""
    stream_suffixes: Mapping[str, float] = field(default_factory=dict)
    """Added to the stream version of base module streams that match the regular expression."""
    max_builds: int = 50
    """Module builds that one submission may become."""
    max_combinations: int = 10_000
    """Combinations of streams that are tried for one submission, whether they can be satisfied or not."""
