"""Repositories as createrepo_c's reader, and so dnf, sees them."""

from __future__ import annotations

from pathlib import Path

import createrepo_c
import pytest

from devhub.builder.repository import primary_metadata, set_latest, write_repository
from devhub.builder.rpmwriter import write_rpm
from tests.devhub.builder.conftest import WriteRepository, new_rpm


def listing(repository: Path) -> dict[str, str]:
    packages = createrepo_c.RepositoryReader.from_path(str(repository)).iter_packages()
    return {package.name: package.location_href for package in packages}


def test_packages_are_reached_through_the_link_to_the_top(repository: WriteRepository) -> None:
    repo = repository(foo={}, bar={})
    found = listing(repo)
    assert found["foo"] == "toplink/packages/foo-1-1.noarch.rpm"
    assert all((repo / location).is_file() for location in found.values())


def test_writing_again_replaces_what_an_unfinished_attempt_left(repository: WriteRepository, tmp_path: Path) -> None:
    repo = repository(foo={})
    (repo / ".repodata").mkdir()
    (repo / ".repodata" / "rubbish").touch()
    other = write_rpm(new_rpm("other"), tmp_path / "packages")
    assert write_repository(repo, tmp_path, [other]) == 1
    assert set(listing(repo)) == {"other"}
    assert not (repo / "repodata" / "rubbish").exists()


def test_a_replaced_package_is_read_again(repository: WriteRepository, tmp_path: Path) -> None:
    repo = repository(foo={})
    changed = write_rpm(new_rpm("foo", requires=["something-new"]), tmp_path / "packages")
    write_repository(repo, tmp_path, [changed])
    (package,) = createrepo_c.RepositoryReader.from_path(str(repo)).iter_packages()
    assert [requirement[0] for requirement in package.requires] == ["something-new"]


def test_latest_follows_the_newest_repository(tmp_path: Path) -> None:
    for repo_id in (1, 2):
        (tmp_path / str(repo_id)).mkdir()
        set_latest(tmp_path, repo_id)
    assert (tmp_path / "latest").resolve() == tmp_path / "2"


def test_a_repository_without_metadata_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Cannot open"):
        primary_metadata(tmp_path)
