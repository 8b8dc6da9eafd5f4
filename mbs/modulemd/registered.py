"""Registered modules, read out of their documents: of those that are imported (MBS §6.4), and of stored ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from mbs.model.contexts import DEFAULT_CONTEXT
from mbs.model.document import Dependencies, Modulemd, mapping_of, text_of, texts_of
from mbs.model.errors import Finding, refuse, unprocessable
from mbs.model.naming import tag_from_template
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire, ModuleStore, RegisteredModule, StoredModule
from mbs.model.versions import stream_version
from mbs.modulemd.changes import Changes, apply
from mbs.modulemd.reader import read, read_stream
from mbs.modulemd.rules import identity_problems, marking_problems

MISSING_ENTRIES = (
    'The imported module buildrequires other modules, but the metadata in the xmd["mbs"]["buildrequires"] dictionary '
    "is missing entries"
)


@dataclass(frozen=True, slots=True)
class ImportRules:
    """How finished modules are read."""

    base_module_names: tuple[str, ...]
    stream_suffixes: Mapping[str, float] = field(default_factory=dict)
    koji_tag_template: str | None = None
    """Where it is given, what published documents lack is filled in: see `imported`."""


def imported(
    document: Modulemd,
    base_module_names: Collection[str],
    suffixes: Mapping[str, float] | None = None,
    koji_tag_template: str | None = None,
) -> RegisteredModule:
    """Turn a document into a registered module; raise `Unprocessable` with all that is wrong.

    A missing `xmd.mbs` becomes `{mse: TRUE}`, a missing context `00000000`. `suffixes` is the setting
    `stream_suffixes`; stream version and virtual streams are those of base modules only. Distributions publish their
    modules without `xmd.mbs`: with `koji_tag_template` the tag is made from it, and what the module was built against
    is taken from the single streams of its buildrequires (version 0: nobody knows which build it was).
    """
    base = document.name in base_module_names
    template = None if base else koji_tag_template
    refuse([*_problems(document, fill=template is not None), *(_base_problems(document) if base else ())])
    completed = _completed(document, template)
    name, stream, context = str(completed.name), str(completed.stream), str(completed.context)
    mbs = completed.xmd_mbs
    return RegisteredModule(
        nsvc=NSVC(name, stream, completed.version, context),
        document=completed,
        koji_tag=text_of(mbs.get("koji_tag")),
        commit=text_of(mbs.get("commit")) or "",
        stream_version=stream_version(stream, suffixes=suffixes) if base else None,
        virtual_streams=texts_of(mbs.get("virtual_streams")) if base else (),
        buildrequires={name: BuildRequire.read(name, entry) for name, entry in _entries(completed).items()},
        arches=texts_of(mbs.get("koji_tag_arches")),
    )


def filled_in(document: Modulemd, module: RegisteredModule) -> tuple[str, ...]:
    """Say what `imported` filled in with a template: the Koji tag, and what the module was built against."""
    known = _entries(document)
    against = [one.nsvc.name_stream for name, one in sorted(module.buildrequires.items()) if name not in known]
    tag = module.koji_tag if text_of(document.xmd_mbs.get("koji_tag")) is None else None
    return (*([f"Koji tag {tag}"] if tag else []), *([f"built against {', '.join(against)}"] if against else []))


def importable(text: str, koji_tag: str | None) -> str:
    """Give the document of a build of ours as `imported` reads it: the build's Koji tag is part of it."""
    document = read_stream(text, limits=None)
    return apply(document, Changes(xmd={**document.xmd, "mbs": {**document.xmd_mbs, "koji_tag": koji_tag or ""}})).text


def _completed(document: Modulemd, template: str | None) -> Modulemd:
    """Fill in what a document may leave out, and with a template for the Koji tag what published ones do."""
    mbs = dict(document.xmd_mbs) if "mbs" in document.xmd else {"mse": True}
    context = document.context or DEFAULT_CONTEXT
    if template is not None:
        mbs |= _filled(document, template, context)
    if context == document.context and document.xmd.get("mbs") == mbs:
        return document
    return apply(document, Changes(context=context, xmd={**document.xmd, "mbs": mbs}))


def _filled(document: Modulemd, template: str, context: str) -> dict[str, object]:
    """Make the keys of `xmd.mbs` that are missing."""
    nsvc = NSVC(str(document.name), str(document.stream), document.version, context)
    tag = text_of(document.xmd_mbs.get("koji_tag")) or tag_from_template(template, nsvc)
    streams = _single_streams(document).items()
    filled = {name: BuildRequire(name, stream, 0, DEFAULT_CONTEXT).entry for name, stream in streams}
    found = {**filled, **_entries(document)}
    return {"koji_tag": tag} | ({"buildrequires": found} if found else {})


def _single_streams(document: Modulemd) -> dict[str, str]:
    """Give the buildrequires that name one stream, and by it what the module was built against."""
    pair = document.dependencies[0] if document.dependencies else Dependencies()
    return {
        name: streams[0]
        for name, streams in pair.buildrequires.items()
        if len(streams) == 1 and not streams[0].startswith("-")
    }


def _problems(document: Modulemd, *, fill: bool) -> Iterator[Finding]:
    """Find what is wrong with any imported module."""
    if not document.name or not document.stream:
        yield unprocessable("Both the name and stream must be set for the modulemd being imported.", "data.name")
    yield from identity_problems(document.name, document.stream, document.context, finished=True)
    if not isinstance(document.xmd.get("mbs", {}), Mapping):
        yield unprocessable("The mbs field in xmd must be a mapping", "data.xmd.mbs")
    if len(document.dependencies) > 1:
        yield unprocessable(
            "The imported module's dependencies list should contain just one element", "data.dependencies"
        )
    yield from _buildrequires_problems(document, fill=fill)


def _buildrequires_problems(document: Modulemd, *, fill: bool) -> Iterator[Finding]:
    """Find build dependencies that are not resolved, or not legibly; `fill` says that single streams resolve them."""
    resolved = _entries(document)
    wanted = {name: streams for pair in document.dependencies for name, streams in pair.buildrequires.items()}
    missing = sorted(wanted.keys() - set(resolved) - set(_single_streams(document) if fill else ()))
    if missing:
        yield unprocessable(
            f"{MISSING_ENTRIES}: {', '.join(missing)}"
            + (f". {_ambiguous({name: wanted[name] for name in missing})}" if fill else ""),
            "data.xmd.mbs.buildrequires",
        )
    for name, entry in resolved.items():
        try:
            BuildRequire.read(name, entry)
        except ValueError as error:
            yield unprocessable(
                f'The entry of {name} in xmd["mbs"]["buildrequires"] {error}', f"data.xmd.mbs.buildrequires.{name}"
            )


def _ambiguous(missing: Mapping[str, tuple[str, ...]]) -> str:
    """Say why entries cannot be filled in."""
    listed = "; ".join(f"{name}: [{', '.join(streams)}]" for name, streams in missing.items())
    return f"They cannot be filled in, as dependencies names no single stream ({listed})"


def _base_problems(document: Modulemd) -> Iterator[Finding]:
    """Find what is wrong with a base module."""
    marking, virtual = document.xmd_mbs.get("disttag_marking"), document.xmd_mbs.get("virtual_streams", [])
    yield from marking_problems(marking)
    if not marking and "-" in (document.stream or ""):
        yield unprocessable("The stream cannot contain a dash unless disttag_marking is set", "data.stream")
    if not isinstance(virtual, list) or not all(isinstance(each, str) for each in virtual):
        yield unprocessable("The virtual streams must be a list of strings", "data.xmd.mbs.virtual_streams")


def _entries(document: Modulemd) -> Mapping[str, object]:
    """Give `xmd.mbs.buildrequires`."""
    return mapping_of(document.xmd_mbs.get("buildrequires"))


class StoredModules:
    """A `ModuleProvider` over a store; what is stored was written by libmodulemd, and is a stream document."""

    def __init__(self, store: ModuleStore) -> None:
        """Take the store; it is asked anew every time."""
        self._store = store
        self._documents: dict[str, Modulemd] = {}

    def streams(self, name: str) -> tuple[str, ...]:
        """Give the streams of `name` with at least one ready build, sorted."""
        return tuple(self._store.streams(name))

    def builds(self, name: str, stream: str) -> tuple[RegisteredModule, ...]:
        """Give the ready builds of `name:stream`, newest version first."""
        return self._read(self._store.builds(name, stream))

    def base_modules(self, name: str) -> tuple[RegisteredModule, ...]:
        """Give the newest build of every stream, ready ones first choice, highest stream version first."""
        return self._read(self._store.base_modules(name))

    def _read(self, modules: Iterable[StoredModule]) -> tuple[RegisteredModule, ...]:
        return tuple(one.having(self._document(one.document)) for one in modules)

    def _document(self, text: str) -> Modulemd:
        if text not in self._documents:
            self._documents[text] = cast("Modulemd", read(text, limits=None))
        return self._documents[text]
