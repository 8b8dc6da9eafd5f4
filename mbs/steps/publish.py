"""Publishing a finished module build: its documents into the registry, then the module into Koji.

Each step finds what an earlier try of it has done, so it may be killed at any line and taken again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mbs.koji.content_generator import import_module, owner_for, tag_for_compose, tagged_rpm_facts, tagged_rpms
from mbs.koji.session import Hub
from mbs.model.errors import NotFound
from mbs.model.naming import koji_build
from mbs.model.plan import BuildPlan
from mbs.model.states import ModuleState
from mbs.publish.documents import NOARCH, FinalDocuments, make_in_sandbox, read_in_sandbox, stored_documents
from mbs.publish.log import build_log
from mbs.publish.metadata import ModuleFacts, cg_metadata, output_files, this_host
from mbs.publish.rpms import RpmFact
from mbs.registry import Registry
from mbs.registry.rows import DocumentRow, ModuleBuildRow
from mbs.steps import Log


@dataclass(frozen=True, slots=True)
class ImportedBuild:
    """A module's build in Koji."""

    nvr: str
    fresh: bool
    """Whether it was imported just now."""
    tag: str | None
    """The compose's tag that it is in; None where no such tag exists or is wanted."""


@dataclass(frozen=True, slots=True)
class StoredDocuments:
    """The final documents of a module build, as they were made."""

    documents: tuple[FinalDocuments, ...]
    warning: str | None
    """A sentence about RPMs that the document names and that nothing made."""

    @property
    def rpms(self) -> dict[str, int]:
        """How many RPMs they list by arch, each counted once."""
        listed = {rpm.nevra for made in self.documents for document in made.arches for rpm in document.rpms}
        return dict(Counter(nevra.rpartition(".")[2] for nevra in listed))


def make_documents(hub: Hub, registry: Registry, plan: BuildPlan) -> StoredDocuments:
    """Make the final documents of the module and of its -devel twin from Koji's RPMs, and keep them (§16.5).

    A warning about them is left as a message about the build.
    """
    made = make_in_sandbox(plan, tagged_rpm_facts(hub, plan.koji_tag))
    warning = _warning(made.absent)
    with registry.transaction() as work:
        work.documents.store_final(plan.build_id, [row for documents in made.documents for row in _rows(documents)])
        work.messages.add(plan.build_id, {None: warning} if warning else {})
    return StoredDocuments(made.documents, warning)


def arch_documents(hub: Hub, registry: Registry, build_id: int) -> dict[str, str]:
    """Give the final document of each arch: as it was kept, or as it would be made of what is in Koji's tag by now.

    One that was imported is final as it is. Raises NotFound, HubUnavailable, and what `process.run` does.
    """
    with registry.transaction() as work:
        build, kept = work.builds.get(build_id), work.documents.final(build_id)
        plan = work.documents.plan(build_id) if build.plan_digest and not kept else None
        document = work.documents.modulemd(build_id)
    if kept:
        return {row.arch: row.text for row in kept if row.name == build.nsvc.name and row.arch != NOARCH}
    if plan is None:
        return dict.fromkeys(build.arches or (NOARCH,), document)
    facts = tagged_rpm_facts(hub, plan.koji_tag) if hub.call("getTag", plan.koji_tag) else ()
    own = next(made for made in make_in_sandbox(plan, facts).documents if made.name == build.nsvc.name)
    return {made.arch: made.text for made in own.arches}


def _warning(absent: Mapping[str, Sequence[str]]) -> str | None:
    named = "; ".join(f"{path} names {', '.join(names)}" for path, names in absent.items())
    return f"No component made some RPMs of the document: {named}. Are these names misspelt?" if absent else None


def import_build(hub: Hub, registry: Registry, plan: BuildPlan, *, by: str, log: Log) -> dict[str, str | None]:
    """Publish what is to be imported; the module build is done then. Gives the tag for the compose by build in Koji."""
    builds = publish(hub, registry, plan) if plan.publication.imported else ()
    for build in builds:
        log(f"{'Imported' if build.fresh else 'Found'} {build.nvr}; tagged for the compose: {build.tag or 'nowhere'}.")
    if not builds:
        log(f"Nothing is imported: {'a scratch build' if plan.scratch else 'switched off'}.")
    if registry.builds.get(plan.build_id).state is ModuleState.BUILD:
        registry.builds.transition(plan.build_id, ModuleState.DONE, None, by)
    return {build.nvr: build.tag for build in builds}


def publish(hub: Hub, registry: Registry, plan: BuildPlan) -> tuple[ImportedBuild, ...]:
    """Import the module, and its twin where the plan has one; tag both for the compose (§16.1 to §16.3).

    Raises NotFound where the documents have not been made, HubRefused, HubUnavailable.
    """
    rpms = tagged_rpms(hub, plan.koji_tag)
    own, twin = (koji_build(plan.nsvc, devel=devel) for devel in (False, True))
    wanted = (own, twin) if plan.publication.devel else (own,)
    texts = _texts(registry, plan)
    read = read_in_sandbox([texts[build.name] for build in wanted])
    importer = _Import.prepare(hub, registry, plan, rpms, read.library)
    return tuple(
        importer.run(hub, stored_documents(build.name, texts[build.name], artifacts, rpms), str(build))
        for build, artifacts in zip(wanted, read.artifacts, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Import:
    """What the imports of a module and of its twin have in common."""

    plan: BuildPlan
    facts: ModuleFacts
    rpms: Sequence[RpmFact]
    log: str
    list_owner: str
    library: str
    """Version of libmodulemd."""

    @classmethod
    def prepare(cls, hub: Hub, registry: Registry, plan: BuildPlan, rpms: Sequence[RpmFact], library: str) -> _Import:
        """Ask for everything."""
        build_id = plan.build_id
        with registry.transaction() as work:
            build, trace = work.builds.get(build_id), work.builds.trace(build_id)
            log = build_log(plan, trace, work.components.of(build_id), work.messages.of(build_id))
        owner = owner_for(hub, plan.owner)
        return cls(plan, _module_facts(plan, build, owner.known), rpms, log, owner.of_lists, library)

    def run(self, hub: Hub, documents: FinalDocuments, nvr: str) -> ImportedBuild:
        """Import one build and tag it; what is there already stays."""
        source = self.plan.source_modulemd if self.plan.scmurl else ""
        files = output_files(documents, self.rpms, source_modulemd=source, build_log=self.log)
        metadata = cg_metadata(documents.name, self.facts, this_host(self.library), files, documents.modulemd)
        build_id = self.plan.build_id
        directory = f"mbs/{build_id}" if documents.name == self.plan.nsvc.name else f"mbs/{build_id}-devel"
        fresh = import_module(hub, nvr, build_id, directory, files, metadata)
        return ImportedBuild(
            nvr, fresh, tag_for_compose(hub, nvr, self.plan.publication.candidate_tags, self.list_owner)
        )


def _module_facts(plan: BuildPlan, build: ModuleBuildRow, owner: str | None) -> ModuleFacts:
    return ModuleFacts(
        build_id=plan.build_id,
        stream=plan.nsvc.stream,
        module_version=plan.nsvc.version,
        context=plan.nsvc.context,
        version=plan.publication.version,
        release=plan.publication.release,
        koji_tag=plan.koji_tag,
        source=plan.scmurl,
        owner=owner,
        start_time=int(build.time_submitted.timestamp()),
        end_time=int(time.time()),
    )


def _rows(documents: FinalDocuments) -> Iterator[DocumentRow]:
    yield DocumentRow(documents.name, NOARCH, documents.modulemd)
    for document in documents.arches:
        yield DocumentRow(documents.name, document.arch, document.text)


def _texts(registry: Registry, plan: BuildPlan) -> dict[str, dict[str, str]]:
    """Give the stored documents by name and arch."""
    texts: dict[str, dict[str, str]] = {}
    for row in registry.documents.final(plan.build_id):
        texts.setdefault(row.name, {})[row.arch] = row.text
    if not texts:
        msg = f"There are no final documents of {plan.nsvc} in the registry; clear the task final_modulemd."
        raise NotFound(msg)
    return texts
