"""Which streams a dependency stands for: by its document (§8.1), its submitter, or the name of the branch (§5.1).

And which it accepts of what other modules were built against (§9).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mbs.expansion import ExpansionSettings
from mbs.model.document import Dependencies
from mbs.model.errors import InvalidRequest
from mbs.model.registered import ModuleProvider, RegisteredModule


def expand_streams(
    name: str, listed: Sequence[str], provider: ModuleProvider, settings: ExpansionSettings
) -> tuple[str, ...]:
    """Give the streams that `listed` stands for, in its order, each once.

    Named streams are taken as they are, whether anything is built for them or not, and beside them `-x` means
    nothing. Without any, it is all streams with a ready build, less the excluded ones: none for an unknown module.
    """
    named = tuple(dict.fromkeys(stream for stream in listed if not stream.startswith("-")))
    if named:
        return named
    excluded = {stream[1:] for stream in listed}
    if name in settings.base_module_names:
        excluded.update(settings.base_module_stream_exclusions)
    return tuple(stream for stream in provider.streams(name) if stream not in excluded)


def expand_section(
    section: Mapping[str, Sequence[str]], provider: ModuleProvider, settings: ExpansionSettings
) -> dict[str, tuple[str, ...]]:
    """Expand all names of one `buildrequires` or `requires`."""
    return {name: expand_streams(name, listed, provider, settings) for name, listed in section.items()}


Streams: TypeAlias = Mapping[str, tuple[str, ...]]
Overrides: TypeAlias = Mapping[str, Sequence[str]]


def override(
    pairs: Sequence[Dependencies],
    *,
    buildrequires: Overrides,
    requires: Overrides,
    from_branch: Overrides,
) -> tuple[Dependencies, ...]:
    """Replace the streams of overridden modules in every pair that has them; an empty list means any stream.

    What the branch says yields to the submitter's own override, and is silent where it does not apply. Unlike MBS,
    an override may apply to several pairs (§5.1). Raises InvalidRequest with all names that are in no pair.
    """
    problems = [
        *_inapplicable("buildrequire", buildrequires, (pair.buildrequires for pair in pairs)),
        *_inapplicable("require", requires, (pair.requires for pair in pairs)),
    ]
    if problems:
        raise InvalidRequest(*problems)
    wanted = {**from_branch, **buildrequires}
    return tuple(
        Dependencies(buildrequires=_replace(pair.buildrequires, wanted), requires=_replace(pair.requires, requires))
        for pair in pairs
    )


def override_from_branch(branch: str | None, settings: ExpansionSettings) -> dict[str, tuple[str, ...]]:
    """Derive the stream of `br_stream_override_module` from a branch name; empty where no group matched."""
    if not branch or not settings.br_stream_override_module:
        return {}
    found = (re.search(pattern, branch) for pattern in settings.br_stream_override_regexes)
    match = next((match for match in found if match), None)
    stream = "".join(group or "" for group in match.groups()) if match else ""
    return {settings.br_stream_override_module: (stream,)} if stream else {}


def _inapplicable(kind: str, overrides: Overrides, sections: Iterable[Streams]) -> list[str]:
    known = {name for section in sections for name in section}
    unknown = sorted(set(overrides) - known)
    if not unknown:
        return []
    return [f"The {kind} overrides for the following modules aren't applicable: {', '.join(unknown)}"]


def _replace(streams: Streams, overrides: Overrides) -> dict[str, tuple[str, ...]]:
    return {name: tuple(overrides[name]) if name in overrides else listed for name, listed in streams.items()}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One module name with the streams that will do."""

    name: str
    streams: tuple[str, ...] = ()
    """Any of these; empty: any stream that is not excluded."""
    excluded: tuple[str, ...] = ()
    virtual: bool = False
    """Whether virtual streams count as well: those of base modules do."""
    at_least: float | None = None
    """Lowest stream version that will do: a module built on el8.1 may be used on el8.2, never the reverse."""

    @classmethod
    def of(
        cls, name: str, listed: Sequence[str], *, virtual: bool = False, at_least: float | None = None
    ) -> Requirement:
        """Read a list of streams: named ones count; without any, `-x` excludes; an empty list means any stream.

        The lower bound holds for named streams only: "any stream" is the packager's word for any (§9).
        """
        named = tuple(stream for stream in listed if not stream.startswith("-"))
        if named:
            return cls(name, streams=named, virtual=virtual, at_least=at_least)
        return cls(name, excluded=tuple(stream[1:] for stream in listed), virtual=virtual)

    def admits(self, module: RegisteredModule) -> bool:
        """Tell whether `module` satisfies this."""
        offered = {module.nsvc.stream, *(module.virtual_streams if self.virtual else ())}
        return (
            module.nsvc.name == self.name
            and (not self.streams or not offered.isdisjoint(self.streams))
            and offered.isdisjoint(self.excluded)
            and (self.at_least is None or (module.stream_version or 0.0) >= self.at_least)
        )

    def __str__(self) -> str:
        """Give it in words; equal requirements, and only these, have equal words."""
        bound = "" if self.at_least is None else f" of at least {self.at_least:g}"
        if self.streams:
            return " or ".join(f"{self.name}:{stream}" for stream in self.streams) + bound
        if self.excluded:
            return f"any {self.name} but {', '.join(self.excluded)}"
        return f"any {self.name}"
