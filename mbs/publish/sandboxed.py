"""What is done in a sandbox with the documents of a module that is built: they are made, and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mbs.model.plan import PlannedComponent
from mbs.modulemd.reader import LIBRARY_VERSION, read_stream
from mbs.publish.documents import NOARCH, MadeDocuments, ReadDocuments
from mbs.publish.final import final_documents, with_included
from mbs.publish.rpms import RpmFact
from mbs.publish.selection import unmade
from mbs.sandbox.child import Parent

Making = tuple[str, Sequence[PlannedComponent], Sequence[RpmFact], Sequence[str]]
"""The document that was built, the components of its plan, the RPMs in its tag, the arches."""


def make(request: Making, _: Parent) -> MadeDocuments:
    """Make the final documents."""
    text, components, facts, arches = request
    document = with_included(read_stream(text, limits=None), components)
    absent = {place: tuple(names) for place, names in unmade(document, facts).items()}
    return MadeDocuments(final_documents(document, facts, arches), absent)


def read(sets: Sequence[Mapping[str, str]], _: Parent) -> ReadDocuments:
    """Read which RPMs stored documents list."""
    artifacts = (
        {arch: read_stream(text, limits=None).rpm_artifacts for arch, text in texts.items() if arch != NOARCH}
        for texts in sets
    )
    return ReadDocuments(tuple(artifacts), LIBRARY_VERSION)
