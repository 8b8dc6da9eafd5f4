"""Which streams a dependency stands for: by its document (§8.1), its submitter, or the name of the branch (§5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from mbs.expansion import ExpansionSettings
from mbs.model.document import Dependencies
from mbs.model.errors import InvalidRequest
from mbs.model.registered import ModuleProvider


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
