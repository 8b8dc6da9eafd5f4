"""What a list of streams in a document means: the registered streams it stands for (§8.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mbs.expansion.provider import ModuleProvider
from mbs.expansion.settings import ExpansionSettings


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
