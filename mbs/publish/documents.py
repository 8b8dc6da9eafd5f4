"""The documents of a finished module: one per arch, and those of its -devel twin (§16.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from mbs.model.errors import HubRefused
from mbs.model.plan import BuildPlan
from mbs.publish.rpms import RpmFact
from mbs.sandbox import process
from mbs.sandbox.limits import Limits

NOARCH = "noarch"
"""Stands for the document that is of no arch."""


@dataclass(frozen=True, slots=True)
class ArchDocument:
    """The document of one Koji arch, and the RPMs that it lists."""

    arch: str
    text: str
    rpms: tuple[RpmFact, ...]


@dataclass(frozen=True, slots=True)
class FinalDocuments:
    """All documents under one name: the module's own or those of its -devel twin."""

    name: str
    modulemd: str
    """The document without an arch, as it was built from, xmd.mbs included."""
    arches: tuple[ArchDocument, ...]


@dataclass(frozen=True, slots=True)
class MadeDocuments:
    """The final documents of a module and of its twin."""

    documents: tuple[FinalDocuments, ...]
    absent: Mapping[str, tuple[str, ...]]
    """RPMs that the document names and that nothing made, by the place that names them."""


@dataclass(frozen=True, slots=True)
class ReadDocuments:
    """What stored documents list."""

    artifacts: tuple[Mapping[str, tuple[str, ...]], ...]
    """Of each set of documents, by arch."""
    library: str
    """Version of libmodulemd."""


def make_in_sandbox(plan: BuildPlan, facts: Sequence[RpmFact]) -> MadeDocuments:
    """Have the final documents made of the RPMs in the module's tag; raises what `process.run` does."""
    request = plan.modulemd, plan.components, tuple(facts), plan.arches
    return msgspec.convert(process.run("mbs.publish.sandboxed:make", request, {}, Limits()), MadeDocuments)


def read_in_sandbox(sets: Sequence[Mapping[str, str]]) -> ReadDocuments:
    """Have documents read, which are in sets by arch; raises what `process.run` does."""
    request = tuple(map(dict, sets))
    return msgspec.convert(process.run("mbs.publish.sandboxed:read", request, {}, Limits()), ReadDocuments)


def stored_documents(
    name: str, texts: Mapping[str, str], artifacts: Mapping[str, Sequence[str]], rpms: Iterable[RpmFact]
) -> FinalDocuments:
    """Put stored documents together again: `texts` by arch, the RPMs of each from the `artifacts` that it lists.

    Raises HubRefused where the tag no longer has an RPM that a document lists.
    """
    facts = {rpm.nevra: rpm for rpm in rpms}
    listed = {arch: artifacts[arch] for arch in texts if arch != NOARCH}
    lost = sorted({nevra for nevras in listed.values() for nevra in nevras if nevra not in facts})
    if lost:
        msg = (
            f"{', '.join(lost)} is in the final modulemd but not in the Koji tag; clear final_modulemd to make it anew"
        )
        raise HubRefused(msg)
    arches = (
        ArchDocument(arch, texts[arch], tuple(facts[nevra] for nevra in nevras)) for arch, nevras in listed.items()
    )
    return FinalDocuments(name, texts[NOARCH], tuple(arches))
