from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.errors import Unprocessable
from mbs.model.nsvc import MAX_VERSION
from mbs.model.versions import commit_version, prefixed_version

COMMITTED = int(datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())
SECONDS = st.integers(0, 4_000_000_000)
XYZ = st.tuples(st.integers(1, 400), st.integers(0, 99), st.integers(0, 99))


def test_a_commit_time_is_a_version_in_utc() -> None:
    assert commit_version(COMMITTED) == 20240102030405


@pytest.mark.parametrize(
    ("version", "stream", "expected"),
    [
        (20240102030405, "f28", 2820240102030405),
        (20180205135154, "fl7.0.1-beta", 7000120180205135154),
        (20240102030405, "el8.1.0", 8010020240102030405),
        (20240102030405, "rawhide", 20240102030405),
        (20240102030405, None, 20240102030405),
        (7, "f28", 287),
    ],
)
def test_the_prefix_is_the_number_of_the_platform(version: int, stream: str | None, expected: int) -> None:
    assert prefixed_version(version, stream) == expected


def test_the_suffix_of_a_stream_does_not_reach_the_prefix() -> None:
    assert prefixed_version(1, "el8.1.0.z", {r".*\.z$": 0.2}) == 801001


def test_from_eighteen_on_the_time_is_in_seconds() -> None:
    assert prefixed_version(20240102030405, "f29.0.0") == int(f"1800290000{COMMITTED:010}")


def test_a_platform_named_after_a_day_still_has_a_prefix() -> None:
    assert prefixed_version(20240102030405, "20240101") == int(f"1820240101{COMMITTED:010}")


@given(XYZ, XYZ, SECONDS, SECONDS)
def test_builds_are_ordered_by_platform_then_by_commit(
    left: tuple[int, int, int], right: tuple[int, int, int], first: int, second: int
) -> None:
    def build(platform: tuple[int, int, int], seconds: int) -> int:
        return prefixed_version(commit_version(seconds), "el" + ".".join(map(str, platform)))

    assert (build(left, first) < build(right, second)) == ((left, first) < (right, second))
    assert build(left, first) <= MAX_VERSION


@pytest.mark.parametrize(("version", "stream"), [(10**19, "f28"), (10**10, "el19.0.0"), (1, "99999999"), (1, "1" * 12)])
def test_what_does_not_fit_is_refused_and_never_unprefixed(version: int, stream: str) -> None:
    with pytest.raises(Unprocessable, match="64 bits"):
        prefixed_version(version, stream)
