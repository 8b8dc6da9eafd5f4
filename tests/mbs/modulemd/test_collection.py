"""Files of many finished modules, written as distributions publish them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire, FinishedModules
from mbs.modulemd.collection import collect
from mbs.modulemd.reader import read
from mbs.modulemd.registered import ImportRules
from tests.mbs.modulemd.conftest import CHECKOUT

TEMPLATE = "module-{name}-{stream}-{version}-{context}"
PLAIN = ImportRules(("platform",))
FILLING = ImportRules(("platform",), koji_tag_template=TEMPLATE)
MISSING = (
    'The imported module buildrequires other modules, but the metadata in the xmd["mbs"]["buildrequires"] dictionary '
    "is missing entries: "
)


def document(name: str, more: str = "", *, version: str = "20240101000000", context: str = "c0ffee00") -> str:
    """Give a document as a distribution publishes it, without xmd; 10 lines before `more`."""
    return (
        f'---\ndocument: modulemd\nversion: 2\ndata:\n  name: {name}\n  stream: "1"\n  version: {version}\n'
        f"  context: {context}\n  summary: s\n  description: d\n  license: {{module: [MIT]}}\n{more}"
    )


def needs(*pairs: str) -> str:
    return f"  dependencies: [{', '.join(f'{{buildrequires: {{{pair}}}}}' for pair in pairs)}]\n"


def nsvc(name: str) -> NSVC:
    return NSVC(name, "1", 20240101000000, "c0ffee00")


def of(text: str, rules: ImportRules = PLAIN) -> FinishedModules:
    return collect([("m.yaml", text.encode())], rules)


def told(found: FinishedModules) -> list[str]:
    return [str(problem) for problem in found.problems]


def test_every_bad_document_is_told_with_file_line_and_name_and_spares_the_others() -> None:
    text = (
        document("good")
        + document("bad-one", needs("platform: [f40]"))
        + document("bad-two", needs("platform: [f40], perl: [5]"))
        + document("also-good")
    )
    found = of(text)
    assert [module.nsvc.name for module in found.modules] == ["good", "also-good"]
    assert told(found) == [
        f"m.yaml: line 12: bad-one:1:20240101000000:c0ffee00: {MISSING}platform",
        f"m.yaml: line 24: bad-two:1:20240101000000:c0ffee00: {MISSING}perl, platform",
    ]
    assert len(found.refused) == 2


def test_of_a_document_that_is_alone_only_the_file_is_named() -> None:
    assert told(of(document("bad", needs("platform: [f40]")))) == [f"m.yaml: {MISSING}platform"]
    ((problem,),) = collect([("", document("b/d").encode())], PLAIN).refused
    assert str(problem).startswith('The name "b/d" is not valid')


@pytest.mark.parametrize(
    ("bad", "line", "label", "why"),
    [
        (document("bad", "  oops: [\n"), None, "", "did not find expected"),
        (document("bad", "  profiles: &p {}\n"), 23, "", "anchors"),
        (document("bad", "  xmd: {a: [b, {c: d}]}\n"), 23, "", "a list mixes"),
        (document("bad").replace("name: bad", "name: \x00"), 16, "", "U+0000"),
        (document("bad").replace("  summary: s\n", ""), None, "bad:1:20240101000000:c0ffee00: ", "ummary"),
        (document("b/d"), 12, "b/d:1:20240101000000:c0ffee00: ", "is not valid"),
        ("---\njust a text\n", 12, "", "The modulemd is invalid"),
        ("---\ndata: {}\n", 12, "", "The modulemd is invalid"),
        ("---\ndocument: modulemd-unheard-of\nversion: 1\n", None, "", "The modulemd is invalid"),
    ],
)
def test_a_document_that_cannot_be_read_spares_the_others(bad: str, line: int | None, label: str, why: str) -> None:
    found = of(document("before") + bad + document("after"))
    assert [module.nsvc.name for module in found.modules] == ["before", "after"]
    ((problem,),) = found.refused
    assert str(problem).startswith(f"m.yaml: line {line}: {label}" if line else "m.yaml: line ")
    assert label in str(problem)
    assert why in str(problem)


def test_a_document_that_is_not_utf8_spares_the_others() -> None:
    bad = document("bad").encode().replace(b"summary: s", b"summary: \xff")
    found = collect([("", document("before").encode() + bad + document("after").encode())], PLAIN)
    assert [module.nsvc.name for module in found.modules] == ["before", "after"]
    assert [problem.line for problem in found.problems] == [20]


def test_other_documents_are_passed_over_with_a_word() -> None:
    others = (
        "---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: good, stream: '1'}\n...\n"
        "---\ndocument: modulemd-translations\nversion: 1\ndata: {}\n"
        "---\ndocument: modulemd-obsoletes\nversion: 1\ndata: {}\n"
        "---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: other, stream: '1'}\n"
    )
    found = of(f"# Of a distribution\n\n{others}{document('good')}...\n---\n...\n---\n# Nothing\n")
    assert [module.nsvc for module in found.modules] == [nsvc("good")]
    assert told(found) == []
    assert found.remarks == (
        (
            "m.yaml: Passed over, since nothing is built against them: modulemd-defaults (2), modulemd-obsoletes (1), "
            "modulemd-translations (1)."
        ),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("---\ndocument: modulemd-defaults\nversion: 1\ndata: {}\n", "no document"),
        ("# a\n", "no document"),
        ("", "was empty"),
        ("\n \n", "was empty"),
    ],
)
def test_a_file_without_any_module_is_told(text: str, why: str) -> None:
    ((problem,),) = of(text).refused
    assert why in str(problem)


def test_a_line_that_begins_no_document_splits_nothing() -> None:
    text = document("good", "  xmd:\n    a: |\n      ---\n      b\n    c: '--- d'\n").replace(
        "---\n", "--- # begin\n", 1
    )
    (module,) = of(f"%YAML 1.1\n{text}").modules
    assert module.document.xmd["a"] == "---\nb\n"


def test_directives_belong_to_the_document_after_them() -> None:
    text = "".join(f"%YAML 1.1\n{document(name)}...\n" for name in ("one", "two"))
    assert [module.nsvc.name for module in of(text).modules] == ["one", "two"]


@pytest.mark.parametrize("line", [b"---\n", b"%\n", b"#\n", b"--- #\n", b"...\n", b"- \n", b"\n"])
def test_a_large_file_of_nothing_is_refused_at_once(line: bytes) -> None:
    started = time.process_time()
    assert collect([("", line * (2**21 // len(line)))], PLAIN).refused
    assert time.process_time() - started < 20


def test_lines_may_end_as_on_windows() -> None:
    found = of((document("good") + document("bad", needs("platform: [f40]"))).replace("\n", "\r\n"))
    assert [module.nsvc for module in found.modules] == [nsvc("good")]
    assert told(found)[0].startswith("m.yaml: line 12: bad:1:")


def test_the_same_document_is_taken_once_and_another_one_of_the_same_module_is_refused() -> None:
    again = document("good", "  arch: x86_64\n  artifacts: {rpms: [good-0:1-1.x86_64]}\n")
    other = document("good", "  profiles: {buildroot: {rpms: [bash]}}\n")
    found = collect([("a.yaml", document("good").encode()), ("b.yaml", (again + other).encode())], PLAIN)
    assert [module.nsvc for module in found.modules] == [nsvc("good")]
    name = "good:1:20240101000000:c0ffee00"
    assert found.remarks == (
        f"b.yaml: line 1: {name}: the same document stands in line 1 of a.yaml; it is taken once.",
    )
    assert told(found) == [
        f"b.yaml: line 14: {name}: another document of this module stands in line 1 of a.yaml; keep one of them."
    ]


# What published documents lack


def test_what_a_published_document_lacks_is_filled_in_and_said() -> None:
    found = of(document("good", needs("platform: [f40], perl: ['5.26']")), FILLING)
    (module,) = found.modules
    assert module.koji_tag == "module-good-1-20240101000000-c0ffee00"
    assert {name: one.nsvc for name, one in module.buildrequires.items()} == {
        name: NSVC(name, stream, 0, "00000000") for name, stream in {"perl": "5.26", "platform": "f40"}.items()
    }
    assert found.filled == {
        str(nsvc("good")): ("Koji tag module-good-1-20240101000000-c0ffee00", "built against perl:5.26, platform:f40")
    }
    assert read(module.document.text) == module.document
    assert module.document.xmd_mbs["mse"] is True


def test_what_a_document_says_is_not_filled_in() -> None:
    said = "perl: {stream: '5.24', version: 7, context: abc, ref: x}"
    xmd = f"  xmd: {{mbs: {{koji_tag: mine, commit: beef, buildrequires: {{{said}}}}}}}\n"
    found = of(document("good", needs("platform: [f40], perl: ['5.26']") + xmd), FILLING)
    (module,) = found.modules
    assert (module.koji_tag, module.commit) == ("mine", "beef")
    assert module.buildrequires["perl"] == BuildRequire("perl", "5.24", 7, "abc", ref="x")
    assert found.filled == {str(nsvc("good")): ("built against platform:f40",)}


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        (
            ("platform: []",),
            "platform. They cannot be filled in, as dependencies names no single stream (platform: [])",
        ),
        (("platform: [f39, f40]",), "(platform: [f39, f40])"),
        (("platform: [-f39]",), "(platform: [-f39])"),
        (("platform: [f40], perl: []",), "missing entries: perl. They cannot be filled in"),
        (("platform: [f40]", "platform: [f41]"), "dependencies list should contain just one element"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_with_the_reason(pairs: tuple[str, ...], why: str) -> None:
    ((problem, *_),) = of(document("bad", needs(*pairs)), FILLING).refused
    assert why in problem.message


def test_what_runs_on_any_platform_but_was_built_on_one_can_be_filled_in() -> None:
    text = document("good", "  dependencies: [{buildrequires: {platform: [el8]}, requires: {platform: [], a: [-b]}}]\n")
    assert of(text, FILLING).modules[0].buildrequires == {"platform": BuildRequire("platform", "el8", 0, "00000000")}


def test_a_document_without_context_or_version_gets_those_of_mbs() -> None:
    text = (
        document("good", needs("platform: [f40]"))
        .replace("  context: c0ffee00\n", "")
        .replace("  version: 2024", "  #")
    )
    (module,) = of(text, FILLING).modules
    assert module.nsvc == NSVC("good", "1", 0, "00000000")
    assert module.koji_tag == "module-good-1-0-00000000"


def test_a_document_of_version_1_is_filled_in_too() -> None:
    text = (
        "document: modulemd\nversion: 1\ndata:\n  name: old\n  stream: f27\n  version: 20170101000000\n  summary: s\n"
        "  description: d\n  license: {module: [MIT]}\n"
        "  dependencies: {buildrequires: {platform: f27}, requires: {platform: f27}}\n"
    )
    (module,) = of(text, FILLING).modules
    assert module.buildrequires == {"platform": BuildRequire("platform", "f27", 0, "00000000")}
    assert module.koji_tag == "module-old-f27-20170101000000-00000000"


def test_the_tag_of_a_base_module_is_never_made_from_the_template() -> None:
    (module,) = of(document("platform"), FILLING).modules
    assert module.koji_tag is None


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("module-{nsvc}", "has {nsvc}: write {name}, {stream}, {version}, {context} only"),
        ("{name.__class__}", "has {name.__class__}"),
        ("{0}-{name!r}", "has {0}, {name!r}"),
        ("{name", "has {name"),
        ("a {name}", "is not one that Koji allows"),
        ("x" * 250 + "{version}", "is not one that Koji allows"),
        ("", "is not one that Koji allows"),
    ],
)
def test_a_template_that_makes_no_tag_is_refused(template: str, why: str) -> None:
    ((problem,),) = of(document("good"), ImportRules(("platform",), koji_tag_template=template)).refused
    assert why in problem.message


def test_all_modules_of_an_el_8_distribution_are_taken() -> None:
    path = Path(os.environ.get("MBS_TEST_CORPUS", CHECKOUT.parent / "shared" / "data")) / "el8-modules.yaml"
    if not path.exists():
        pytest.skip(f"the corpus is not here: {path}")
    found = collect([("", path.read_bytes())], FILLING)
    assert told(found) == []
    assert len(found.modules) == 298
    assert found.remarks == (
        (
            "line 9453: javapackages-runtime:201801:820181213140046:302ab70f: the same document stands in line 2885; "
            "it is taken once."
        ),
    )
    assert all("platform" in module.buildrequires and module.koji_tag for module in found.modules)
