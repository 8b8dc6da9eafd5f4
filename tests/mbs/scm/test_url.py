"""SCM URLs: what is accepted, and that no prefix can be talked around."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.errors import InvalidRequest, NotAuthorized, Refused, Unprocessable
from mbs.scm.url import ScmRules, is_ref, repository_url, submitted_url

RULES = ScmRules(prefixes=("https://src.example.org/modules/",))


@pytest.mark.parametrize(
    ("text", "repository", "name", "path", "revision"),
    [
        ("https://src.example.org/modules/perl.git?#68932c9", "perl.git", "perl", "perl.yaml", "68932c9"),
        ("git+https://src.example.org/modules/perl/?#main", "perl", "perl", "perl.yaml", "main"),
        ("https://SRC.example.org/modules/perl#1.2", "perl", "perl", "perl.yaml", "1.2"),
        ("https://src.example.org/modules/perl?el8/sub#abc", "perl", "perl", "el8/sub/perl.yaml", "abc"),
    ],
)
def test_a_well_formed_url_below_a_prefix_is_read(
    text: str, repository: str, name: str, path: str, revision: str
) -> None:
    url = submitted_url(text, RULES)
    assert url.repository == f"https://src.example.org/modules/{repository}"
    assert (url.name, url.modulemd_path, url.revision) == (name, path, revision)


@pytest.mark.parametrize(
    "text",
    [
        "git://badurl.com",
        "https://src.example.org.evil.com/modules/perl?#abc",
        "https://src.example.org/modules-evil/perl?#abc",
        "https://src.example.org@evil.com/modules/perl?#abc",
        "https://user:secret@src.example.org/modules/perl?#abc",
        "https://src.example.org:8443/modules/perl?#abc",
        "https://src.example.org/modules/../rpms/perl?#abc",
        "https://src.example.org/modules/./perl?#abc",
        "https://src.example.org/modules/%2e%2e/rpms/perl?#abc",
        "https://src.example.org/modules//perl?#abc",
        "https://src.example.org/modules\\perl?#abc",
        "https://src.example.org/modules/perl\n?#abc",
        "https://src.example.org/modules/--upload-pack=x?#abc",
        "http://src.example.org/modules/perl?#abc",
        "ext::sh -c 'id'?#abc",
        "file:///modules/perl?#abc",
        "ssh://src.example.org/modules/perl?#abc",
        "/modules/perl?#abc",
        "-uid?#abc",
        f"https://src.example.org/modules/{'x' * 3000}?#abc",
        "",
    ],
)
def test_what_is_not_below_a_prefix_is_not_allowed(text: str) -> None:
    with pytest.raises(NotAuthorized, match=r"^The submitted scmurl .* is not allowed$") as caught:
        submitted_url(text, RULES)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "https://src.example.org/modules/perl",
        "https://src.example.org/modules/perl?#",
        "https://src.example.org/modules/perl?#--upload-pack=id",
        "https://src.example.org/modules/perl?#a..b",
        "https://src.example.org/modules/perl?#a b",
        "https://src.example.org/modules/perl?../x#abc",
        "https://src.example.org/modules/perl?:x#abc",
    ],
)
def test_a_malformed_url_below_a_prefix_is_told_the_format(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"Expected format is '<url>\?\[module-path\]#\[revision\]'"):
        submitted_url(text, RULES)


def test_a_prefix_without_trailing_slash_ends_at_a_segment_too() -> None:
    rules = ScmRules(prefixes=("https://src.example.org/modules",))
    assert submitted_url("https://src.example.org/modules/perl#a", rules).name == "perl"
    with pytest.raises(NotAuthorized):
        submitted_url("https://src.example.org/modules2/perl#a", rules)


def test_a_local_url_needs_the_permission_besides_the_prefix() -> None:
    url = "file:///srv/modules/perl?#main"
    with pytest.raises(NotAuthorized):
        submitted_url(url, ScmRules(prefixes=("file:///srv",)))
    with pytest.raises(NotAuthorized):
        submitted_url(url, ScmRules(allow_custom=True))
    assert (
        submitted_url(url, ScmRules(prefixes=("file://",), allow_local=True)).repository == "file:///srv/modules/perl"
    )


def test_custom_urls_may_be_anywhere_but_must_be_well_formed() -> None:
    rules = ScmRules(prefixes=(), allow_custom=True)
    assert submitted_url("git://[::1]:9418/x#main", rules).repository == "git://[::1]:9418/x"
    with pytest.raises(InvalidRequest):
        submitted_url("ext::sh -c 'id'#abc", rules)


def test_the_repository_of_a_component_is_checked_in_the_same_way() -> None:
    assert repository_url("git+https://example.org/rpms/perl/") == "https://example.org/rpms/perl"
    for text in ("ext::sh -c id", "--upload-pack=x", "/etc", "https://a@b/c", "https://example.org", "https://x/\x1b"):
        with pytest.raises(Unprocessable, match="is not a URL that can be used"):
            repository_url(text)


@given(st.text())
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        url = submitted_url(text, ScmRules(allow_custom=True))
    except Refused:
        return
    assert url.repository.startswith(("git://", "http://", "https://"))


@pytest.mark.parametrize("ref", ["f28", "private/x-1", "v1.0+b", "stream-rhel-8.1.0", "68932c9", "a@b"])
def test_names_of_git_are_refs(ref: str) -> None:
    assert is_ref(ref)


@pytest.mark.parametrize(
    "ref", ["", "-x", "a b", "a..b", "a@{1}", "a^{tree}", "x.lock", "a//b", "/a", "a/", "a:b", "\ud800", "x" * 256]
)
def test_what_git_would_take_for_something_else_is_no_ref(ref: str) -> None:
    assert not is_ref(ref)
