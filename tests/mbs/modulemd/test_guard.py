from __future__ import annotations

import contextlib
import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.errors import InvalidModulemd
from mbs.modulemd.guard import MANY_DOCUMENTS, Limits, scan


def refused(text: str | bytes, limits: Limits | None = None) -> str:
    with pytest.raises(InvalidModulemd) as caught:
        scan(text, limits or Limits())
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.parametrize("text", ["", b"", "\n\n", "---\n", "---\n...\n", "# only a comment\n"])
def test_an_empty_text_is_refused(text: str | bytes) -> None:
    assert refused(text) == "The input modulemd was empty"


def test_a_large_text_is_refused_before_anything_is_read() -> None:
    text = b"a: " + b"x" * 100_000_000
    tracemalloc.start()
    assert "larger than 2097152 bytes" in refused(text)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (b"a: 1\nb: \xff\n", "not UTF-8", 2),
        ("a: 1\n\nb: \x07\n", "U+0007", 3),
        ("a: 1\nb: \ud800\n", "U+D800", 2),
        ('a: 1\nb: "\\0"\n', "U+0000", 2),
        ("a: &x [1]\nb: *x\n", "aliases", 1),
        ("a: *x\n", "aliases", 1),
        ("a: &x b\n? &x c\n", "anchors", 1),
        ("a: 1\n? [b]\n: c\n", "plain text", 2),
        ("a:\n  b: [\n", "did not find expected node content", 3),
        ("a: 1\n b: 2\n", "mapping values are not allowed", 2),
        ("a: 1\n---\nb: 2\n", "more YAML documents than expected (1)", 2),
        ("%TAG ! tag:x\n---\na: 1\n", "directives", 1),
        ("a:\n- x\n- TRUE\n", "mixes text and boolean", 3),
        ("a:\n- [x]\n- {b: c}\n", "mixes list of text and mapping", 3),
    ],
)
def test_the_offence_is_named_with_its_line(text: str | bytes, message: str, line: int) -> None:
    told = refused(text)
    assert told.startswith(f"line {line}: ")
    assert message in told


@pytest.mark.parametrize("text", ["[" * 30_000, "{a: " * 30_000, "- " * 30_000, "a: " + "[" * 200 + "]" * 200])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "nested deeper than 32 levels" in refused(text) or "flow" in refused(text)


def test_billions_of_laughs_are_refused_at_the_first_anchor() -> None:
    levels = "\n".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]" for i in range(9))
    assert "aliases" in refused(f"a: &a [x]\n{levels}\n")


def test_too_many_values_are_refused() -> None:
    assert "more than 100 values" in refused("- x\n" * 200, Limits(nodes=100))


def test_a_text_is_split_into_its_documents() -> None:
    text = "# first\n---\ndocument: modulemd\nversion: 2\n...\n\n---\ndocument: x\ndata: {document: y}\n---\n"
    text += "a: \u20ac\U0001f600\n--- b\n"
    parts = scan(text, MANY_DOCUMENTS)
    assert [part.kind for part in parts] == ["modulemd", "x", "", ""]
    assert [part.line for part in parts] == [2, 7, 10, 12]
    assert parts[2].text.split() == ["---", "a:", "\u20ac\U0001f600"]


@pytest.mark.parametrize("text", ["  a: 1\n  b: 2\n", "---\n  a: 1\n  b: 2\n", "\ufeff  a: 1\n  b: 2"])
def test_a_part_keeps_the_indentation_of_its_first_line(text: str) -> None:
    assert yaml.safe_load(scan(text, MANY_DOCUMENTS)[-1].text) == {"a": 1, "b": 2}


PIECES = [
    "---\n",
    "--- ",
    "...\n",
    "... ",
    "  a: b\n",
    "a: b\n",
    "- ",
    "  ",
    "? ",
    "&a ",
    "!x ",
    "|\n",
    "'",
    "{",
    "}",
    "\t",
]
PIECES += ["#c\n", "\r\n", "\x85", "\u2028", "\ufeff", "%YAML 1.1\n", "\u20ac\n", "\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_every_part_is_the_same_document_by_itself(text: str) -> None:
    with contextlib.suppress(InvalidModulemd):
        alone = [part.text for part in scan(text, MANY_DOCUMENTS)]
        whole = yaml.compose_all(text.removeprefix("\ufeff"), Loader=yaml.CSafeLoader)
        assert [yaml.serialize(yaml.compose(each, Loader=yaml.CSafeLoader)) for each in alone] == [
            yaml.serialize(each) for each in whole
        ]


@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300), st.text(alphabet="-?:[]{}&*!|>'\"%#a\n ", max_size=80))
)
def test_any_input_is_split_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(InvalidModulemd):
        assert len(scan(text)) == 1
