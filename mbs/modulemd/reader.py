"""Documents read through libmodulemd, of whatever kind they are; `changes` writes them through its objects.

The library is imported here and nowhere else.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias, cast

import gi
import yaml

from mbs.model.document import (
    BuildOpts,
    Configuration,
    Dependencies,
    ModuleComponent,
    Modulemd,
    PackagerV3,
    RpmComponent,
)
from mbs.model.errors import InvalidModulemd
from mbs.model.quoting import quoted
from mbs.modulemd.guard import ONE_DOCUMENT, Limits, Part, refusal, scan
from mbs.modulemd.nodes import original_line, with_signed_numbers
from mbs.modulemd.structure import MOST_FOUND, UNKNOWN_KIND, is_known, reading_problems

gi.require_version("Modulemd", "2.0")
from gi.repository import GLib as _GLib  # noqa: E402  # the version is to be named first
from gi.repository import Modulemd as _Lib  # noqa: E402  # likewise

GLib, Lib = _GLib, _Lib
"""What `changes` writes with, too."""

log = logging.getLogger(__name__)

for _domain in ("libmodulemd", "GLib", "GLib-GObject"):
    # What the library complains about while it reads is the author's business, not that of whoever reads our errors.
    GLib.log_set_handler(_domain, GLib.LogLevelFlags.LEVEL_MASK, lambda _, __, said: log.debug("%s", said))

Stream: TypeAlias = Any
"""An object of libmodulemd, which has no types: a ModuleStreamV2 where nothing else is said."""

LIBRARY_VERSION: str = Lib.get_version()
"""Of libmodulemd."""

_UNNAMED = "__unnamed_"
"""libmodulemd's own stand-in for a missing name or stream; left out when written."""
_LONG = re.compile(r"'[^']{101,}'|\S{101,}")
"""What libmodulemd quotes of a document at length."""
_PLACE = re.compile(r"\s*\[line (\d+) col (\d+)\]")


def read(text: str | bytes, limits: Limits | None = ONE_DOCUMENT) -> Modulemd | PackagerV3:
    """Read the one document of `text`: modulemd v1 (upgraded) or v2, modulemd-packager v2 or v3.

    Raises `InvalidModulemd`. `limits=None` is for our own output only: neither guarded nor written out again.
    """
    if limits is None:
        return _document(parsed(_as_text(text)), _as_text(text))
    (part,) = scan(text, replace(limits, documents=1))
    return read_part(part)


def read_stream(text: str | bytes, limits: Limits | None = ONE_DOCUMENT) -> Modulemd:
    """Read a document that must be of a single stream (not modulemd-packager v3)."""
    document = read(text, limits)
    if isinstance(document, PackagerV3):
        raise InvalidModulemd(
            "A modulemd-packager document of version 3 is not accepted here: give a modulemd document"
        )
    return document


def read_part(part: Part, *, sound: bool = False) -> Modulemd | PackagerV3:
    """Read one document of a guarded text; lines are those of the whole text.

    `sound` says that its structure was found sound already, by the stricter rules for what is submitted.
    """
    try:
        return _document(parsed(part.text if sound else _sound(part.text)))
    except InvalidModulemd as refused:
        raise refused.each(lambda problem: problem.moved(part.line - 1)) from None


def _sound(text: str) -> str:
    """Give a finished document as libmodulemd can read it; raise InvalidModulemd where its structure is not sound."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader) or yaml.ScalarNode("", "")
    if not is_known(root):
        raise refusal(f"the document {UNKNOWN_KIND}", 1)
    signed = with_signed_numbers(text, root)
    if signed != text:
        root = yaml.compose(signed, Loader=yaml.CSafeLoader) or root
    if problems := list(islice(reading_problems(root), MOST_FOUND)):
        raise InvalidModulemd(*problems)
    return signed


@lru_cache(maxsize=8)
def parsed(text: str) -> Stream:
    """Let libmodulemd read; the object is shared and never changed."""
    return _guarded(lambda: _given(Lib.read_packager_string(text, None, None)[1]), text)


def _given(parsed: Stream) -> Stream:
    """Turn libmodulemd's way to fail without a word into an error."""
    if parsed is None:
        raise TypeError
    return parsed


def _guarded(call: Callable[[], Any], text: str = "") -> Stream:
    """Call libmodulemd; its errors are the user's, at the line of `text` that they are about."""
    try:
        return call()
    except GLib.Error as error:
        message = error.message or "libmodulemd cannot read it"
        place = _PLACE.search(message)
        line = original_line(text, int(place.group(1)), int(place.group(2))) if place and text else None
        raise refusal(_LONG.sub(lambda found: quoted(found[0]), _PLACE.sub("", message)).rstrip("."), line) from None
    except TypeError:
        raise refusal("libmodulemd cannot read it") from None


def _document(parsed: Stream, text: str | None = None) -> Modulemd | PackagerV3:
    """Turn what libmodulemd read into our types; `text` where it is libmodulemd's own output already."""
    return _packager(parsed) if isinstance(parsed, Lib.PackagerV3) else _modulemd(parsed, text)


def _modulemd(stream: Stream, text: str | None = None) -> Modulemd:
    """Read every field of a stream."""
    return Modulemd(**{name: get(stream) for name, get in GETTERS.items()}, text=text or dumped(stream))


def _as_text(text: str | bytes) -> str:
    """Decode our own output."""
    return text.decode() if isinstance(text, bytes) else text


def _packager(packager: Stream) -> PackagerV3:
    """Read a v3 document: its configurations, and the stream that libmodulemd makes of each."""
    index = _guarded(packager.convert_to_index)
    (module,) = (index.get_module(name) for name in index.get_module_names())
    by_context = {stream.get_context(): stream for stream in module.get_all_streams()}
    contexts = list(packager.get_build_config_contexts_as_strv())
    streams = tuple(_modulemd(_static(by_context[context])) for context in contexts)
    return PackagerV3(
        body=_modulemd(_body(by_context[contexts[0]])),
        configurations=tuple(_configuration(packager.get_build_config(context)) for context in contexts),
        streams=streams,
    )


def _static(stream: Stream) -> Stream:
    """Mark a stream as having the context its packager gave it."""
    copy = copied(stream)
    copy.set_static_context()
    return copy


def _body(stream: Stream) -> Stream:
    """Take away what a configuration put into a stream."""
    copy = copied(stream)
    copy.set_context(None)
    copy.clear_dependencies()
    copy.set_buildopts(Lib.Buildopts.new())
    return copy


def _configuration(config: Stream) -> Configuration:
    """Read one of v3's configurations."""
    return Configuration(
        context=config.get_context(),
        platform=config.get_platform(),
        buildrequires={
            name: config.get_buildtime_requirement_stream(name) for name in config.get_buildtime_modules_as_strv()
        },
        requires={name: config.get_runtime_requirement_stream(name) for name in config.get_runtime_modules_as_strv()},
        buildopts=_buildopts(config),
    )


def _name(name: str | None) -> str | None:
    """Forget libmodulemd's stand-ins."""
    return None if not name or name.startswith(_UNNAMED) else name


def _licenses(kind: str) -> Callable[[Stream], tuple[str, ...]]:
    return lambda stream: tuple(getattr(stream, f"get_{kind}_licenses")())


def _dependencies(stream: Stream) -> tuple[Dependencies, ...]:
    return tuple(
        Dependencies(
            {name: tuple(pair.get_buildtime_streams(name)) for name in pair.get_buildtime_modules()},
            {name: tuple(pair.get_runtime_streams(name)) for name in pair.get_runtime_modules()},
        )
        for pair in stream.get_dependencies()
    )


def _profiles(stream: Stream) -> Mapping[str, tuple[str, ...]]:
    return {name: tuple(stream.get_profile(name).get_rpms()) for name in stream.get_profile_names()}


def _rpms(stream: Stream) -> tuple[RpmComponent, ...]:
    """Read the components; what `buildafter` knows by their labels, everything else knows by their packages."""
    components = [stream.get_rpm_component(label) for label in stream.get_rpm_component_names()]
    packages = {component.get_key(): component.get_name() for component in components}
    return tuple(_rpm(component, packages) for component in components)


def _rpm(component: Stream, packages: Mapping[str, str]) -> RpmComponent:
    return RpmComponent(
        name=component.get_name(),
        label=component.get_key() if component.get_key() != component.get_name() else "",
        rationale=component.get_rationale() or "",
        repository=component.get_repository(),
        cache=component.get_cache(),
        ref=component.get_ref(),
        arches=tuple(component.get_arches()),
        multilib=tuple(component.get_multilib_arches()),
        buildorder=component.get_buildorder(),
        buildafter=tuple(packages.get(label, label) for label in component.get_buildafter()),
        buildonly=component.get_buildonly(),
        buildroot=component.get_buildroot(),
        srpm_buildroot=component.get_srpm_buildroot(),
    )


def _modules(stream: Stream) -> tuple[ModuleComponent, ...]:
    return tuple(_module(stream.get_module_component(name)) for name in stream.get_module_component_names())


def _module(component: Stream) -> ModuleComponent:
    return ModuleComponent(
        name=component.get_name(),
        rationale=component.get_rationale() or "",
        repository=component.get_repository(),
        ref=component.get_ref(),
        buildorder=component.get_buildorder(),
    )


def _buildopts(owner: Stream) -> BuildOpts:
    opts = owner.get_buildopts()
    if opts is None:
        return BuildOpts()
    return BuildOpts(opts.get_rpm_macros(), tuple(opts.get_rpm_whitelist()), tuple(opts.get_arches()))


def _xmd(stream: Stream) -> Mapping[str, object]:
    variant = stream.get_xmd()
    value = variant.unpack() if variant is not None else {}
    return value if isinstance(value, dict) else {}


GETTERS: Mapping[str, Callable[[Stream], Any]] = {
    "name": lambda stream: _name(stream.get_module_name()),
    "stream": lambda stream: _name(stream.get_stream_name()),
    "version": lambda stream: stream.get_version(),
    "context": lambda stream: stream.get_context() or None,
    "arch": lambda stream: stream.get_arch() or None,
    "static_context": lambda stream: stream.is_static_context(),
    "summary": lambda stream: stream.get_summary("C") or "",
    "description": lambda stream: stream.get_description("C") or "",
    "module_licenses": _licenses("module"),
    "content_licenses": _licenses("content"),
    "dependencies": _dependencies,
    "profiles": _profiles,
    "rpm_api": lambda stream: tuple(stream.get_rpm_api()),
    "rpm_filter": lambda stream: tuple(stream.get_rpm_filters()),
    "rpm_artifacts": lambda stream: tuple(stream.get_rpm_artifacts()),
    "rpms": _rpms,
    "modules": _modules,
    "buildopts": _buildopts,
    "xmd": _xmd,
}
"""How each field of a `Modulemd` is read from libmodulemd's stream."""


def dumped(stream: Stream) -> str:
    """Let libmodulemd validate and write a stream; a missing name or stream stays missing."""
    index = Lib.ModuleIndex.new()
    named = stream if stream.get_module_name() and stream.get_stream_name() else copied(stream)
    _guarded(lambda: index.add_module_stream(named))
    return cast("str", _guarded(index.dump_to_string))


def copied(stream: Stream, name: str | None = None, stream_name: str | None = None) -> Stream:
    """Copy a stream, the only way to rename it."""
    return stream.copy(
        name or stream.get_module_name() or f"{_UNNAMED}module_0",
        stream_name or stream.get_stream_name() or f"{_UNNAMED}stream_0",
    )
