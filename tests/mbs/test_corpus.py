from __future__ import annotations

import pytest

from mbs.model.document import Modulemd
from mbs.model.plan import BuildPlan, from_json, to_json
from mbs.modulemd.reader import read_stream
from mbs.planning.prepare import prepare
from mbs.registry import Allocation
from mbs.scm.protocol import PinnedScm
from mbs.scm.repository import GitScm
from tools import corpus

WITHOUT = f"there is no corpus at {corpus.path()}"
STREAMS = [pytest.param(document, id=name) for name, document in corpus.documents().items()] or [
    pytest.param(None, marks=pytest.mark.skip(reason=WITHOUT))
]


def plan_of(document: Modulemd) -> BuildPlan:
    """Plan what the packager submitted, with the refs that were built then; git is never asked."""
    submission = prepare(corpus.request(document), corpus.provider(), PinnedScm(GitScm()), corpus.SETTINGS, now=0)
    (build,) = submission.builds
    return build.make_plan(Allocation(1, 1, build.nsvc))


@pytest.mark.parametrize("document", STREAMS)
def test_a_real_stream_is_planned_as_it_was_built(document: Modulemd) -> None:
    plan = plan_of(document)
    rpms = document.xmd_mbs["rpms"]
    assert isinstance(rpms, dict)
    assert {one.name: one.ref for one in plan.components} == {name: entry["ref"] for name, entry in rpms.items()}
    orders = sorted({component.buildorder for component in document.rpms})
    expected = {component.name: orders.index(component.buildorder) + 1 for component in document.rpms}
    assert {one.name: one.batch for one in plan.components} == expected
    assert from_json(to_json(plan)) == plan


@pytest.mark.parametrize("document", STREAMS)
def test_the_expanded_document_keeps_what_the_packager_wrote(document: Modulemd) -> None:
    plan = plan_of(document)
    written = read_stream(plan.modulemd)
    for field in ("name", "stream", "summary", "profiles", "rpm_api", "rpm_filter", "rpms", "buildopts"):
        assert getattr(written, field) == getattr(document, field)
    assert written.mbs_options == document.mbs_options
    assert written.xmd_mbs["rpms"] == document.xmd_mbs["rpms"]
    streams = {name: entry["stream"] for name, entry in corpus.entries(document, "buildrequires").items()}
    assert {name: entry["stream"] for name, entry in corpus.entries(written, "buildrequires").items()} == streams
    assert [set(pair.buildrequires) for pair in written.dependencies] == [set(streams)]


def test_perl_bootstrap_has_its_178_components_in_13_batches_with_the_macros() -> None:
    document = corpus.documents().get("perl-bootstrap:5.24")
    if document is None:
        pytest.skip(WITHOUT)
    plan = plan_of(document)
    assert len(plan.components) == 178
    assert {0, *(one.batch for one in plan.components)} == set(range(13))
    assert plan.blocked_packages[:2] == ("perl", "perl-accessors")
    assert plan.dependencies[0].koji_tag == "module-f29-build"
