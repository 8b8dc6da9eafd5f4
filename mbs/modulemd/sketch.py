"""What can be made out of a document that libmodulemd refuses, so that the rules are told with the refusal.

Nothing is ever built from a sketch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from mbs.model.document import BuildOpts, Dependencies, ModuleComponent, Modulemd, RpmComponent, mapping_of, text_of
from mbs.modulemd.nodes import plain


def sketch(root: yaml.Node) -> Modulemd:
    """Read what the rules judge of any kind of document; what has another form than it should is left out.

    The configurations of modulemd-packager v3 become pairs of dependencies.
    """
    data = mapping_of(mapping_of(plain(root)).get("data"))
    components = mapping_of(data.get("components"))
    modules = mapping_of(components.get("modules"))
    return Modulemd(
        name=text_of(data.get("name")),
        stream=text_of(data.get("stream")),
        context=text_of(data.get("context")),
        static_context=str(data.get("static_context")).lower() == "true",
        dependencies=tuple(_pairs(data)),
        rpms=tuple(_rpms(mapping_of(components.get("rpms")))),
        modules=tuple(
            ModuleComponent(
                name,
                repository=text_of(mapping_of(module).get("repository")),
                ref=text_of(mapping_of(module).get("ref")),
            )
            for name, module in sorted(modules.items())
        ),
        buildopts=BuildOpts(arches=_texts(mapping_of(data.get("buildopts")).get("arches"))),
        xmd=mapping_of(data.get("xmd")),
    )


def _rpms(entries: Mapping[str, object]) -> Iterator[RpmComponent]:
    """Give the components by label, each named as its package is, also in `buildafter`."""
    packages = {label: text_of(mapping_of(entry).get("name")) or label for label, entry in entries.items()}
    for label, package in sorted(packages.items()):
        entry = mapping_of(entries[label])
        order = text_of(entry.get("buildorder")) or "0"
        yield RpmComponent(
            name=package,
            label=label if label != package else "",
            repository=text_of(entry.get("repository")),
            cache=text_of(entry.get("cache")),
            ref=text_of(entry.get("ref")),
            arches=_texts(entry.get("arches")),
            buildorder=int(order) if re.fullmatch(r"[+-]?[0-9]{1,20}", order) else 0,
            buildafter=tuple(packages.get(each, each) for each in _texts(entry.get("buildafter"))),
        )


def _texts(value: object) -> tuple[str, ...]:
    """Give a list of texts, also where it is one text."""
    return tuple(sorted({str(each) for each in _members(value) if each}))


def _pairs(data: Mapping[str, object]) -> Iterator[Dependencies]:
    """Give the pairs of v2, the one of v1, and one for each configuration of packager v3."""
    for pair in _members(data.get("dependencies")):
        yield Dependencies(_streams(pair, "buildrequires"), _streams(pair, "requires"))
    for each in _members(data.get("configurations")):
        platform = text_of(mapping_of(each).get("platform"))
        named = {"platform": (platform,)} if platform else {}
        yield Dependencies(named | _streams(each, "buildrequires"), _streams(each, "requires"))


def _streams(pair: object, kind: str) -> dict[str, tuple[str, ...]]:
    listed = mapping_of(mapping_of(pair).get(kind))
    return {name: tuple(str(stream) for stream in _members(streams)) for name, streams in listed.items()}


def _members(value: object) -> list[object]:
    """Give a list as it is, and anything else as the list of it alone."""
    return value if isinstance(value, list) else [value]
