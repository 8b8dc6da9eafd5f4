"""Documents changed and written through libmodulemd.

Editing goes through the library's own objects, so that what `Modulemd` does not model (references, translations,
service levels) survives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from mbs.model.document import Dependencies, Modulemd, plain_xmd
from mbs.model.errors import InvalidModulemd
from mbs.modulemd.reader import GETTERS, GLib, Lib, Stream, copied, dumped, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """New values for fields of a `Modulemd`; None leaves a field as it is, an empty value clears it."""

    name: str | None = None
    stream: str | None = None
    version: int | None = None
    context: str | None = None
    arch: str | None = None
    static_context: bool | None = None
    dependencies: tuple[Dependencies, ...] | None = None
    xmd: Mapping[str, object] | None = None
    """The whole xmd: merging is the caller's."""
    content_licenses: tuple[str, ...] | None = None
    rpm_artifacts: tuple[str, ...] | None = None
    rpm_api: tuple[str, ...] | None = None
    rpm_filter: tuple[str, ...] | None = None
    profiles: Mapping[str, tuple[str, ...]] | None = None
    without_component_sources: bool = False
    """Remove `repository` and `cache` of every component (MBS §16.5)."""


def edit(text: str, changes: Changes) -> str:
    """Give the document of `text` (a stream document that was read before) with `changes`, as YAML."""
    return dumped(_changed(text, changes))


def apply(document: Modulemd, changes: Changes) -> Modulemd:
    """Give `document` with `changes`, its text included; equal to reading the edited text, but faster."""
    stream = _changed(document.text, changes)
    touched = {name: GETTERS[name](stream) for name in _named(changes) if name in GETTERS and name != "xmd"}
    if changes.xmd is not None:
        touched["xmd"] = plain_xmd(changes.xmd)
    if changes.without_component_sources:
        touched |= {name: GETTERS[name](stream) for name in ("rpms", "modules")}
    return replace(document, **touched, text=dumped(stream))


def _changed(text: str, changes: Changes) -> Stream:
    """Copy the stream of `text` and set what is to change."""
    stream = copied(parsed(text), changes.name, changes.stream)
    for name in _named(changes):
        if name in _SET:
            _SET[name](stream, getattr(changes, name))
    if changes.without_component_sources:
        _forget_sources(stream)
    return stream


def _named(changes: Changes) -> list[str]:
    """Give the fields that are to change."""
    return [each.name for each in fields(changes) if getattr(changes, each.name) is not None]


def _forget_sources(stream: Stream) -> None:
    for name in stream.get_rpm_component_names():
        component = stream.get_rpm_component(name)
        component.set_repository(None)
        component.set_cache(None)
    for name in stream.get_module_component_names():
        stream.get_module_component(name).set_repository(None)


def _set_static(stream: Stream, static: bool) -> None:
    if static:
        stream.set_static_context()
    else:
        stream.unset_static_context()


def _set_dependencies(stream: Stream, pairs: tuple[Dependencies, ...]) -> None:
    stream.clear_dependencies()
    for pair in pairs:
        written = Lib.Dependencies.new()
        for name, streams in pair.buildrequires.items():
            written.set_empty_buildtime_dependencies_for_module(name)
            for each in streams:
                written.add_buildtime_stream(name, each)
        for name, streams in pair.requires.items():
            written.set_empty_runtime_dependencies_for_module(name)
            for each in streams:
                written.add_runtime_stream(name, each)
        stream.add_dependencies(written)


def _set_xmd(stream: Stream, xmd: Mapping[str, object]) -> None:
    stream.clear_xmd()
    if xmd:
        stream.set_xmd(_variant(plain_xmd(xmd)))


def _variant(value: object) -> Stream:
    """Turn plain data into GLib's; members of a list must be of one type, or libmodulemd could not write it."""
    if isinstance(value, bool):
        return GLib.Variant.new_boolean(value)
    if isinstance(value, str):
        return GLib.Variant.new_string(value)
    if isinstance(value, dict):
        return GLib.Variant("a{sv}", {key: _variant(item) for key, item in value.items()})
    members = [_variant(item) for item in cast("list[object]", value)]
    if len({member.get_type_string() for member in members}) > 1:
        raise InvalidModulemd(f"The list {value} in xmd mixes types: write texts, booleans, lists or mappings only")
    return GLib.Variant.new_array(None, members) if members else GLib.Variant("av", [])


def _set_profiles(stream: Stream, profiles: Mapping[str, tuple[str, ...]]) -> None:
    stream.clear_profiles()
    for name, rpms in profiles.items():
        profile = Lib.Profile.new(name)
        for rpm in rpms:
            profile.add_rpm(rpm)
        stream.add_profile(profile)


def _set_each(clear: str, add: str) -> Callable[[Stream, tuple[str, ...]], None]:
    """Make a setter of a set of texts from libmodulemd's two methods."""

    def set_each(stream: Stream, values: tuple[str, ...]) -> None:
        getattr(stream, clear)()
        add_one = getattr(stream, add)
        for value in values:
            add_one(value)

    return set_each


_SET: Mapping[str, Callable[[Stream, Any], None]] = {
    "version": lambda stream, version: stream.set_version(version),
    "context": lambda stream, context: stream.set_context(context or None),
    "arch": lambda stream, arch: stream.set_property("arch", arch or None),
    "static_context": _set_static,
    "dependencies": _set_dependencies,
    "xmd": _set_xmd,
    "content_licenses": _set_each("clear_content_licenses", "add_content_license"),
    "rpm_artifacts": _set_each("clear_rpm_artifacts", "add_rpm_artifact"),
    "rpm_api": _set_each("clear_rpm_api", "add_rpm_api"),
    "rpm_filter": _set_each("clear_rpm_filters", "add_rpm_filter"),
    "profiles": _set_profiles,
}
"""How each changeable field is set in libmodulemd's stream; name and stream are set while copying."""
