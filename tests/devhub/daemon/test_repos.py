"""Repositories: what they contain, who gets them, what happens to old ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import createrepo_c

from devhub import listing, repos, tags, tasks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.devhub.daemon.conftest import Hub


def names(repository: Path) -> set[str]:
    """Read a repository as dnf would, through its metadata, and find every package that it names."""
    found = set()
    for package in createrepo_c.RepositoryReader.from_path(str(repository)).iter_packages():
        assert (repository / package.location_href).is_file()
        found.add(f"{package.name}.{package.arch}")
    return found


def test_a_repository_holds_the_tagged_packages_of_its_arch(hub: Hub) -> None:
    hub.start()
    for package in ("greeter-macros", "phrasebook"):
        hub.ready(package)
    hub.repo()
    hub.ready("libgreet", wait_repo=True)
    place = hub.files / "repos" / "module-build" / str(hub.repo()["id"])
    noarch = {"greeter-macros.noarch", "phrasebook.noarch", "libgreet-doc.noarch"}
    for arch in ("x86_64", "aarch64"):
        assert names(place / arch) == {*noarch, f"libgreet.{arch}", f"libgreet-devel.{arch}"}
    assert (place.parent / "latest").resolve() == place


def test_a_repository_shows_its_own_event(hub: Hub) -> None:
    hub.start()
    hub.ready("phrasebook")
    with_it = hub.repo()
    with hub.database.transaction() as connection:
        tag = tags.must_find(connection, "module-build")
        listing.untag_build(connection, tag, hub.build_id("phrasebook"), 1)
    without = hub.repo()
    with hub.database.transaction() as connection:
        again = repos.new_repo_task(connection, ["module-build", {"event": with_it["create_event"]}], 1)
    repo_id, event = hub.wait(again).result
    place = hub.files / "repos" / "module-build"
    assert event == with_it["create_event"]
    assert names(place / str(without["id"]) / "x86_64") == set()
    assert names(place / str(repo_id) / "x86_64") == {"phrasebook.noarch"}


def test_newrepo_has_a_child_per_arch_and_answers_the_repository_and_its_event(hub: Hub) -> None:
    hub.start()
    with hub.database.transaction() as connection:
        task_id = repos.new_repo_task(connection, ["module-build"], 1)
    task = hub.wait(task_id)
    children = hub.children(task_id)
    assert {label: child.request for label, child in children.items()} == {
        arch: [task.result[0], arch, None] for arch in ("x86_64", "aarch64")
    }
    assert {child.method for child in children.values()} == {"createrepo"}
    repo = repos.get(hub.reader, task.result[0])
    assert repo is not None
    assert (repo["state"], repo["create_event"]) == (repos.READY, task.result[1])


def test_a_tag_without_arches_has_a_repository_without_any_and_builds_nothing(hub: Hub) -> None:
    hub.start()
    with hub.database.transaction() as connection:
        tags.create(connection, "archless")
        task_id = repos.new_repo_task(connection, ["archless"], 1)
    hub.target("nowhere", "archless", "module")
    repo_id, _ = hub.wait(task_id).result
    assert (hub.repo_state(repo_id), hub.children(task_id)) == (repos.READY, {})
    assert list((hub.files / "repos" / "archless" / str(repo_id)).iterdir()) == []
    told = hub.wait(hub.build("phrasebook", "nowhere")).result
    assert told == {"faultCode": 1005, "faultString": "No arch list for tag: archless"}


def test_the_old_options_of_a_repository_and_the_new_do_not_go_together(hub: Hub) -> None:
    hub.start()
    with hub.database.transaction() as connection:
        old = repos.new_repo_task(connection, ["module-build", {"src": True}], 1)
        both = repos.new_repo_task(connection, ["module-build", {"src": True, "opts": {}}], 1)
    made = repos.get(hub.reader, hub.wait(old).result[0])
    assert made is not None
    assert made["custom_opts"] == {"src": True}
    assert hub.wait(both).result["faultCode"] == 1019


def test_the_builders_are_heard_of(hub: Hub) -> None:
    hub.start()
    query = "SELECT count(*) FROM hosts WHERE ready AND update_time > 0"
    hub.wait_until(lambda: hub.reader.execute(query).fetchone()[0] == 2)


def test_a_request_is_tried_four_times_and_then_given_up(hub: Hub) -> None:
    hub.inject(kind="fail", stage="repo")
    hub.start()
    with hub.database.transaction() as connection:
        tag_id = tags.must_find(connection, "module-build")["id"]
        asked = repos.request(connection, repos.Wanted(tag_id, min_event=1), owner=1)["request"]
    hub.wait_until(lambda: not hub.request(asked["id"])["active"])
    given_up = hub.request(asked["id"])
    assert (given_up["tries"], given_up["repo_id"]) == (4, None)
    states = hub.reader.execute("SELECT DISTINCT state FROM repos").fetchall()
    assert [row["state"] for row in states] == [repos.PROBLEM]


def test_a_failed_try_does_not_spoil_the_next(hub: Hub) -> None:
    hub.inject(kind="fail", stage="repo", arch="noarch", times=1)
    hub.start()
    assert hub.repo()["state"] == repos.READY
    assert len(tasks.in_state(hub.reader, tasks.FAILED)) == 2


def test_replaced_repositories_expire_and_their_files_go(hub: Hub) -> None:
    hub.start(repo_expires=0, repo_deleted=0)
    first = hub.repo()
    hub.ready("phrasebook", repo_id=first["id"])
    second = hub.repo()
    hub.stop()
    hub.start(repo_expires=0, repo_deleted=0)
    hub.wait_until(lambda: hub.repo_state(first["id"]) == repos.DELETED)
    place = hub.files / "repos" / "module-build"
    hub.wait_until(lambda: not (place / str(first["id"])).exists())
    assert hub.repo_state(second["id"]) == repos.READY
    assert (place / str(second["id"]) / "x86_64" / "repodata" / "repomd.xml").is_file()


def test_a_build_whose_repository_cannot_be_made_fails(hub: Hub) -> None:
    hub.inject(kind="fail", stage="repo")
    hub.start()
    task = hub.wait(hub.build("phrasebook"))
    assert task.result["faultCode"] == 1000
    assert "Repo request no longer active" in task.result["faultString"]
