"""From a submitted document to its streams: one per context that the packager chose, else just itself (MBS §8.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mbs.model.document import Dependencies, Modulemd, PackagerV3
from mbs.model.errors import Finding, bad_request, refuse
from mbs.model.quoting import quoted
from mbs.modulemd.changes import Changes, apply
from mbs.modulemd.rules import context_problems

_WHERE = "data.xmd.mbs_options.contexts"


class InputStream(NamedTuple):
    """A document to expand, and whether its context is the packager's and stays."""

    document: Modulemd
    static: bool


def input_streams(document: Modulemd | PackagerV3) -> tuple[InputStream, ...]:
    """Split a document into the streams to expand.

    Static are: the configurations of modulemd-packager v3, `static_context: true` of v2, `xmd.mbs.static_context`
    (a rebuild) and each entry of `xmd.mbs_options.contexts`. Raises `InvalidRequest` with everything that is wrong
    with them: a static context is built against the streams that it names, and they are not expanded.
    """
    pairs = dependency_pairs(document)
    if isinstance(document, PackagerV3):
        return tuple(InputStream(stream, static=True) for stream in document.streams)
    if _is_static(document):
        return (InputStream(document, static=True),)
    if "contexts" in document.mbs_options:
        return _from_options(document, pairs)
    return (InputStream(document, static=False),)


def dependency_pairs(document: Modulemd | PackagerV3) -> tuple[Dependencies, ...]:
    """Give the pairs of dependencies of all streams to expand; raises as `input_streams` does, without libmodulemd."""
    if isinstance(document, PackagerV3):
        refuse(_configuration_problems(document))
        return tuple(pair for stream in document.streams for pair in stream.dependencies)
    if _is_static(document):
        if not document.context:
            refuse([bad_request("The modulemd says that its context is static, but has none", "data.context")])
        refuse(_pair_problems(document))
        return document.dependencies
    if "contexts" in document.mbs_options:
        contexts = document.mbs_options["contexts"]
        refuse(_problems(contexts))
        return tuple(_dependencies(entry) for _, entry in _entries(contexts))
    return document.dependencies


def _is_static(document: Modulemd) -> bool:
    return document.static_context or bool(document.xmd_mbs.get("static_context"))


def _from_options(document: Modulemd, pairs: tuple[Dependencies, ...]) -> tuple[InputStream, ...]:
    """Make a document per entry of `xmd.mbs_options.contexts`, without that key; `pairs` are theirs, in this order."""
    xmd = _without_contexts(document)
    contexts = (context for context, _ in _entries(document.mbs_options["contexts"]))
    return tuple(
        InputStream(
            apply(document, Changes(context=context, static_context=True, dependencies=(pair,), xmd=xmd)), static=True
        )
        for context, pair in zip(contexts, pairs, strict=True)
    )


def _entries(contexts: object) -> list[tuple[str, Mapping[str, Mapping[str, str]]]]:
    """Give the entries of a checked `contexts`, sorted."""
    return sorted(contexts.items()) if isinstance(contexts, dict) else []


def _dependencies(entry: Mapping[str, Mapping[str, str]]) -> Dependencies:
    """Turn single streams into a pair of dependencies."""
    buildrequires, requires = (
        {name: (stream,) for name, stream in entry[kind].items()} for kind in ("buildrequires", "requires")
    )
    return Dependencies(buildrequires, requires)


def _without_contexts(document: Modulemd) -> Mapping[str, object]:
    """Give the xmd without `mbs_options.contexts`, and without `mbs_options` if nothing else is in it."""
    options = {key: value for key, value in document.mbs_options.items() if key != "contexts"}
    rest = {key: value for key, value in document.xmd.items() if key != "mbs_options"}
    return rest | {"mbs_options": options} if options else rest


def _configuration_problems(document: PackagerV3) -> Iterator[Finding]:
    """Find what is wrong with the streams that configurations name."""
    for number, one in enumerate(document.configurations):
        where = f"data.configurations.{number}"
        yield from _stream_problems(one.context, "buildrequires", "platform", one.platform, f"{where}.platform")
        for kind, named in (("buildrequires", one.buildrequires), ("requires", one.requires)):
            for name, stream in named.items():
                place = f"{where}.{kind}.{name}"
                yield from _stream_problems(one.context, kind, name, stream, place)
                if name == "platform":
                    message = (
                        f"The '{kind}' of the '{one.context}' static context name the platform, which has its own key"
                    )
                    yield bad_request(message, place)


def _pair_problems(document: Modulemd) -> Iterator[Finding]:
    """Find streams that a document with a static context leaves open."""
    for number, pair in enumerate(document.dependencies):
        for name, streams in pair.buildrequires.items():
            where = f"data.dependencies.{number}.buildrequires.{name}"
            for stream in streams or ("",):
                yield from _stream_problems(str(document.context), "buildrequires", name, stream, where)


def _problems(contexts: object) -> Iterator[Finding]:
    """Find what is wrong with the value of `contexts`."""
    if not isinstance(contexts, Mapping) or not contexts:
        yield bad_request("The value of the 'contexts' property needs to be a dict.", _WHERE)
        return
    for context, entry in contexts.items():
        yield from _entry_problems(str(context), entry)


def _entry_problems(context: str, entry: object) -> Iterator[Finding]:
    """Find what is wrong with one context."""
    where = f"{_WHERE}.{context}"
    yield from context_problems(context, where)
    for kind in ("buildrequires", "requires"):
        if not isinstance(entry, Mapping) or kind not in entry:
            yield bad_request(f"The context '{quoted(context)}' is missing the '{kind}' key!", where)
        elif not isinstance(entry[kind], Mapping):
            yield bad_request(
                f"The '{kind}' of the '{quoted(context)}' static context needs to be a dict.", f"{where}.{kind}"
            )
        else:
            for name, stream in entry[kind].items():
                yield from _stream_problems(context, kind, name, stream, f"{where}.{kind}.{name}")


def _stream_problems(context: str, kind: str, name: str, stream: object, where: str) -> Iterator[Finding]:
    """Find what is wrong with the stream of one module (MBS §8.5)."""
    name, context = quoted(name), quoted(context)
    if stream in ("", [], {}):
        message = f"The '{name}' module in '{kind}' of the '{context}' static context has no stream defined."
    elif not isinstance(stream, str):
        message = (
            f"The module '{name}' in '{kind}' of the '{context}' static context is of type "
            f"'{type(stream).__name__}' should be 'str' type."
        )
    elif stream.startswith("-"):
        message = (
            f"The '{quoted(stream)}' stream of module '{name}' in '{kind}' of the '{context}' static contexts is using "
            "stream expansion. Usage of stream expansion with static context is forbidden."
        )
    else:
        return
    yield bad_request(message, where)
