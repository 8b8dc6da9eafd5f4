from __future__ import annotations

import contextlib
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.errors import InvalidRequest, NotAuthorized, Refused, Unprocessable
from mbs.model.nsvc import NSVC
from mbs.planning.request import FIELDS, Request, read_request
from mbs.settings import Settings

EXPECTED = "Expected format is '<url>?[module-path]#[revision]', with one of the schemes file, git, http, https"
STREAMS = "an object with the keys as module names and the values as arrays of streams"
REFS = "an object with the keys as component names and the values as strings of refs"
INVALID_REUSE = 'The parameter "reuse_components_from" contains an invalid module identifier'
STRICT = Settings(scmurls=("https://src.example.org/modules/",))
SCM = {"scmurl": "https://src.example.org/modules/app?#abc", "branch": "1"}


def test_an_scm_submission_is_read(scm_data: dict[str, Any]) -> None:
    more = {
        "scratch": "False",
        "buildrequire_overrides": {"gtk": ["1"]},
        "rpm_component_ref_overrides": {"alpha": "f28"},
        "reuse_components_from": "app:1:20240102030405:9c690d0e",
        "side_tag": "side-1",
        "srpms": [],
    }
    request = read_request(scm_data | more, "pat", STRICT)
    assert (request.owner, request.branch, request.scratch) == ("pat", "master", False)
    assert request.url is not None
    assert request.url.name == "app"
    assert request.rebuild_strategy == "changed-and-after"
    assert request.buildrequire_overrides == {"gtk": ("1",)}
    assert request.reuse_components_from == NSVC("app", "1", 20240102030405, "9c690d0e")


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        ({"branch": "1"}, 400, "Missing scmurl"),
        ({"scmurl": SCM["scmurl"]}, 400, "Missing branch"),
        (SCM | {"colour": "blue", "age": 3}, 400, "The request contains invalid parameters: age, colour"),
        (SCM | {"scratch": True}, 403, "Scratch builds are not enabled"),
        (SCM | {"srpms": ["cli-build/1.x/alpha.src.rpm"]}, 403, "srpms may only be specified for scratch builds"),
        ({"modulemd": "text"}, 403, "YAML submission is not enabled"),
        (SCM | {"owner": "me"}, 400, "The request contains 'owner' parameter, however NO_AUTH is not allowed"),
        (
            {"scmurl": "https://elsewhere.org/x?#1", "branch": "1"},
            403,
            "The submitted scmurl https://elsewhere.org/x?#1 is not allowed",
        ),
        (
            {"scmurl": "https://src.example.org/modules/app", "branch": "1"},
            400,
            f"The submitted scmurl https://src.example.org/modules/app is not valid.  {EXPECTED}",
        ),
        (SCM | {"module_name": "x"}, 400, "Module name override is only allowed when a YAML file is submitted"),
        (SCM | {"module_stream": "x"}, 400, "Stream name override is only allowed when a YAML file is submitted"),
        (
            SCM | {"rebuild_strategy": "all"},
            400,
            'The request contains the "rebuild_strategy" parameter but overriding the default isn\'t allowed',
        ),
        (
            SCM | {"require_overrides": {"gtk": "1"}},
            400,
            f'The "require_overrides" parameter must be {STREAMS}',
        ),
        (
            SCM | {"rpm_component_ref_overrides": ["a"]},
            400,
            f'The "rpm_component_ref_overrides" parameter must be {REFS}',
        ),
        (
            SCM | {"reuse_components_from": "a:b"},
            400,
            'The parameter "reuse_components_from" contains an invalid module identifier',
        ),
    ],
)
def test_a_refusal_has_its_status_and_message(data: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(Refused) as refused:
        read_request(data, "pat", STRICT)
    assert (refused.value.status, str(refused.value)) == (status, message)


def test_all_problems_are_told_at_once_and_the_gravest_decides() -> None:
    with pytest.raises(NotAuthorized) as refused:
        read_request({"colour": 1, "scratch": 1, "branch": 5}, "pat", STRICT)
    assert {problem.where for problem in refused.value.problems} == {None, "scratch", "branch", "scmurl"}


def test_a_strategy_must_be_one_of_those_allowed() -> None:
    settings = replace(STRICT, rebuild_strategy_allow_override=True, rebuild_strategies_allowed=("only-changed", "all"))
    assert read_request(SCM | {"rebuild_strategy": "all"}, "pat", settings).rebuild_strategy == "all"
    with pytest.raises(InvalidRequest, match=r'"none" is not allowed\. Choose from: all, only-changed'):
        read_request(SCM | {"rebuild_strategy": "none"}, "pat", settings)
    with pytest.raises(InvalidRequest, match='You cannot specify the parameter "reuse_components_from" when'):
        read_request(SCM | {"rebuild_strategy": "all", "reuse_components_from": 5}, "pat", settings)


def test_some_branches_take_scratch_builds_only() -> None:
    settings = replace(STRICT, scratch_build_only_branches=("^private-",), modules_allow_scratch=True)
    with pytest.raises(InvalidRequest, match="Only scratch module builds can be built from this"):
        read_request(SCM | {"branch": "private-1"}, "pat", settings)
    assert read_request(SCM | {"branch": "private-1", "scratch": "true"}, "pat", settings).scratch


def test_where_users_are_not_told_apart_the_owner_may_be_named() -> None:
    assert read_request(SCM | {"owner": "robin"}, "anonymous", STRICT, may_choose_owner=True).owner == "robin"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("branch", value) for value in ("-x", "a b", "a..b", "x.lock", "a\u202eb", "[x](//y)", "refs/*", "x" * 256)),
        *(("side_tag", value) for value in ("a b", "f40~side", "f40\n", "<b>", "{side_tag}", "f40;id", "x" * 257)),
        *(("owner", value) for value in ("a b", "robin\n", "<b>", "ro\u200bbin", "$(id)", "x" * 257)),
    ],
)
def test_a_name_that_nothing_can_have_is_refused(key: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match=f'^The "{key}" parameter is not the name of a') as caught:
        read_request(SCM | {key: value}, "pat", STRICT, may_choose_owner=True)
    ((problem),) = caught.value.problems
    assert problem.where == key
    assert len(problem.message) < 200
    assert problem.message.isprintable()


@pytest.mark.parametrize(
    ("key", "value"),
    [("branch", "private/robin/el8.1-fix+1"), ("side_tag", "f40-build-side-77"), ("owner", "mbs/host.org@EXAMPLE.ORG")],
)
def test_a_name_that_git_and_koji_could_have_is_taken(key: str, value: str) -> None:
    request = read_request(SCM | {key: value}, "pat", STRICT, may_choose_owner=True)
    assert getattr(request, key) == value


@pytest.mark.parametrize(
    ("key", "empty", "message"),
    [
        ("reuse_components_from", {}, INVALID_REUSE),
        ("reuse_components_from", [], INVALID_REUSE),
        ("reuse_components_from", "", INVALID_REUSE),
        ("reuse_components_from", False, INVALID_REUSE),
        (
            "rebuild_strategy",
            "",
            'The rebuild method of "" is not allowed. Choose from: changed-and-after, only-changed.',
        ),
        ("rebuild_strategy", {}, 'The "rebuild_strategy" parameter must be a string'),
        ("rpm_component_ref_overrides", [], f'The "rpm_component_ref_overrides" parameter must be {REFS}'),
        ("rpm_component_ref_overrides", "", f'The "rpm_component_ref_overrides" parameter must be {REFS}'),
        ("owner", "", "The request contains 'owner' parameter, however NO_AUTH is not allowed"),
        ("side_tag", [], 'The "side_tag" parameter must be a string'),
        ("branch", {}, 'The "branch" parameter must be a string'),
        ("scmurl", "", "Missing scmurl"),
        ("branch", "", "Missing branch"),
        ("colour", None, "The request contains invalid parameters: colour"),
    ],
)
def test_an_empty_value_of_the_wrong_type_is_refused_with_the_words_of_mbs(
    key: str, empty: object, message: str
) -> None:
    settings = replace(
        STRICT, rebuild_strategy_allow_override=True, rebuild_strategies_allowed=("only-changed", "changed-and-after")
    )
    with pytest.raises(Refused) as refused:
        read_request(SCM | {key: empty}, "pat", settings)
    assert message in [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize("empty", ["", b""])
def test_an_empty_document_is_a_document_and_refused_as_one(empty: str | bytes) -> None:
    with pytest.raises(Unprocessable, match="The input modulemd was empty") as refused:
        read_request({"modulemd": empty}, "pat", replace(STRICT, yaml_submit_allowed=True))
    assert "scmurl" not in str(refused.value)


@pytest.mark.parametrize("key", ["buildrequire_overrides", "require_overrides", "scratch", "srpms"])
@pytest.mark.parametrize("empty", [None, "", [], {}, False])
def test_what_mbs_ignores_where_it_is_empty_is_ignored(key: str, empty: object) -> None:
    assert read_request(SCM | {key: empty}, "pat", STRICT) == read_request(SCM, "pat", STRICT)


@given(
    st.dictionaries(
        st.sampled_from(sorted(FIELDS)),
        st.sampled_from(
            [None, "", [], {}, 0, False, True, 1.5, b"", "x", ["x"], {"x": "y"}, {"x": ["y"]}, {1: 2}, [[]]]
        ),
    )
)
def test_any_values_give_a_request_or_a_refusal(data: dict[str, Any]) -> None:
    with contextlib.suppress(Refused):
        read_request(data, "pat", replace(STRICT, yaml_submit_allowed=True, modules_allow_scratch=True))


def test_a_branch_that_is_typed_for_a_pasted_document_names_its_stream() -> None:
    settings = replace(STRICT, yaml_submit_allowed=True)
    assert read_request({"modulemd": "x", "branch": "rhel-8"}, "pat", settings).module_stream == "rhel_8"
    both = {"modulemd": "x", "branch": "rhel-8", "module_stream": "9"}
    assert read_request(both, "pat", settings).module_stream == "9"
    of_rpkg = read_request({"modulemd": "x", "branch": "rhel-8", "scmurl": SCM["scmurl"]}, "pat", settings)
    assert (of_rpkg.module_stream, of_rpkg.branch) == (None, "rhel-8"), "there the document's own stream counts first"


def test_a_request_has_what_the_table_of_fields_names() -> None:
    assert set(FIELDS) == {each.name for each in fields(Request)} - {"url"}
