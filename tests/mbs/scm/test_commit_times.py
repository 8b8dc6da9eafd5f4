"""The date of a commit, which anybody can write: what becomes the version of a module."""

from __future__ import annotations

import datetime as dt

import pytest

from mbs.model.errors import Unprocessable
from mbs.scm.repository import committed_at

NOW = 1_700_000_000
COMMIT = "0123456789012345678901234567890123456789"


def content(committer: str, message: str = "Add it") -> bytes:
    tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    return f"tree {tree}\nauthor A <a@b> 1 +0000\n{committer}\n\n{message}\n".encode()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1600000000 +0000", 1_600_000_000),
        ("1600000000 -1130", 1_600_000_000),
        ("1600000000 +051800", 1_600_000_000),
        ("1600000000", 1_600_000_000),
        ("0 +0000", 0),
        (f"{NOW + 86400} +0000", NOW + 86400),
    ],
)
def test_a_date_is_read_whatever_its_time_zone(said: str, seconds: int) -> None:
    expected = dt.datetime.fromtimestamp(seconds, dt.UTC)
    assert committed_at(COMMIT, content(f"committer P <p@e> {said}"), NOW) == expected


@pytest.mark.parametrize("name", ["P > 5 <p@e>", "Ü <ü@e> <p@e>", " <>"])
def test_a_name_does_not_pass_for_a_date(name: str) -> None:
    assert committed_at(COMMIT, content(f"committer {name} 1600000000 +0000"), NOW).timestamp() == 1_600_000_000


@pytest.mark.parametrize(
    "committer",
    [
        "committer P <p@e> -1 +0000",
        "committer P <p@e> 1e9 +0000",
        "committer P <p@e>  +0000",
        "committer P <p@e>",
        "committer P <p@e> 2024-01-01 +0000",
        f"committer P <p@e> {'9' * 30} +0000",
        "author P <p@e> 1600000000 +0000",
    ],
)
def test_a_date_that_cannot_be_read_is_told_in_one_sentence(committer: str) -> None:
    with pytest.raises(Unprocessable, match=f"^Commit {COMMIT} has no date that can be read. Commit again,"):
        committed_at(COMMIT, content(committer, "committer P <p@e> 1600000000 +0000"), NOW)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (NOW + 86401, "2023-11-15 22:13:21 UTC"),
        (253402300799, "9999-12-31 23:59:59 UTC"),
        (253402300800, "after the year 9999"),
        (18446744073709551615, "after the year 9999"),
    ],
)
def test_a_commit_from_the_future_is_refused(seconds: int, shown: str) -> None:
    with pytest.raises(Unprocessable, match=f"^Commit {COMMIT} is dated {shown}, which is in the future"):
        committed_at(COMMIT, content(f"committer P <p@e> {seconds} +0000"), NOW)
