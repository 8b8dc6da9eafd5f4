from __future__ import annotations

import pytest

from mbs.model.errors import InvalidModulemd
from mbs.modulemd.defaults import default_streams


def defaults(module: str, stream: str | None) -> bytes:
    named = f"  stream: {stream}\n" if stream else ""
    return f"---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: {module}\n{named}...\n".encode()


def test_streams_are_texts_and_a_file_may_hold_several_documents() -> None:
    files = {"b.yaml": defaults("ruby", "2.70") + defaults("perl", "5.30"), "a.yaml": defaults("nodejs", "12")}
    assert default_streams(files) == {"nodejs": "12", "perl": "5.30", "ruby": "2.70"}


def test_an_override_wins_and_may_take_a_default_away() -> None:
    files = {
        "overrides/perl.yaml": defaults("perl", "5.32"),
        "overrides/ruby.yaml": defaults("ruby", None),
        "perl.yaml": defaults("perl", "5.30"),
        "ruby.yaml": defaults("ruby", "2.7"),
    }
    assert default_streams(files) == {"perl": "5.32"}


def test_documents_of_other_kinds_are_skipped() -> None:
    assert default_streams({"obsoletes.yaml": b"document: modulemd-obsoletes\nversion: 1\ndata: {}\n"}) == {}


def test_all_files_that_are_wrong_are_told() -> None:
    files = {
        "a.yaml": defaults("perl", "5.30"),
        "b.yaml": defaults("perl", "5.32"),
        "c.yaml": b"document: modulemd-defaults\nversion: 1\ndata: []\n",
        "d.yaml": b"[",
    }
    with pytest.raises(InvalidModulemd) as caught:
        default_streams(files)
    first, second, third = (problem.message for problem in caught.value.problems)
    assert first == "b.yaml: another file says that the default of perl is not 5.32"
    assert second == "c.yaml: line 1: The document modulemd-defaults names no module"
    assert third.startswith("d.yaml: line 2: The modulemd is invalid.")
