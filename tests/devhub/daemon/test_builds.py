"""Builds as the hub runs them: children, results, build rows, files, faults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from devhub import builds, events, lookup, packages, repos, rpmfile, sessions, tags, tasks
from devhub.database import Database

if TYPE_CHECKING:
    from tests.devhub.daemon.conftest import Hub, MakeSrpm

BROKEN = "%description\n.\n%build\nexit 7\n%files\n"
EMPTY = "BuildArch: noarch\n%description\n.\n%files\n"
ONE_ARCH_BREAKS = '%description\n.\n%build\ntest "%{_target_cpu}" = x86_64\n%files\n'


def test_a_noarch_package_has_one_child_labelled_noarch(hub: Hub) -> None:
    hub.start()
    hub.repo()
    task = hub.wait(hub.build("greeter-macros"))
    assert (task.state, task.result) == (tasks.CLOSED, None)
    children = hub.children(task.id)
    assert set(children) == {"srpm", "noarch"}
    assert children["srpm"].method == "buildSRPMFromSCM"
    assert hub.rpms(hub.build_of(task.id)["id"]) == {"greeter-macros.src", "greeter-macros.noarch"}


def test_requests_and_results_of_the_children_are_kojis(hub: Hub) -> None:
    hub.start()
    repo = hub.repo()
    task = hub.wait(hub.build("phrasebook"))
    srpm, arch = hub.children(task.id)["srpm"], hub.children(task.id)["noarch"]
    path = f"tasks/{srpm.id}/{srpm.id}/phrasebook-2.1-1.src.rpm"
    assert srpm.request == [hub.urls["rpms/phrasebook"], 1, {"repo_id": repo["id"], "scratch": None}]
    assert srpm.result["srpm"] == path
    assert srpm.result["source"]["url"] == hub.urls["rpms/phrasebook"]
    assert srpm.result["source"]["source"] == hub.urls["rpms/phrasebook"].replace("?", "")
    assert arch.request == [path, 1, "noarch", True, {"repo_id": repo["id"]}]
    assert arch.result["rpms"] == [f"tasks/{arch.id}/{arch.id}/phrasebook-2.1-1.noarch.rpm"]
    assert (srpm.priority, arch.priority) == (task.priority - 1, task.priority - 1)


def test_the_examples_build_for_both_arches_in_three_batches(hub: Hub) -> None:
    hub.start()
    hub.repo()
    for package in ("greeter-macros", "phrasebook"):
        hub.ready(package)
    hub.repo()
    library = hub.ready("libgreet", wait_repo=True)
    parts = {f"libgreet{part}.{arch}" for part in ("", "-devel") for arch in ("x86_64", "aarch64")}
    assert hub.rpms(library["id"]) == {"libgreet.src", "libgreet-doc.noarch", *parts}
    repo_id = hub.repo()["id"]
    started = [hub.build(package, repo_id=repo_id) for package in ("greet", "cpu-greet", "salute")]
    assert [hub.wait(task_id).state for task_id in started] == [tasks.CLOSED] * 3
    assert set(hub.children(started[1])) == {"srpm", "x86_64"}
    assert "greet-selftest.aarch64" in hub.rpms(hub.build_of(started[0])["id"])


def test_files_and_logs_lie_where_koji_keeps_them(hub: Hub) -> None:
    hub.start()
    hub.repo()
    made = hub.ready("phrasebook")
    place = hub.files / "packages" / "phrasebook" / "2.1" / "1"
    assert (place / "noarch" / "phrasebook-2.1-1.noarch.rpm").is_file()
    assert (place / "src" / "phrasebook-2.1-1.src.rpm").is_file()
    assert "phrasebook" in (place / "data" / "logs" / "noarch" / "build.log").read_text()
    for row in builds.rpms_of(hub.reader, made["id"]):
        name = f"phrasebook-2.1-1.{row['arch']}.rpm"
        assert rpmfile.read_facts(place / row["arch"] / name).payloadhash == row["payloadhash"]


def test_macros_of_a_package_in_the_build_group_take_effect(hub: Hub, make_srpm: MakeSrpm) -> None:
    macros = "%dist .module_f40+1+aaaa1111\n%modularitylabel greeter:1:1:aaaa1111\n"
    install = "%install\ninstall -D -m 644 %{SOURCE0} %{buildroot}/etc/rpm/macros.zz-modules\n"
    body = f"BuildArch: noarch\n%description\n.\n{install}%files\n/etc/rpm/macros.zz-modules\n"
    srpm = make_srpm("module-build-macros", body, **{"macros.modules": macros})
    hub.start()
    hub.repo()
    hub.ready(hub.upload(srpm))
    hub.add_to_groups("module-build-macros")
    hub.repo()
    made = hub.ready("phrasebook", wait_repo=True)
    assert made["release"] == "1.module_f40+1+aaaa1111"
    rpm = hub.files / "packages" / "phrasebook" / "2.1" / made["release"] / "noarch" / f"{made['nvr']}.noarch.rpm"
    assert rpmfile.get(rpmfile.read_header(rpm), "MODULARITYLABEL") == "greeter:1:1:aaaa1111"


def test_a_missing_build_requirement_fails_with_status_30_and_its_name_in_root_log(hub: Hub) -> None:
    hub.start()
    hub.repo()
    task = hub.wait(hub.build("salute"))
    message = "error building package (arch {}), mock exited with status 30; see root.log for more information"
    failed = [child for label, child in hub.children(task.id).items() if child.state == tasks.FAILED]
    assert failed
    assert task.result["faultCode"] == 1005
    assert task.result["faultString"] in {message.format(child.label) for child in failed}
    assert "No matching package to install: 'libgreet-devel'" in hub.log(failed[0].id, "root.log")
    assert hub.build_of(task.id)["state"] == builds.FAILED


def test_a_build_goes_on_without_a_package_of_its_group_that_does_not_exist_yet(hub: Hub) -> None:
    hub.start()
    hub.add_to_groups("module-build-macros")
    hub.repo()
    task = hub.wait(hub.build("phrasebook", wait_repo=True))
    assert task.state == tasks.CLOSED
    for child in hub.children(task.id).values():
        if child.method != "waitrepo":
            assert 'No match for group package "module-build-macros"' in hub.log(child.id, "root.log")


def test_a_group_is_what_it_was_when_the_repository_was_made(hub: Hub) -> None:
    hub.start()
    repo_id = hub.repo()["id"]
    hub.add_to_groups("came-later")
    task = hub.wait(hub.build("phrasebook", repo_id=repo_id))
    assert "came-later" not in hub.log(hub.children(task.id)["noarch"].id, "root.log")


@pytest.mark.parametrize(("group", "label"), [("srpm-build", "srpm"), ("build", "noarch")])
def test_without_the_groups_of_its_tag_no_build_root_can_be_made(hub: Hub, group: str, label: str) -> None:
    with hub.database.transaction() as connection:
        tag, removed = tags.must_find(connection, "module-build"), lookup.must_find(connection, "groups", group)
        events.revoke(connection, "group_config", tag_id=tag["id"], group_id=removed["id"])
    hub.start()
    hub.repo()
    task = hub.wait(hub.build("phrasebook"))
    assert "mock exited with status 30; see root.log" in task.result["faultString"]
    assert f"Module or Group '{group}' is not available." in hub.log(hub.children(task.id)[label].id, "root.log")


def test_a_build_that_names_its_repository_knows_no_target_that_came_later(hub: Hub) -> None:
    hub.start()
    repo_id = hub.repo()["id"]
    hub.target("later", "module-build", "module")
    told = hub.wait(hub.build("phrasebook", "later", repo_id=repo_id)).result
    assert told == {"faultCode": 1000, "faultString": "neither tag nor target: later"}
    assert hub.wait(hub.build("phrasebook", "later", repo_id=hub.repo(new=True)["id"])).state == tasks.CLOSED


def test_a_failed_arch_fails_the_build_and_leaves_a_finished_sibling_closed(hub: Hub, make_srpm: MakeSrpm) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="slow", package="halfway", arch="aarch64", seconds=1)
    task = hub.wait(hub.build(hub.upload(make_srpm("halfway", ONE_ARCH_BREAKS))))
    children = hub.children(task.id)
    assert children["srpm"].method == "rebuildSRPM"
    assert children["x86_64"].state == tasks.CLOSED
    assert children["aarch64"].state == tasks.FAILED
    words = "mock exited with status 1; see build.log or root.log for more information"
    assert task.result == {"faultCode": 1005, "faultString": f"error building package (arch aarch64), {words}"}
    assert hub.build_of(task.id)["state"] == builds.FAILED
    assert "test aarch64 = x86_64" in hub.log(children["aarch64"].id, "build.log")


def test_unfinished_siblings_of_a_failed_arch_are_canceled(hub: Hub, make_srpm: MakeSrpm) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="slow", package="both", arch="x86_64", seconds=3600)
    task = hub.wait(hub.build(hub.upload(make_srpm("both", BROKEN))))
    assert task.state == tasks.FAILED
    assert hub.children(task.id)["x86_64"].state == tasks.CANCELED


def test_a_failed_build_may_be_tried_again_under_its_old_id(hub: Hub) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="fail", package="phrasebook", times=1)
    first = hub.wait(hub.build("phrasebook"))
    failed = hub.build_of(first.id)
    second = hub.ready("phrasebook")
    assert (first.state, failed["state"]) == (tasks.FAILED, builds.FAILED)
    assert (second["id"], second["state"]) == (failed["id"], builds.COMPLETE)


def test_a_complete_build_is_not_built_again(hub: Hub) -> None:
    hub.start()
    hub.repo()
    made = hub.ready("phrasebook")
    again = hub.wait(hub.build("phrasebook"))
    assert again.result["faultCode"] == 1000
    assert again.result["faultString"].startswith(f"Build already exists (id={made['id']}, state=COMPLETE): {{'name'")


def test_a_build_in_progress_refuses_a_second_one(hub: Hub) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="slow", package="phrasebook", arch="noarch", stage="build", seconds=3600)
    first = hub.build("phrasebook")
    hub.wait_until(lambda: "noarch" in hub.children(first))
    second = hub.wait(hub.build("phrasebook"))
    assert second.result == {"faultCode": 1000, "faultString": f"Build already in progress (task {first})"}


@pytest.mark.parametrize(
    ("source", "target", "fault"),
    [
        ("git://evil.example.org/rpms/foo?#abc", "module", (1005, "not in the list of allowed SCMs")),
        ("file:///nowhere/foo?#0000", "module", (1005, "Error running GIT command")),
        ("file:///nowhere/foo", "module", (1000, "Could not find the fragment element")),
        ("cli-build/x/missing.src.rpm", "module", (1, "FileNotFoundError")),
        ("../../../etc/passwd", "module", (1, "FileNotFoundError")),
        ("cli-build/x/missing.src.rpm", "nosuch", (1000, "unknown build target: nosuch")),
    ],
)
def test_what_cannot_be_built_fails_with_kojis_fault_and_leaves_no_build(
    hub: Hub, source: str, target: str, fault: tuple[int, str]
) -> None:
    hub.start()
    hub.repo()
    task = hub.wait(hub.build(source, target))
    assert task.result["faultCode"] == fault[0]
    assert fault[1] in task.result["faultString"]
    assert hub.reader.execute("SELECT count(*) FROM builds").fetchone()[0] == 0


def test_an_unlisted_package_fails_after_the_source_rpm_unless_tagging_is_skipped(hub: Hub) -> None:
    hub.start()
    hub.repo()
    refused = hub.wait(hub.build("phrasebook", skip_tag=False))
    assert refused.result == {"faultCode": 1005, "faultString": "package phrasebook not in list for tag module"}
    assert hub.children(refused.id)["srpm"].state == tasks.CLOSED
    assert hub.wait(hub.build("phrasebook")).state == tasks.CLOSED


def test_a_build_without_skip_tag_is_tagged_by_a_child(hub: Hub) -> None:
    with hub.database.transaction() as connection:
        packages.add(connection, tags.must_find(connection, "module")["id"], "phrasebook", 1)
    hub.start()
    hub.repo()
    task = hub.wait(hub.build("phrasebook", skip_tag=False))
    assert task.state == tasks.CLOSED
    assert hub.children(task.id)["tag"].method == "tagBuild"
    assert hub.tagged("module") == ["phrasebook-2.1-1"]


def test_a_tag_is_asked_again_when_the_task_comes_to_it(hub: Hub) -> None:
    hub.start()
    hub.repo()
    made = hub.ready("phrasebook")
    for change, told in (
        ({"locked": True}, (1004, "tag is locked")),
        ({"locked": False, "perm_id": hub.permission("closed")}, (1004, "tag requires closed permission")),
    ):
        with hub.database.transaction() as connection:
            tag_id = tags.must_find(connection, "module")["id"]
            packages.add(connection, tag_id, "phrasebook", 1)
            tags.configure(connection, tag_id, **change)
            task_id = tasks.create(connection, "tagBuild", [tag_id, made["id"], False, None], owner=1)
        assert hub.wait(task_id).result == {"faultCode": told[0], "faultString": told[1]}


def test_a_scratch_build_leaves_files_and_no_build(hub: Hub) -> None:
    hub.start()
    hub.repo()
    task = hub.wait(hub.build("phrasebook", scratch=True))
    assert task.state == tasks.CLOSED
    assert (hub.files / "scratch" / "mbs" / f"task_{task.id}" / "phrasebook-2.1-1.noarch.rpm").is_file()
    assert hub.reader.execute("SELECT count(*) FROM builds").fetchone()[0] == 0


def test_arches_can_be_overridden_and_none_left_is_an_error(hub: Hub, make_srpm: MakeSrpm) -> None:
    hub.start()
    hub.repo()
    source = hub.upload(make_srpm("anywhere", "%description\n.\n%files\n"))
    narrowed = hub.wait(hub.build(source, arch_override="aarch64", scratch=True))
    assert set(hub.children(narrowed.id)) == {"srpm", "aarch64"}
    kept = hub.wait(hub.build(source, arch_override="aarch64"))
    assert kept.result == {"faultCode": 1005, "faultString": "arch_override is only allowed for scratch builds"}
    elsewhere = hub.upload(make_srpm("elsewhere", "ExclusiveArch: s390x\n%description\n.\n%files\n"))
    refused = hub.wait(hub.build(elsewhere))
    assert refused.result == {"faultCode": 1005, "faultString": "No matching arches were found"}


def test_without_a_repository_a_build_waits_for_one(hub: Hub) -> None:
    hub.start()
    task = hub.wait(hub.build("greeter-macros"))
    waited = hub.children(task.id)["waitrepo"]
    assert task.state == tasks.CLOSED
    assert waited.result["id"] == hub.children(task.id)["srpm"].request[2]["repo_id"]


def test_a_build_waits_for_a_repository_with_the_builds_it_names(hub: Hub) -> None:
    hub.start()
    hub.repo()
    made = hub.ready("phrasebook")
    task = hub.wait(hub.build("greeter-macros", wait_builds=[made["nvr"]]))
    repo = repos.get(hub.reader, hub.children(task.id)["srpm"].request[2]["repo_id"])
    assert repo is not None
    listed = (hub.files / "repos" / "module-build" / str(repo["id"]) / "x86_64" / "pkglist").read_text()
    assert "phrasebook-2.1-1.noarch.rpm" in listed


def test_conflicts_of_the_build_group_keep_packages_out(hub: Hub, make_srpm: MakeSrpm) -> None:
    hub.start()
    hub.repo()
    hub.ready("phrasebook")
    hub.ready(hub.upload(make_srpm("keep-out", "BuildArch: noarch\nConflicts: phrasebook = 2.1-1\n" + EMPTY[18:])))
    hub.add_to_groups("keep-out")
    hub.ready(hub.upload(make_srpm("unrelated", EMPTY)), wait_repo=True)
    needs = make_srpm("needs", "BuildRequires: phrasebook\n" + EMPTY)
    task = hub.wait(hub.build(hub.upload(needs), wait_repo=True))
    assert "status 30" in task.result["faultString"]
    assert "conflicts" in hub.log(hub.children(task.id)["noarch"].id, "root.log")


def test_canceling_stops_the_running_children_and_the_build(hub: Hub, make_srpm: MakeSrpm) -> None:
    hub.start()
    hub.repo()
    task_id = hub.build(hub.upload(make_srpm("sleeper", "%description\n.\n%build\nsleep 3600\n%files\n")))
    child = hub.wait_until(lambda: hub.children(task_id).get("x86_64"))
    hub.wait_until(lambda: (path := hub.log_path(child.id, "build.log")).exists() and "sleep" in path.read_text())
    with hub.database.transaction() as connection:
        tasks.cancel(connection, task_id)
    hub.wait_until(lambda: not list((hub.state / "scratch").iterdir()))
    assert hub.build_of(task_id)["state"] == builds.CANCELED


def test_a_canceled_child_fails_its_parent_and_cancels_its_siblings(hub: Hub) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="slow", package="any", seconds=3600)
    hub.inject(kind="slow", package="phrasebook", stage="srpm", seconds=3600)
    task_id = hub.build("phrasebook")
    child = hub.wait_until(lambda: hub.children(task_id).get("srpm"))
    with hub.database.transaction() as connection:
        tasks.cancel(connection, child.id)
    assert hub.wait(task_id).result == {"faultCode": 1000, "faultString": f"Task {child.id} is canceled"}


def test_the_task_of_a_lost_builder_is_done_again(hub: Hub) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="lose", package="phrasebook")
    task = hub.wait(hub.build("phrasebook"))
    child = hub.children(task.id)["noarch"]
    attempts = hub.reader.execute("SELECT count(*) FROM buildroots WHERE task_id = ?", (child.id,)).fetchone()[0]
    assert (task.state, attempts) == (tasks.CLOSED, 2)


def test_faults_at_the_root_stage_look_like_a_missing_requirement(hub: Hub) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="fail", package="phrase*", stage="root", times=1)
    task = hub.wait(hub.build("phrasebook"))
    assert "status 30; see root.log" in task.result["faultString"]
    assert "No matching package to install" in hub.log(hub.children(task.id)["noarch"].id, "root.log")


def test_a_restart_goes_on_without_building_twice(hub: Hub) -> None:
    hub.start()
    hub.repo()
    hub.inject(kind="slow", package="phrasebook", arch="noarch", stage="build", times=1, seconds=3600)
    task_id = hub.build("phrasebook")
    hub.wait_until(lambda: "noarch" in hub.children(task_id))
    hub.stop()
    hub.database = Database.open(hub.database.path)
    hub.start()
    assert hub.wait(task_id).state == tasks.CLOSED
    assert [child.label for child in tasks.children(hub.reader, task_id)] == ["srpm", "noarch"]
    rows = hub.reader.execute("SELECT state FROM builds").fetchall()
    assert [row["state"] for row in rows] == [builds.COMPLETE]


def test_simulated_builds_are_real_rpms_with_the_same_names(hub: Hub) -> None:
    hub.start(simulate=True, latency="srpm=fixed:1 build=lognormal:10:0.5 repo=fixed:1", time_scale=0.001)
    hub.repo()
    for package in ("greeter-macros", "phrasebook"):
        hub.ready(package)
    hub.repo()
    library = hub.ready("libgreet", wait_repo=True)
    parts = {f"libgreet{part}.{arch}" for part in ("", "-devel") for arch in ("x86_64", "aarch64")}
    assert hub.rpms(library["id"]) == {"libgreet.src", "libgreet-doc.noarch", *parts}
    hub.repo()
    assert hub.ready("greet", wait_repo=True)["state"] == builds.COMPLETE


def test_extra_options_of_a_client_do_not_matter(hub: Hub) -> None:
    hub.start()
    hub.repo()
    made = hub.ready("phrasebook", mbs_artifact_name="phrasebook", mbs_module_target="module")
    assert json.loads(json.dumps(made["extra"])) == {"source": {"original_url": hub.urls["rpms/phrasebook"]}}


@pytest.mark.parametrize("policy", ["build_from_srpm", "build_from_repo_id"])
def test_a_policy_that_is_kept_for_admins_stops_everybody_else(hub: Hub, make_srpm: MakeSrpm, policy: str) -> None:
    others = {"build_from_srpm": True, "build_from_repo_id": True, policy: False}
    hub.start(policy=others)
    options = {"repo_id": hub.repo()["id"]}
    srpm = hub.upload(make_srpm("kept", EMPTY))
    refused = hub.wait(hub.build(srpm, **options))
    assert (refused.state, refused.result["faultCode"]) == (tasks.FAILED, 1004)
    assert refused.result["faultString"].startswith(f"policy violation ({policy})")
    assert hub.children(refused.id) == {}
    with hub.database.transaction() as connection:
        sessions.grant(connection, "mbs", "admin", create=True)
    assert hub.wait(hub.build(srpm, **options)).state == tasks.CLOSED


def test_a_scratch_build_of_an_uploaded_package_needs_no_policy(hub: Hub, make_srpm: MakeSrpm) -> None:
    hub.start(policy={})
    hub.repo()
    assert hub.wait(hub.build(hub.upload(make_srpm("thrown-away", EMPTY)), scratch=True)).state == tasks.CLOSED
