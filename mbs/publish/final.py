"""The making of the documents of a finished module, by libmodulemd: of each arch, and of its -devel twin (§16.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mbs.model.document import DEVEL_SUFFIX, Dependencies, Modulemd, RpmComponent
from mbs.model.plan import PlannedComponent
from mbs.modulemd.changes import Changes, edit
from mbs.publish.documents import ArchDocument, FinalDocuments
from mbs.publish.rpms import RpmFact
from mbs.publish.selection import Selection, document_arch, select


def final_documents(
    document: Modulemd, rpms: Iterable[RpmFact], arches: Sequence[str]
) -> tuple[FinalDocuments, FinalDocuments]:
    """Give the documents of the module and of its -devel twin, from the RPMs in the module's Koji tag.

    `document` is the expanded one with its NSVC; its `text` carries what is not modelled (references, ...).
    What only building needs (repositories, caches, xmd.mbs) is left out; xmd.mbs_options stays.
    """
    facts = tuple(rpms)
    filtered = with_buildonly_filter(document, facts)
    chosen = {arch: select(filtered, facts, arch) for arch in arches}
    main = _Base.of(filtered)
    devel = _Base.devel(filtered)
    return (
        main.documents({arch: both[0] for arch, both in chosen.items()}),
        devel.documents({arch: both[1] for arch, both in chosen.items()}),
    )


def with_included(document: Modulemd, components: Iterable[PlannedComponent]) -> Modulemd:
    """Count the components of included modules as the document's own: a stack is published as one module.

    The text stays what the packager wrote. MBS goes by the text alone, so that what was included ends in the twin.
    """
    included = (component for component in components if component.included_from is not None)
    added = (RpmComponent(part.name, multilib=part.multilib, buildonly=part.buildonly) for part in included)
    return replace(document, rpms=(*document.rpms, *added))


def with_buildonly_filter(document: Modulemd, rpms: Iterable[RpmFact]) -> Modulemd:
    """Add the RPMs of `buildonly` components to the document's filter (§14.2): they only served the build."""
    buildonly = {component.name for component in document.rpms if component.buildonly}
    extra = {rpm.name for rpm in rpms if rpm.srpm_name in buildonly and not rpm.is_source}
    if extra <= set(document.rpm_filter):
        return document
    rpm_filter = tuple(sorted(extra | set(document.rpm_filter)))
    return replace(document, rpm_filter=rpm_filter, text=edit(document.text, Changes(rpm_filter=rpm_filter)))


@dataclass(frozen=True, slots=True)
class _Base:
    """What the documents of all arches have in common."""

    name: str
    modulemd: str
    text: str

    @classmethod
    def of(cls, document: Modulemd) -> _Base:
        """Give the module's own."""
        changes = Changes(xmd=_published_xmd(document), without_component_sources=True)
        return cls(document.name or "", document.text, edit(document.text, changes))

    @classmethod
    def devel(cls, document: Modulemd) -> _Base:
        """Give the twin's: it requires the module, and has neither API nor profiles."""
        name = f"{document.name}{DEVEL_SUFFIX}"
        changes = Changes(
            name=name,
            dependencies=tuple(_requiring(pair, document) for pair in document.dependencies),
            rpm_api=(),
            profiles={},
            xmd=_published_xmd(document),
            without_component_sources=True,
        )
        return cls(name, edit(document.text, Changes(name=name)), edit(document.text, changes))

    def documents(self, selections: dict[str, Selection]) -> FinalDocuments:
        """Write the selection of each arch into its document."""
        return FinalDocuments(
            self.name,
            self.modulemd,
            tuple(self._arch_document(arch, selection) for arch, selection in selections.items()),
        )

    def _arch_document(self, arch: str, selection: Selection) -> ArchDocument:
        changes = Changes(
            arch=document_arch(arch),
            rpm_artifacts=selection.artifacts,
            content_licenses=selection.licenses,
        )
        return ArchDocument(arch, edit(self.text, changes), selection.rpms)


def _published_xmd(document: Modulemd) -> dict[str, object]:
    return {key: value for key, value in document.xmd.items() if key != "mbs"}


def _requiring(pair: Dependencies, document: Modulemd) -> Dependencies:
    streams = pair.requires.get(document.name or "", ())
    requires = {**pair.requires, document.name or "": tuple(sorted({*streams, document.stream or ""}))}
    return replace(pair, requires=requires)
