"""What strangers wrote is shown, and does nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mbs.model.quoting import (
    QUOTE_LENGTH,
    code,
    markdown,
    plain,
    printable,
    quoted,
)

ACTING = [
    "\x1b[31mred",
    "back\bspace",
    "\u202egnp.exe",
    "\u2066isolated\u2069",
    "two\u2028lines",
    "two\u2029paragraphs",
    "zero\u200bwidth",
    "\ufeffbom",
    "soft\u00adhyphen",
    "filler\u3164",
    "tag\U000e0041",
    "c1\x9bcsi",
    "next\x85line",
    "null\x00",
    "\ud800lone",
]
MARKUP = [
    "[text](https://evil.example)",
    "![image](https://evil.example/x.png)",
    "<img src=x onerror=alert(1)>",
    "<https://evil.example>",
    "https://evil.example/?a=`b`",
    "see WWW.evil.example, or mail root@evil.example",
    "# heading",
    "> quotation",
    "- list",
    "1. list",
    "2) list",
    "+ list",
    "---",
    "===",
    "```sh",
    "~~~",
    "    indented",
    "a|b\n-|-\nc|d",
    "&lt;b&gt; &#106;avascript",
    r"\[text](https://evil.example)",
    "`code` ``and``",
    "`",
    "**bold** _it_ __it__ ~~no~~",
    "[^1]: note",
    "[x]: https://evil.example",
    "- [ ] task",
    "line  \nbreak\\",
    "a @b c://d",
]

TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*ACTING, *MARKUP, *"[]()!<>*_`~|#&:;-+=.@\\ \n\t1a"]), max_size=8).map("".join),
)
HARMLESS = {"paragraph_open", "paragraph_close", "inline", "text", "code_inline"}
LIST = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
LINKED = re.compile(r"https?://|www\.|[-.\w+]+@[-\w]+\.", re.IGNORECASE)
"""GitHub's Markdown makes links of such text, where no code is around it."""


def tokens(text: str) -> Iterator[Token]:
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


def shown(text: str, allowed: set[str]) -> str:
    """Give what a page shows of a text of Markdown; no link may come of it."""
    found = list(tokens(text))
    assert {token.type for token in found} <= allowed
    assert not any(LINKED.search(token.content) for token in found if token.type == "text")
    return "".join(token.content for token in found if token.type in {"text", "code_inline"})


@given(TEXTS)
def test_a_sentence_in_a_note_is_shown_as_it_is_and_nothing_of_it_is_markup(text: str) -> None:
    assert shown(markdown(text), HARMLESS) == plain(text)
    assert shown(f"* {markdown(text)}", HARMLESS | LIST) == plain(text)


@given(TEXTS)
def test_a_value_in_a_note_is_shown_as_it_is(text: str) -> None:
    assert shown(f"Value {code(text)}.", HARMLESS) == f"Value {plain(text)}."


@given(TEXTS, TEXTS)
def test_a_value_does_not_leave_its_cell(one: str, other: str) -> None:
    table = f"| Name | Value |\n|---|---|\n| {code(one, in_cell=True)} | {code(other, in_cell=True)} |\n"
    kinds = [token.type for token in tokens(table)]
    assert kinds.count("td_open") == 2
    assert kinds.count("tr_open") == 2
    assert not {"link_open", "image", "html_inline", "em_open"} & set(kinds)


@given(st.one_of(TEXTS, st.sampled_from(ACTING)))
def test_what_is_not_seen_or_acts_is_written_out(text: str) -> None:
    for line in (plain(text), *printable(text).split("\n")):
        assert line.isprintable()
        assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in line)
        line.encode()


def test_what_is_written_out_can_be_read() -> None:
    assert plain("evil\u202e\u200b\x1b[2J") == r"evil\u202e\u200b\x1b[2J"
    assert printable("one\r\n\ttwo\x07") == "one\n    two\\x07"
    assert plain("Grüße, 你好, café") == "Grüße, 你好, café"


@pytest.mark.parametrize(
    "text",
    ["x" * 10**7, "\u200b" * 10**6, " " * 10**6 + "x", "word " * 10**5],
    ids=["long", "unseen", "blank", "words"],
)
def test_a_quotation_is_short(text: str) -> None:
    assert len(quoted(text)) <= QUOTE_LENGTH
    assert quoted(text).endswith("...")


@given(st.text(max_size=QUOTE_LENGTH // 10))
def test_a_short_quotation_is_whole(text: str) -> None:
    assert quoted(text) == plain(text)
