from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.errors import InvalidRequest, Refused
from mbs.model.nsvc import MAX_VERSION, NSVC, NSVCPattern

PARTS = st.from_regex(r"[A-Za-z0-9_.+-]{1,30}", fullmatch=True)
VERSIONS = st.integers(0, MAX_VERSION)
NSVCS = st.builds(NSVC, PARTS, PARTS, VERSIONS, PARTS)
PATTERNS = st.one_of(
    st.builds(NSVCPattern, PARTS, PARTS),
    st.builds(NSVCPattern, PARTS, PARTS, VERSIONS),
    st.builds(NSVCPattern, PARTS, PARTS, VERSIONS, PARTS),
)


@given(NSVCS)
def test_an_nsvc_survives_its_text(nsvc: NSVC) -> None:
    assert NSVC.parse(str(nsvc)) == nsvc


@given(PATTERNS)
def test_a_pattern_survives_its_text(pattern: NSVCPattern) -> None:
    assert NSVCPattern.parse(str(pattern)) == pattern


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        assert NSVCPattern.parse(text).name == text.partition(":")[0]


@pytest.mark.parametrize(
    "text", ["a", "a:", ":b", "a:b:c", "a:b:1:c:d", "a:b:-1", "a:b:99999999999999999999", "a b:c", "a:b:\u0661"]
)
def test_what_is_no_pattern_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"is not|does not name"):
        NSVCPattern.parse(text)


def test_an_incomplete_nsvc_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not complete"):
        NSVC.parse("perl:5.24:1")
