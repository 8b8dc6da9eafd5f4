"""The final documents, with real modules of Fedora 29 as the truth where they are at hand."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mbs.model.document import Modulemd
from mbs.model.plan import PlannedComponent
from mbs.modulemd.reader import read_stream
from mbs.publish.final import final_documents, with_included
from mbs.publish.rpms import RpmFact
from tools.corpus import read_all

CORPUS = Path(os.environ.get("MBS_TEST_CORPUS", Path(__file__).parents[4] / "shared" / "data"))

SMALL = """\
document: modulemd
version: 2
data:
  name: tools
  stream: "1"
  version: 7
  context: c0ffee00
  summary: Tools
  description: Tools for tests.
  license: {module: [MIT], content: [Left-over]}
  xmd: {mbs: {commit: abc}, mbs_options: {repo_include_all: "FALSE"}}
  dependencies:
  - buildrequires: {platform: [f40]}
    requires: {platform: [f40]}
  references: {community: https://example.com}
  api: {rpms: [foo]}
  profiles: {default: {rpms: [foo]}}
  filter: {rpms: [foo-devel]}
  components:
    rpms:
      foo: {rationale: Main., repository: https://example.com/foo, cache: https://example.com/c, ref: abc}
      gen: {rationale: Generator., ref: abc, buildonly: true}
"""


def rpm(name: str, source: str, arch: str = "x86_64", license: str = "MIT") -> RpmFact:  # noqa: A002 - RPM's word
    return RpmFact(name, "1", "1", arch, source, f"{source}-0:1-1.src", license=license, sigmd5=f"{name}{arch}")


TAGGED = (
    rpm("foo", "foo"),
    rpm("foo", "foo", "aarch64", "BSD"),
    rpm("foo-devel", "foo"),
    rpm("foo", "foo", "src"),
    rpm("gen", "gen", "noarch"),
    rpm("gen", "gen", "src"),
)


def test_each_arch_has_its_own_artifacts_and_licenses() -> None:
    main, _ = final_documents(read_stream(SMALL), TAGGED, ["x86_64", "aarch64"])
    documents = {doc.arch: read_stream(doc.text) for doc in main.arches}
    assert documents["x86_64"].rpm_artifacts == ("foo-0:1-1.src", "foo-0:1-1.x86_64")
    assert documents["aarch64"].rpm_artifacts == ("foo-0:1-1.aarch64", "foo-0:1-1.src")
    assert documents["x86_64"].content_licenses == ("MIT",)
    assert documents["aarch64"].content_licenses == ("BSD",)
    assert {arch: doc.arch for arch, doc in documents.items()} == {"x86_64": "x86_64", "aarch64": "aarch64"}


def test_what_only_building_needs_is_left_out_and_the_rest_survives() -> None:
    main, _ = final_documents(read_stream(SMALL), TAGGED, ["x86_64"])
    document = read_stream(main.arches[0].text)
    assert document.xmd == {"mbs_options": {"repo_include_all": False}}
    assert [(c.repository, c.cache) for c in document.rpms] == [(None, None)] * 2
    assert "community: https://example.com" in main.arches[0].text
    assert read_stream(main.modulemd).xmd_mbs == {"commit": "abc"}


def test_rpms_of_buildonly_components_are_filtered() -> None:
    main, devel = final_documents(read_stream(SMALL), TAGGED, ["x86_64"])
    assert read_stream(main.arches[0].text).rpm_filter == ("foo-devel", "gen")
    assert read_stream(devel.arches[0].text).rpm_artifacts == (
        "foo-devel-0:1-1.x86_64",
        "gen-0:1-1.noarch",
        "gen-0:1-1.src",
    )


def test_the_devel_twin_requires_the_module_and_offers_nothing_itself() -> None:
    _, devel = final_documents(read_stream(SMALL), TAGGED, ["x86_64"])
    document = read_stream(devel.arches[0].text)
    assert (devel.name, document.name) == ("tools-devel", "tools-devel")
    assert document.dependencies[0].requires == {"platform": ("f40",), "tools": ("1",)}
    assert (document.rpm_api, document.profiles) == ((), {})
    assert read_stream(devel.modulemd).rpm_api == ("foo",)


def test_what_an_included_module_brought_is_published_as_a_part_of_the_module() -> None:
    parts = [
        PlannedComponent("lib", "https://example.com/lib?#abc", "abc", 1, included_from="base:1"),
        PlannedComponent("aid", "https://example.com/aid?#abc", "abc", 1, included_from="base:1", buildonly=True),
    ]
    document = with_included(read_stream(SMALL), parts)
    rpms = [*TAGGED, rpm("lib", "lib"), rpm("lib", "lib", "src"), rpm("aid", "aid"), rpm("aid", "aid", "src")]
    main, devel = final_documents(document, rpms, ["x86_64"])
    assert "lib-0:1-1.x86_64" in read_stream(main.arches[0].text).rpm_artifacts
    assert "aid-0:1-1.x86_64" in read_stream(devel.arches[0].text).rpm_artifacts
    assert [component.name for component in read_stream(main.arches[0].text).rpms] == ["foo", "gen"]


def corpus() -> Iterator[Modulemd]:
    file = CORPUS / "fedora-29-modules.yaml"
    if not file.exists():
        pytest.skip(f"no {file}: real documents of Fedora are not part of this repository (MBS_TEST_CORPUS)")
    yield from read_all(file.read_bytes())


def test_real_modules_come_out_with_exactly_their_artifacts_and_licenses() -> None:
    """The documents are from before source RPMs were listed: those are what is new."""
    count = 0
    for document in corpus():
        facts = truth(document)
        main, _ = final_documents(document, [*facts, *noise(document)], ["x86_64"])
        final = read_stream(main.arches[0].text)
        assert set(final.rpm_artifacts) == {*document.rpm_artifacts, *(fact.srpm_nevra for fact in facts)}
        assert set(final.content_licenses) == {fact.license for fact in facts if fact.license}, document.name
        count += len(document.rpm_artifacts)
    assert count > 1000


def truth(document: Modulemd) -> list[RpmFact]:
    """Make RPM facts of the artifacts: each binary gets a source of its module and one of the licenses."""
    licenses = itertools.cycle(document.content_licenses or ("",))
    binaries = [parse(artifact) for artifact in document.rpm_artifacts]
    homes = {fact: nearest(fact.name, document) for fact in binaries}
    made = [
        replace(fact, srpm_name=home, srpm_nevra=f"{home}-0:1-1.src", license=next(licenses))
        for fact, home in homes.items()
    ]
    return [*made, *(RpmFact(home, "1", "1", "src", home, f"{home}-0:1-1.src") for home in set(homes.values()))]


def nearest(name: str, document: Modulemd) -> str:
    """Find the component whose name is the longest start of `name`, else the first."""
    starts = [component.name for component in document.rpms if name.startswith(component.name)]
    return max(starts, key=len, default=document.rpms[0].name)


def noise(document: Modulemd) -> list[RpmFact]:
    """Make RPMs of the same Koji tag that must stay out: other arches, multilib that is off, filtered names."""
    component = document.rpms[0].name
    home = f"{component}-0:1-1.src"
    made = [RpmFact(component, "1", "1", arch, component, home, license="Noise") for arch in ("aarch64", "s390x")]
    if "x86_64" not in document.rpms[0].multilib:
        made.append(RpmFact(component, "1", "1", "i686", component, home, license="Noise"))
    made += [RpmFact(name, "1", "1", "x86_64", component, home, license="Noise") for name in document.rpm_filter]
    return [*made, RpmFact("stranger", "1", "1", "x86_64", "stranger", "stranger-0:1-1.src", license="Noise")]


def parse(nevra: str) -> RpmFact:
    rest, _, arch = nevra.rpartition(".")
    rest, _, release = rest.rpartition("-")
    rest, _, version = rest.rpartition("-")
    name, epoch = (rest, 0)
    if ":" in version:
        head, _, version = version.partition(":")
        epoch = int(head)
    fact = RpmFact(name, version, release, arch, name, "", epoch=epoch)
    return replace(fact, srpm_nevra=fact.nevra)
