from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mbs.model.document import (
    BuildOpts,
    Configuration,
    Dependencies,
    ModuleComponent,
    Modulemd,
    PackagerV3,
    RpmComponent,
    plain_xmd,
)
from mbs.model.errors import InvalidModulemd, Refused
from mbs.modulemd.changes import Changes, apply, edit
from mbs.modulemd.reader import read, read_stream
from tools.corpus import read_all

FULL = """\
document: modulemd
version: 2
data:
  name: foo
  stream: "1.10"
  version: 20240102030405
  context: c0ffee00
  arch: x86_64
  summary: A module
  description: >-
    Of the tests
  license:
    module: [MIT]
    content: [BSD]
  xmd: {flag: TRUE, word: true, number: 3, list: [a, b], nested: {deep: no}}
  dependencies:
  - buildrequires: {platform: [f28, f27], gtk: []}
    requires: {platform: [f28]}
  references:
    community: https://example.org/community
  profiles:
    default: {rpms: [bar]}
    buildroot: {rpms: [gcc, make]}
  api: {rpms: [bar]}
  filter: {rpms: [baz]}
  buildopts:
    rpms:
      macros: |
        %one 1
        %two 2
      whitelist: [bar]
    arches: [x86_64, s390x]
  components:
    rpms:
      zed: {rationale: last, buildafter: [bar], buildonly: true}
      bar:
        rationale: first
        repository: https://example.org/bar
        cache: https://example.org/cache
        ref: main
        arches: [x86_64]
        multilib: [x86_64]
        buildroot: true
        srpm-buildroot: true
    modules:
      inc: {rationale: stack, ref: dev, repository: https://example.org/inc}
  artifacts: {rpms: ["bar-0:1-1.x86_64"]}
"""

V1 = """\
document: modulemd
version: 1
data:
  name: foo
  stream: f1
  summary: A module
  description: Of the tests
  license: {module: [MIT]}
  dependencies:
    buildrequires: {platform: f28}
    requires: {platform: f28}
"""

V3 = """\
document: modulemd-packager
version: 3
data:
  name: foo
  stream: latest
  summary: A module
  description: Of the tests
  license: [MIT]
  configurations:
  - context: CTX2
    platform: f33
    buildrequires: {app: [v1]}
    requires: {app: [v2]}
    buildopts: {arches: [x86_64], rpms: {macros: "%x 1"}}
  - context: CTX1
    platform: f34
  components:
    rpms:
      bar: {rationale: y}
"""


def test_every_field_is_read() -> None:
    assert read(FULL) == Modulemd(
        name="foo",
        stream="1.10",
        version=20240102030405,
        context="c0ffee00",
        arch="x86_64",
        summary="A module",
        description="Of the tests",
        module_licenses=("MIT",),
        content_licenses=("BSD",),
        dependencies=(Dependencies({"platform": ("f27", "f28"), "gtk": ()}, {"platform": ("f28",)}),),
        profiles={"default": ("bar",), "buildroot": ("gcc", "make")},
        rpm_api=("bar",),
        rpm_filter=("baz",),
        rpm_artifacts=("bar-0:1-1.x86_64",),
        rpms=(
            RpmComponent(
                "bar",
                "first",
                repository="https://example.org/bar",
                cache="https://example.org/cache",
                ref="main",
                arches=("x86_64",),
                multilib=("x86_64",),
                buildroot=True,
                srpm_buildroot=True,
            ),
            RpmComponent("zed", "last", buildafter=("bar",), buildonly=True),
        ),
        modules=(ModuleComponent("inc", "stack", repository="https://example.org/inc", ref="dev"),),
        buildopts=BuildOpts("%one 1\n%two 2\n", ("bar",), ("s390x", "x86_64")),
        xmd={"flag": True, "word": "true", "number": "3", "list": ["a", "b"], "nested": {"deep": "no"}},
    )


def test_the_text_is_the_document_itself() -> None:
    document = read_stream(FULL)
    assert read(document.text) == document
    assert "https://example.org/community" in document.text


def test_version_1_is_upgraded() -> None:
    assert read_stream(V1).dependencies == (Dependencies({"platform": ("f28",)}, {"platform": ("f28",)}),)
    assert "version: 2" in read_stream(V1).text


def test_packager_version_2_is_a_stream_document() -> None:
    text = V1.replace("version: 1", "version: 2").replace("document: modulemd", "document: modulemd-packager")
    text = text[: text.index("  dependencies:")]
    assert read_stream(text).summary == "A module"
    assert read_stream(text).name is None, "modulemd-packager v2 has neither name nor stream"


def test_packager_version_3_has_one_static_stream_per_configuration() -> None:
    document = read(V3)
    assert isinstance(document, PackagerV3)
    assert document.configurations == (
        Configuration("CTX1", "f34"),
        Configuration("CTX2", "f33", {"app": "v1"}, {"app": "v2"}, BuildOpts("%x 1", (), ("x86_64",))),
    )
    assert [(each.context, each.static_context) for each in document.streams] == [("CTX1", True), ("CTX2", True)]
    assert document.streams[1].dependencies == (
        Dependencies({"app": ("v1",), "platform": ("f33",)}, {"app": ("v2",), "platform": ("f33",)}),
    )
    assert document.body.context is None
    assert document.body.dependencies == ()
    assert document.body.buildopts == BuildOpts()
    assert read(document.streams[1].text) == document.streams[1]
    with pytest.raises(InvalidModulemd, match="not accepted here"):
        read_stream(V3)


@pytest.mark.parametrize("left_out", ["  name: foo\n", "  stream: f1\n", "  name: foo\n  stream: f1\n"])
def test_a_missing_name_or_stream_stays_missing(minimal: str, left_out: str) -> None:
    document = read_stream(minimal.replace(left_out, ""))
    assert (document.name is None) == ("name" in left_out)
    assert (document.stream is None) == ("stream" in left_out)
    assert read(document.text) == document
    assert apply(document, Changes(name="foo", stream="f1")) == read(minimal)


def test_the_line_is_that_of_the_users_text_in_spite_of_comments() -> None:
    text = "# a comment\n\n" + FULL.replace("  xmd:", "\n\n  # more\n  xmd:").replace("ref: main", "ref: [main]")
    with pytest.raises(InvalidModulemd) as caught:
        read(text)
    (line,) = [problem.line for problem in caught.value.problems]
    assert line is not None
    assert "ref: [main]" in text.splitlines()[line - 1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("  version: -1\n", "line 10: data.version must be a number from 0"),
        ("  dependencies: {platform: f28}\n", "line 10: data.dependencies must be a list, it is a mapping"),
        ("  static_context: TRUE\n", "line 10: data.static_context must be true or false"),
        ("  license: {content: [MIT]}\n", "line 8: data.license lacks module"),
        (
            "  components: {rpms: {a: {rationale: x, buildorder: 1}, b: {rationale: y, buildafter: [a]}}}\n",
            "buildafter",
        ),
    ],
)
def test_what_libmodulemd_would_refuse_is_told_with_its_line(minimal: str, more: str, message: str) -> None:
    text = minimal if "license" not in more else minimal[: minimal.index("  license")]
    with pytest.raises(InvalidModulemd, match=message):
        read(text + more)


def test_edited_fields_change_and_the_rest_survives() -> None:
    changes = Changes(
        name="foo-devel",
        stream="2",
        version=5,
        context="abc",
        arch="s390x",
        static_context=True,
        dependencies=(Dependencies({"gtk": ("2",)}, {"gtk": ()}),),
        xmd={"mbs": {"mse": True, "version": 3, "none": None}},
        content_licenses=("GPL", "MIT"),
        rpm_artifacts=("a-0:1-1.noarch",),
        rpm_api=(),
        rpm_filter=(),
        profiles={"p": ("q",)},
        without_component_sources=True,
    )
    before, after = read_stream(FULL), read_stream(edit(FULL, changes))
    rpms = tuple(replace(each, repository=None, cache=None) for each in before.rpms)
    assert after == replace(
        before,
        name="foo-devel",
        stream="2",
        version=5,
        context="abc",
        arch="s390x",
        static_context=True,
        dependencies=(Dependencies({"gtk": ("2",)}, {"gtk": ()}),),
        xmd={"mbs": {"mse": True, "version": "3", "none": ""}},
        content_licenses=("GPL", "MIT"),
        rpm_artifacts=("a-0:1-1.noarch",),
        rpm_api=(),
        rpm_filter=(),
        profiles={"p": ("q",)},
        rpms=rpms,
        modules=tuple(replace(each, repository=None) for each in before.modules),
    )
    assert "https://example.org/community" in after.text
    assert apply(before, changes) == after
    assert apply(before, changes).text == after.text
    assert read_stream(FULL) == before, "the shared object was changed"


def test_empty_values_clear() -> None:
    cleared = apply(
        read_stream(FULL), Changes(version=0, context="", arch="", static_context=False, xmd={}, profiles={})
    )
    assert (cleared.version, cleared.context, cleared.arch, cleared.xmd) == (0, None, None, {})
    assert read(cleared.text) == cleared


def test_a_mixed_list_in_xmd_is_refused_and_not_cut_short(minimal: str) -> None:
    with pytest.raises(InvalidModulemd, match="mixes types"):
        edit(minimal, Changes(xmd={"a": ["x", {}]}))


TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Z"), include_characters=" \n"), max_size=20)
TEXTS = TEXTS.filter(lambda text: text not in {"TRUE", "FALSE"})  # those are booleans
XMD = st.recursive(
    TEXTS | st.booleans(),
    lambda inner: st.lists(TEXTS, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=150)
@given(st.dictionaries(TEXTS, XMD, max_size=4))
def test_xmd_survives_writing_and_reading(xmd: dict[str, object]) -> None:
    document = apply(read_stream(FULL), Changes(xmd=xmd))
    assert read_stream(document.text).xmd == plain_xmd(xmd) == document.xmd


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_reading_anything_gives_a_document_or_a_refusal(text: str | bytes) -> None:
    with contextlib.suppress(Refused):
        read(text)


@settings(max_examples=300)
@given(st.integers(0, len(FULL)), st.integers(0, 30), st.text(alphabet="-?:[]{}&*!|>'\"%#a1 \n\tTRUE", max_size=12))
def test_reading_a_damaged_document_gives_a_document_or_a_refusal(start: int, cut: int, insert: str) -> None:
    with contextlib.suppress(Refused):
        read(FULL[:start] + insert + FULL[start + cut :])


def test_the_modules_of_fedora_29_are_read_and_written_without_loss(fedora_29: str) -> None:
    documents = read_all(fedora_29)
    assert len(documents) == 48
    assert len({(each.name, each.stream) for each in documents}) == 48
    bootstrap = next(each for each in documents if each.name == "perl-bootstrap" and each.stream == "5.24")
    assert len(bootstrap.rpms) == 178
    assert len({rpm.buildorder for rpm in bootstrap.rpms}) == 12
    for document in documents:
        assert read(document.text) == document
        stripped = Changes(version=0, context="", arch="", rpm_artifacts=(), xmd={}, content_licenses=())
        assert read(edit(document.text, stripped)) == apply(document, stripped)


def test_our_own_output_is_read_without_a_guard() -> None:
    document = read_stream(FULL)
    assert read(document.text, limits=None) == document
    assert read_stream(document.text.encode(), limits=None).text == document.text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("18446744073709551615", -1),
        ("18446744073709551606", -10),
        ("4294967295", -1),
        ("2147483647", 2147483647),
        ("-7", -7),
    ],
)
def test_a_build_order_that_was_written_without_its_sign_is_read_as_what_it_was(
    minimal: str, written: str, meant: int
) -> None:
    components = (
        f"  components:\n    rpms:\n      \u00fcber: {{rationale: r, name: a, buildorder: {written}}} # a comment\n"
        f"    modules:\n      inc:\n        rationale: 'buildorder: 99999999999'\n        buildorder: {written}\n"
    )
    (document,) = read_all(f"---\n{minimal}{components}...\n")
    assert (document.rpms[0].buildorder, document.modules[0].buildorder) == (meant, meant)
    assert document.modules[0].rationale == "buildorder: 99999999999"


def test_a_finished_document_may_have_fields_of_other_makers(minimal: str) -> None:
    more = "  colour: blue\n  xmd: {mbs_options: {colour: blue}}\n  components: {rpms: {a: {rationale: r, b: c}}}\n"
    assert read_stream(minimal + more).xmd == {"mbs_options": {"colour": "blue"}}


def test_labels_are_read_beside_the_packages(minimal: str) -> None:
    more = "  components: {rpms: {one: {rationale: r, name: a}, two: {rationale: r, buildafter: [one]}}}\n"
    one, two = read_stream(minimal + more).rpms
    assert (one.name, one.where, two.name, two.where) == (
        "a",
        "data.components.rpms.one",
        "two",
        "data.components.rpms.two",
    )
    assert two.buildafter == ("a",)
