"""What Koji's source says of calls whose refusals the recording does not show: arguments, names, permissions, imports.

Every fault is held to its code and its words. The rules were read in Koji 1.35 (kojihub, kojid); the names of its
functions stand beside them.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from typing import Any
from xmlrpc.client import Fault

import koji
import pytest

from devhub import builds, tasks
from tests.contract.conftest import OpenHub, RunHub

Sessions = Callable[[str], koji.ClientSession]
WHOLE = {"maxdepth": None, "intransitive": False, "noconfig": False, "pkg_filter": ""}
FRESH = itertools.count()


@pytest.fixture(scope="module")
def hub(run_hub: RunHub) -> OpenHub:
    return run_hub()


@pytest.fixture(scope="module")
def mbs(hub: OpenHub) -> koji.ClientSession:
    return hub.login("mbs")


@pytest.fixture(scope="module")
def admin(hub: OpenHub) -> koji.ClientSession:
    return hub.login("kojiadmin")


@pytest.fixture
def tag(mbs: koji.ClientSession) -> str:
    """A new tag for one test."""
    name = f"tag-{next(FRESH)}"
    mbs.createTag(name, arches="x86_64")
    return name


def told(session: koji.ClientSession, method: str, *args: object, **kwargs: object) -> tuple[int, str]:
    """Give code and words of the fault that a call must be answered with."""
    try:
        answer = session.callMethod(method, *args, **kwargs)
    except koji.GenericError as error:
        return int(error.faultCode), str(error)
    except Fault as fault:
        return fault.faultCode, fault.faultString
    raise AssertionError(f"{method} answered {answer!r}")


def complete_build(hub: OpenHub, name: str, **facts: Any) -> dict[str, Any]:
    """Enter a complete build, as a builder would have made it."""
    with hub.database.transaction() as connection:
        build_id = builds.begin(connection, builds.NewBuild(name, "1", "1", owner=2, state=builds.COMPLETE, **facts))
        return builds.must_find(connection, build_id)


# Names: verify_name_internal, verify_name_user


@pytest.mark.parametrize("name", ["a~b", "a^b", "a b", "a:b", "ä", "", "a\tb"])
@pytest.mark.parametrize("method", ["createTag", "createBuildTarget"])
def test_names_have_the_characters_that_koji_allows(mbs: koji.ClientSession, method: str, name: str) -> None:
    more = ("module-f40-build", "f40") if method == "createBuildTarget" else ()
    assert told(mbs, method, name, *more) == (1000, f"Name {name} does not match RegexNameInternal value")


def test_names_are_no_longer_than_koji_allows(mbs: koji.ClientSession, admin: koji.ClientSession) -> None:
    long = "a" * 257
    problem = (1000, f"Name {long} is too long. Max length is 256 characters")
    assert told(mbs, "createTag", long) == problem
    assert told(mbs, "createBuildTarget", long, "f40", "f40") == problem
    assert told(admin, "createUser", long) == problem
    assert mbs.createTag("a" * 256)
    assert told(mbs, "createTag", 5) == (1000, "Name should be string")


def test_a_user_may_have_an_at_sign_and_no_plus(admin: koji.ClientSession) -> None:
    assert admin.createUser("somebody@example.org")
    assert told(admin, "createUser", "a+b") == (1000, "Name a+b does not match RegexUserName value")


def test_a_package_list_takes_a_name_that_can_never_be_built(hub: OpenHub, mbs: koji.ClientSession, tag: str) -> None:
    """lookup_package(create=True) checks nothing, new_package does."""
    mbs.packageListAdd(tag, "odd~name", "mbs")
    assert [row["package_name"] for row in mbs.listPackages(tag)] == ["odd~name"]
    with pytest.raises(koji.GenericError, match="does not match RegexNameInternal"):
        complete_build(hub, "odd~name")


# Looking things up: name_or_id_clause, find_build_id, Task


@pytest.mark.parametrize("ref", [None, [], 1.5, {}, {"other": 1}, {"id": "x"}])
def test_what_is_neither_name_nor_id_is_a_wrong_parameter(mbs: koji.ClientSession, ref: object) -> None:
    assert told(mbs, "getTag", ref) == (1019, f"Invalid name or id value: {ref}")


@pytest.mark.parametrize(
    ("ref", "problem"),
    [
        ("nodashes", "invalid format: nodashes"),
        ("a-", "invalid format: a-"),
        ({"nvr": "a-1-1"}, "did not provide name, version, and release"),
        ({"id": 1}, "did not provide name, version, and release"),
        ([], "Invalid type for argument: <class 'list'>"),
    ],
)
def test_a_build_is_named_by_id_nvr_or_its_three_parts(mbs: koji.ClientSession, ref: object, problem: str) -> None:
    assert told(mbs, "getBuild", ref) == (1000, problem)


def test_unknown_builds_are_nil_or_told(mbs: koji.ClientSession) -> None:
    assert mbs.getBuild("no-such-1") is None
    assert mbs.getBuild(99999) is None
    assert told(mbs, "getBuild", "no-such-1", strict=True) == (1000, "No such build: 'no-such-1'")


def test_ids_of_tasks_may_be_texts_and_nothing_else(mbs: koji.ClientSession) -> None:
    task_id = mbs.build("git://h/x#1", "f40")
    assert mbs.getTaskInfo(str(task_id))["id"] == task_id
    problem = "Invalid type for value 'x': <class 'str'>, expected type <class 'int'>"
    for method in ("getTaskInfo", "getTaskResult", "cancelTask", "getTaskChildren", "taskFinished"):
        assert told(mbs, method, "x") == (1019, problem)
    assert told(mbs, "getTaskInfo", None) == (1019, "Invalid type, expected type <class 'int'>")


# Tags: _create_tag, _edit_tag, _writeInheritanceData, getBuildConfig


def test_a_tag_without_arches_inherits_none_until_they_are_nil(mbs: koji.ClientSession, tag: str) -> None:
    child = f"{tag}-child"
    mbs.createTag(child, parent=tag)
    assert (mbs.getTag(child)["arches"], mbs.getBuildConfig(child)["arches"]) == ("", "")
    mbs.editTag2(child, arches=None)
    assert (mbs.getTag(child)["arches"], mbs.getBuildConfig(child)["arches"]) == (None, "x86_64")


def test_arches_are_words_of_plain_letters(mbs: koji.ClientSession, tag: str) -> None:
    problem = (1000, "Architecture can be only [a-zA-Z0-9_-]")
    assert told(mbs, "createTag", f"{tag}-x", arches="x86_64,aarch64") == problem
    assert told(mbs, "editTag2", tag, arches="a/b") == problem
    mbs.editTag2(tag, arches="x86_64  aarch64")
    assert mbs.getTag(tag)["arches"] == "x86_64 aarch64"


def test_maven_is_not_enabled(mbs: koji.ClientSession, tag: str) -> None:
    problem = (1000, "Maven support not enabled")
    assert told(mbs, "createTag", f"{tag}-x", maven_support=True) == problem
    assert told(mbs, "editTag2", tag, maven_include_all=False) == problem
    assert told(mbs, "repo.request", tag, opts={"maven": True}) == problem


def test_what_a_tag_keeps_extra_is_inherited_blocked_and_removed(mbs: koji.ClientSession, tag: str) -> None:
    child = f"{tag}-child"
    mbs.editTag2(tag, extra={"a": 1, "b": {"c": [2]}})
    mbs.createTag(child, parent=tag, extra={"own": True})
    assert mbs.getBuildConfig(child)["extra"] == {"own": True, "a": 1, "b": {"c": [2]}}
    mbs.editTag2(child, block_extra=["a"])
    assert mbs.getBuildConfig(child)["extra"] == {"own": True, "b": {"c": [2]}}
    assert mbs.getTag(child)["extra"] == {"own": True}
    assert told(mbs, "editTag2", tag, remove_extra=["x", "y"]) == (1000, f"Tag: {tag} doesn't have extra: x, y")
    both = told(mbs, "editTag2", tag, extra={"a": 2}, block_extra=["a"])
    assert both == (1000, "Can not both add/update and remove tag-extra: 'a'")


@pytest.mark.parametrize("missing", ["parent_id", "priority", "maxdepth", "intransitive", "noconfig", "pkg_filter"])
def test_a_change_of_the_inheritance_says_everything(mbs: koji.ClientSession, tag: str, missing: str) -> None:
    link = {"parent_id": mbs.getTag("f40")["id"], "priority": 5, **WHOLE}
    del link[missing]
    assert told(mbs, "setInheritanceData", tag, [link]) == (1000, f"No value for {missing}")


def test_a_parent_exists(mbs: koji.ClientSession, tag: str) -> None:
    link = {"parent_id": 99999, "priority": 5, **WHOLE}
    assert told(mbs, "setInheritanceData", tag, [link]) == (1000, "No such tagInfo: 99999")


def test_the_same_inheritance_is_a_change_only_when_it_is_set_anew(mbs: koji.ClientSession, tag: str) -> None:
    link = {"parent_id": mbs.getTag("f40")["id"], "priority": 5, **WHOLE}
    mbs.setInheritanceData(tag, [link])
    first = mbs.tagLastChangeEvent(tag)
    mbs.setInheritanceData(tag, [link])
    assert mbs.tagLastChangeEvent(tag) == first
    mbs.setInheritanceData(tag, [link], clear=True)
    assert mbs.tagLastChangeEvent(tag) > first


def test_a_deleted_tag_is_seen_as_it_was_last(mbs: koji.ClientSession, tag: str) -> None:
    before = mbs.getLastEvent()["id"]
    mbs.deleteTag(tag)
    assert mbs.getTag(tag) is None
    last = mbs.getTag(tag, event="auto")
    assert (last["name"], last["query_event"]) == (tag, last["revoke_event"] - 1)
    assert mbs.getTag(tag, event=before)["query_event"] == before


def test_tags_are_listed_by_globs_without_regard_to_case(mbs: koji.ClientSession, tag: str) -> None:
    assert [row["name"] for row in mbs.listTags(pattern=f"{tag.upper()[:-1]}?")] != []
    assert mbs.listTags(pattern="tag_*") == []  # an underscore is an underscore
    mbs.packageListAdd(tag, "listed", "mbs", block=True)
    (row,) = [row for row in mbs.listTags(package="listed", perms=False) if row["name"] == tag]
    assert (row["owner_name"], row["blocked"], "perm" in row) == ("mbs", True, False)
    problem = "only one of build and package may be specified"
    assert told(mbs, "listTags", "a-1-1", "listed") == (1000, problem)
    assert told(mbs, "listTags", package="nosuch") == (1000, "No such package: nosuch")


# Package lists: _direct_pkglist_add, pkglist_block, pkglist_unblock


def test_a_new_package_has_an_owner(mbs: koji.ClientSession, tag: str) -> None:
    assert told(mbs, "packageListAdd", tag, "orphan") == (1000, "owner not specified")
    assert told(mbs, "packageListAdd", tag, "orphan", "mbs", update=True) == (
        1000,
        f"cannot update: tag {tag} has no data for package orphan",
    )


def test_what_is_not_said_of_a_package_stays_as_it_is(mbs: koji.ClientSession, tag: str) -> None:
    mbs.packageListAdd(tag, "kept", "alice", extra_arches="i386")
    event = mbs.tagLastChangeEvent(tag)
    mbs.packageListAdd(tag, "kept")
    mbs.packageListAdd(tag, "kept", "mbs", update=True)
    config = mbs.getPackageConfig(tag, "kept")
    assert (config["owner_name"], config["extra_arches"]) == ("mbs", "i386")
    assert mbs.tagLastChangeEvent(tag) == event  # owners are kept apart: no repository gets older by them


def test_a_blocked_package_stays_blocked_until_it_is_unblocked(
    mbs: koji.ClientSession, admin: koji.ClientSession, tag: str
) -> None:
    assert told(mbs, "packageListBlock", tag, "listed")[1] == f"Package listed is not in tag listing for {tag}"
    mbs.packageListAdd(tag, "barred", "mbs", block=True)
    assert told(mbs, "packageListAdd", tag, "barred", "mbs", block=False) == (
        1000,
        f"package barred is blocked in tag {tag}",
    )
    mbs.packageListUnblock(tag, "barred")
    assert mbs.checkTagPackage(tag, "barred") is True
    assert told(mbs, "packageListUnblock", tag, "barred") == (1000, f"package barred NOT blocked in tag {tag}")
    admin.packageListAdd(tag, "barred", block=True)
    admin.packageListAdd(tag, "barred", block=False, force=True)
    assert mbs.checkTagPackage(tag, "barred") is True


def test_asking_for_what_is_not_there_is_no_error_where_koji_has_none(mbs: koji.ClientSession) -> None:
    assert mbs.checkTagPackage("nosuch", "nosuch") is False
    assert mbs.getPackageConfig("nosuch", "nosuch") is None
    assert mbs.getBuildTargets(buildTagID="nosuch") == []
    assert mbs.listBuilds(packageID="nosuch") == []
    assert mbs.listBuilds(userID="nosuch") == []
    assert mbs.getAverageBuildDuration("nosuch") is None
    assert mbs.getLastHostUpdate(999) is None


# Groups: _grplist_add, _grp_pkg_add


def test_a_blocked_group_is_not_added_and_its_packages_do_not_count(mbs: koji.ClientSession, tag: str) -> None:
    mbs.groupListAdd(tag, "build")
    mbs.groupPackageListAdd(tag, "build", "bash")
    mbs.groupListAdd(tag, "build", block=True)
    assert told(mbs, "groupListAdd", tag, "build") == (1000, f"group build is blocked in tag {tag}")
    assert told(mbs, "groupPackageListAdd", tag, "build", "make") == (1000, f"group build is blocked in tag {tag}")
    assert mbs.getTagGroups(tag) == []


def test_a_blocked_package_of_a_group_is_not_added(mbs: koji.ClientSession, tag: str) -> None:
    mbs.groupListAdd(tag, "build")
    mbs.groupPackageListAdd(tag, "build", "bash", block=True)
    problem = f"package bash blocked in group build, tag {tag}"
    assert told(mbs, "groupPackageListAdd", tag, "build", "bash") == (1000, problem)
    mbs.groupPackageListAdd(tag, "build", "bash", force=True)
    (group,) = mbs.getTagGroups(tag, incl_reqs=False)
    assert ([row["package"] for row in group["packagelist"]], "grouplist" in group) == (["bash"], False)
    assert "packagelist" not in mbs.getTagGroups(tag, incl_pkgs=False)[0]


# Targets


def test_a_deleted_target_can_be_deleted_again_and_an_unknown_one_cannot(mbs: koji.ClientSession, tag: str) -> None:
    mbs.createBuildTarget(tag, tag, tag)
    mbs.deleteBuildTarget(tag)
    mbs.deleteBuildTarget(tag)
    assert mbs.getBuildTarget(tag) is None
    assert told(mbs, "deleteBuildTarget", "nosuch") == (1000, "No such build target: nosuch")


# Permissions: hasPerm, assertPerm, check_tag_access, assert_cg, check_policy


def test_an_admin_has_only_the_permission_admin(admin: koji.ClientSession, mbs: koji.ClientSession) -> None:
    assert (admin.hasPerm("admin"), admin.hasPerm("tag"), mbs.hasPerm("tag")) == (True, False, True)
    assert told(mbs, "hasPerm", "nosuch", strict=True) == (1000, "No such permission nosuch defined")


def test_a_tag_that_asks_for_a_permission_wants_that_very_one(
    mbs: koji.ClientSession, admin: koji.ClientSession, hub: OpenHub, tag: str
) -> None:
    build = complete_build(hub, f"permitted-{next(FRESH)}")
    mbs.editTag2(tag, perm="target")
    assert told(admin, "tagBuildBypass", tag, build["id"]) == (1004, "tag requires target permission")
    admin.tagBuildBypass(tag, build["id"], force=True)
    mbs.editTag2(tag, locked=True)
    assert told(mbs, "untagBuildBypass", tag, build["id"]) == (1004, "tag is locked")


def test_an_admin_imports_for_no_content_generator_by_being_one(hub: OpenHub, admin: koji.ClientSession) -> None:
    problem = (1002, "Content generator access required (module-build-service)")
    names = {"name": "x", "version": "1", "release": "1"}
    assert told(admin, "CGInitBuild", "module-build-service", names) == problem
    assert told(hub.anonymous(), "CGInitBuild", "module-build-service", names) == (1002, "Not logged-in")
    assert told(admin, "CGInitBuild", "nosuch", names) == (1000, "No such entry in table content_generator: nosuch")


def test_access_to_a_content_generator_is_given_once(admin: koji.ClientSession) -> None:
    admin.grantCGAccess("alice", "another-generator", create=True)
    again = told(admin, "grantCGAccess", "alice", "another-generator")
    assert again == (1000, "User already has access to content generator another-generator")
    assert admin.listCGs()["another-generator"]["users"] == ["alice"]


def test_the_policies_of_a_stock_hub_say_what_they_say(mbs: koji.ClientSession, admin: koji.ClientSession) -> None:
    denied = "deny Only admin can do this via default policy"
    assert mbs.evalPolicy("build_from_scm", {}) == denied
    assert admin.evalPolicy("build_from_scm", {}) == "allow"
    assert mbs.evalPolicy("build_rpm", {}) == "allow"
    assert mbs.evalPolicy("package_list", {"user_id": mbs.getUser("alice")["id"]}).startswith("deny Only admin/tag")
    assert told(mbs, "evalPolicy", "nosuch", {}) == (1000, "no such policy: nosuch")


# What an operator asks a hub about itself


def test_a_hub_tells_who_may_do_what(mbs: koji.ClientSession, hub: OpenHub) -> None:
    assert {"admin", "tag", "target", "repo", "draft-promoter"} <= {row["name"] for row in mbs.getAllPerms()}
    assert all(row["description"] for row in mbs.getAllPerms())
    assert sorted(mbs.getUserPerms()) == sorted(mbs.getPerms()) == ["tag", "target"]
    assert mbs.getUserPermsInheritance("mbs") == {"tag": [None], "target": [None]}
    assert told(hub.anonymous(), "getUserPerms") == (1000, "No user provided")
    assert told(hub.anonymous(), "getUser") == (1000, "No user provided")
    assert hub.anonymous().getPerms() == []
    assert mbs.getLoggedInUser()["authtype"] == koji.AUTHTYPES["NORMAL"]


def test_a_hub_tells_what_it_builds_with(mbs: koji.ClientSession) -> None:
    assert [row["name"] for row in mbs.listHosts(arches=["aarch64"], enabled=True)] == ["builder-aarch64"]
    assert len(mbs.listHosts(channelID="createrepo")) == 2
    assert mbs.listHosts(channelID="maven") == []
    assert told(mbs, "listHosts", channelID="nosuch") == (1000, "No such entry in table channels: nosuch")
    assert told(mbs, "listHosts", arches=[]) == (1000, "arches option cannot be empty")
    assert [row["name"] for row in mbs.listChannels("builder-x86-64")] == ["default", "createrepo"]
    assert "image" in [row["name"] for row in mbs.listChannels(enabled=True)]
    assert {row["name"] for row in mbs.listBTypes()} >= {"rpm", "module"}
    assert [row["name"] for row in mbs.listBTypes({"name": "module"})] == ["module"]


# Requests for repositories: request_repo, convert_repo_opts


def test_a_request_for_a_repository_is_checked_in_kojis_order(mbs: koji.ClientSession, tag: str) -> None:
    assert told(mbs, "repo.request", tag, opts={"nosuch": True}) == (1019, "Invalid repo option: nosuch")
    assert told(mbs, "repo.request", tag, opts=["src"]) == (1019, "Repo opts must be a dictionary")
    both = told(mbs, "repo.request", tag, min_event=1, at_event=1)
    assert both == (1019, "The min_event and at_event options conflict")
    assert told(mbs, "repo.request", tag, at_event=99999) == (1019, "Invalid event: 99999")
    assert told(mbs, "repo.request", tag, min_event="x")[0] == 1019
    urgent = told(mbs, "repo.request", tag, priority=-1)
    assert urgent == (1004, "only admins may create high-priority requests")
    asked = mbs.repo.request(tag, min_event="last", opts={"src": None})["request"]
    assert asked["opts"] == {}
    assert [row["id"] for row in mbs.repo.queryQueue()][-1:] == [asked["id"]]


# Tasks: listTasks, cancelTask


def test_tasks_are_listed_by_all_that_koji_knows(mbs: koji.ClientSession, hub: OpenHub) -> None:
    me = mbs.getLoggedInUser()["id"]
    first, second = (mbs.build(f"git://h/{name}#1", "f40") for name in ("one", "two"))
    with hub.database.transaction() as connection:
        tasks.close(connection, first, {"rpms": []})
        tasks.fail(connection, second, 1005, "no")
    ended = mbs.getTaskInfo(first)["completion_ts"]
    for word in ("completeAfter", "completedAfter"):
        assert [row["id"] for row in mbs.listTasks({word: ended - 0.001, "owner": me}, {"order": "id"})] == [
            first,
            second,
        ]
    assert mbs.listTasks({"createdBefore": "2001-01-01 00:00:00", "owner": me}) == []
    assert mbs.listTasks({"createdAfter": "2001-01-01", "state": [2], "owner": me}, {"countOnly": True}) == 1
    decoded = mbs.listTasks({"decode": True, "state": [2, 5], "owner": [me]}, {"order": "-completion_ts"})
    assert [row["result"] for row in decoded] == [{"faultCode": 1005, "faultString": "no"}, [{"rpms": []}]]
    assert (
        mbs.listTasks({"parent": None, "not_state": [0, 2], "no_such_option": 1, "owner": me}, {"countOnly": True}) == 1
    )
    assert mbs.listTasks({"host_id": None, "not_owner": me}) == []
    assert told(mbs, "listTasks", {}, {"order": "nosuch"}) == (1, "<class 'Exception'>: Invalid order: nosuch")
    assert told(mbs, "listTasks", {"state": 2})[0] == 1


def test_who_may_cancel_and_what(mbs: koji.ClientSession, hub: OpenHub) -> None:
    task_id = mbs.build("git://h/x#1", "f40")
    for other in (hub.login("alice"), hub.anonymous()):
        assert told(other, "cancelTask", task_id) == (1004, "Cannot cancel task, not owner")
    assert told(mbs, "cancelTask", 99999) == (1000, "No such task: 99999")
    assert told(hub.anonymous(), "cancelTask", 99999) == (1004, "Cannot cancel task, not owner")
    assert told(mbs, "cancelTaskFull", task_id) == (1004, "admin permission required (logged in as mbs)")


# Imports of content generators: CG_Importer

DOCUMENT = b"document: modulemd\n"


def metadata(name: str) -> dict[str, Any]:
    root = {
        "id": 1,
        "host": {"os": "Linux", "arch": "x86_64"},
        "content_generator": {"name": "module-build-service", "version": "3"},
        "container": {"type": "none", "arch": "x86_64"},
        "components": [],
        "tools": [],
    }
    output = {
        "buildroot_id": 1,
        "arch": "noarch",
        "type": "file",
        "filename": "modulemd.txt",
        "filesize": len(DOCUMENT),
        "checksum_type": "md5",
        "checksum": hashlib.md5(DOCUMENT, usedforsecurity=False).hexdigest(),
        "extra": {"typeinfo": {"module": {}}},
        "components": [],
    }
    build = {"name": name, "version": "1", "release": "1", "source": "git://x#1", "start_time": 1, "end_time": 2}
    typed = {**build, "extra": {"typeinfo": {"module": {}}}}
    return {"metadata_version": 0, "build": typed, "buildroots": [root], "output": [output]}


def edited(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Set what a path like `output.0.type` leads to, or delete it with None."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = document
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.fixture(scope="module")
def directory(mbs: koji.ClientSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("upload")
    for name in ("modulemd.txt", "odd.nosuchtype", "build.log"):
        (place / name).write_bytes(DOCUMENT)
        mbs.uploadWrapper(str(place / name), "rules/import")
    return "rules/import"


RPM = {"type": "rpm", "name": "x", "version": "1", "release": "1", "arch": "src", "sigmd5": "0"}


@pytest.mark.parametrize(
    ("path", "value", "code", "problem"),
    [
        ("metadata_version", 1, 1000, "No such metadata version: 1"),
        ("metadata_version", None, 1, "<class 'KeyError'>: 'metadata_version'"),
        ("build.version", "1-2", 1000, 'The "-" character not allowed in version field'),
        ("build.version", None, 1000, "did not provide name, version, and release"),
        ("build.owner", 5, 1000, "Invalid owner format (expected username): 5"),
        ("build.owner", "nosuch", 1000, "No such user: 'nosuch'"),
        ("build.extra.typeinfo", {"nosuch": {}}, 1000, "No such entry in table btype: nosuch"),
        ("build.end_time", None, 1, "<class 'KeyError'>: 'end_time'"),
        ("build.build_id", 99999, 1000, "No such build: 99999"),
        ("buildroots.0.content_generator.name", "nosuch", 1000, "No such entry in table content_generator: nosuch"),
        ("buildroots.0.id", 2, 1000, "Buildroot id not used in output: 2"),
        ("buildroots.0.tools", None, 1, "<class 'KeyError'>: 'tools'"),
        ("buildroots.0.host.os", None, 1, "<class 'KeyError'>: 'os'"),
        ("buildroots.0.components", [{"type": "nosuch"}], 1000, "No such component type: nosuch"),
        ("output.0.components", [{**RPM, "location": "x"}], 1000, "External rpms not allowed"),
        ("output.0.components", [{**RPM, "id": 1}], 1000, "Unexpected 'id' field in component"),
        ("output.0.extra", {"typeinfo": {}}, 1000, "No typeinfo for: modulemd.txt"),
        (
            "output.0.extra",
            {"typeinfo": {"module": {}, "rpm": {}}},
            1000,
            "Output file has multiple types: modulemd.txt",
        ),
        ("output.0.extra", {"typeinfo": {"rpm": {}}}, 1000, "Output type rpm not listed in build types"),
        ("output.0.checksum_type", "sha1", 1000, "Unsupported verify type: sha1"),
        ("output.0.checksum_type", "sha512", 1000, "Unsupported verify type: sha512"),
        ("output.0.filename", "odd.nosuchtype", 1000, "unsupported file extension: odd.nosuchtype"),
    ],
)
def test_an_import_is_refused_for_what_koji_refuses_it_for_and_leaves_nothing(
    mbs: koji.ClientSession, directory: str, path: str, value: object, code: int, problem: str
) -> None:
    document = edited(metadata("refused-module"), path, value)
    assert told(mbs, "CGImport", document, directory) == (code, problem)
    assert mbs.getBuild("refused-module-1-1") is None


def test_a_file_that_was_not_uploaded_or_is_named_twice_is_no_import(mbs: koji.ClientSession, directory: str) -> None:
    missing = edited(metadata("refused-module"), "output.0.filename", "missing.txt")
    code, problem = told(mbs, "CGImport", missing, directory)
    assert (code, problem.startswith("<class 'FileNotFoundError'>")) == (1, True)
    twice = metadata("refused-module")
    twice["output"] *= 2
    assert "already exists" in told(mbs, "CGImport", twice, directory)[1]
    two_roots = metadata("refused-module")
    two_roots["buildroots"] *= 2
    assert told(mbs, "CGImport", two_roots, directory) == (1000, "Duplicate buildroot id in metadata: 1")
    assert told(mbs, "CGImport", "{", directory) == (1000, "Invalid json data: '{'")
    assert told(mbs, "CGImport", "nosuch.json", directory) == (1000, "No such file: nosuch.json")
    assert mbs.getBuild("refused-module-1-1") is None


def test_a_build_type_must_be_known_to_the_hub(admin: koji.ClientSession) -> None:
    assert told(admin, "addBType", "module") == (1000, "btype already exists")
    assert told(admin, "addBType", "a b") == (1000, "Name a b does not match RegexNameInternal value")


def test_a_reserved_build_is_imported_with_its_token_and_as_itself(mbs: koji.ClientSession, directory: str) -> None:
    names = {"name": "reserved-module", "version": "1", "release": "1"}
    reserved = mbs.CGInitBuild("module-build-service", names)
    assert told(mbs, "CGInitBuild", "module-build-service", names) == (1000, "Build is already reserved")
    document = edited(metadata("reserved-module"), "build.build_id", reserved["build_id"])
    wrong = told(mbs, "CGImport", document, directory, "nonsense")
    assert wrong == (1000, f"Token doesn't match build ID {reserved['build_id']}")
    other = edited(edited(metadata("reserved-module"), "build.build_id", reserved["build_id"]), "build.release", "2")
    different = told(mbs, "CGImport", other, directory, reserved["token"])
    assert different == (1000, f"Build ({reserved['build_id']}) NVR is different")
    imported = mbs.CGImport(document, directory, reserved["token"])
    assert (imported["id"], imported["state"]) == (reserved["build_id"], koji.BUILD_STATES["COMPLETE"])
    without = told(mbs, "CGImport", metadata("any-module"), directory, reserved["token"])
    assert without == (1000, "Reservation token given, but no build_id in metadata")
