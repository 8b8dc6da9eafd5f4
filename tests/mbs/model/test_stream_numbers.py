from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.versions import StreamVersion, stream_version


@pytest.mark.parametrize(
    ("stream", "padded", "unpadded"),
    [
        ("f27", 270000, 27),
        ("el8", 80000, 8),
        ("el8.1", 80100, 801),
        ("el8.1.0", 80100, 80100),
        ("f29.0.0", 290000, 290000),
        ("el8.10.0", 81000, 81000),
        ("v1.x", 10000, 1),
        ("fl7.0.1-beta", 70001, 70001),
        ("f128", 1280000, 128),
        ("el9.4.0.20240101", 90400, 90400),
        ("rawhide", None, None),
        ("eln", None, None),
    ],
)
def test_the_number_of_a_stream(stream: str, padded: float | None, unpadded: float | None) -> None:
    assert stream_version(stream) == padded
    assert stream_version(stream, right_pad=False) == unpadded


def test_the_first_suffix_that_matches_is_added() -> None:
    suffixes = {r"el.*\.z$": 0.2, r"el": 0.3}
    assert stream_version("el8.2.1.z", suffixes=suffixes) == 80201.2
    assert stream_version("el8.2.1", suffixes=suffixes) == 80201.3
    assert stream_version("f28", suffixes=suffixes) == 280000


def test_a_suffix_can_order_a_stream_without_digits() -> None:
    assert stream_version("rawhide", suffixes={"rawhide": 9990000}) == 9990000


@pytest.mark.parametrize(("stream", "expected"), [("f28", False), ("f128", False), ("el8.1", True), ("el8.1.0", True)])
def test_only_streams_with_a_minor_version_are_xyz(stream: str, expected: bool) -> None:
    version = StreamVersion.parse(stream)
    assert version is not None
    assert version.is_xyz is expected


@given(st.lists(st.integers(0, 99), min_size=3, max_size=3), st.lists(st.integers(0, 99), min_size=3, max_size=3))
def test_numbers_are_ordered_as_their_sections(left: list[int], right: list[int]) -> None:
    numbers = [stream_version("el" + ".".join(map(str, sections))) for sections in (left, right)]
    assert None not in numbers
    assert (numbers[0] < numbers[1]) == (left < right)  # type: ignore[operator]  # None is excluded above
