from __future__ import annotations

import pytest

from mbs.model.document import PackagerV3
from mbs.model.errors import InvalidRequest
from mbs.modulemd.changes import Changes, apply
from mbs.modulemd.reader import read, read_stream
from mbs.modulemd.rules import scm_stream
from mbs.modulemd.submitted import from_scm, from_yaml
from mbs.settings import Settings

COMMITTED = 1704164645  # 2024-01-02T03:04:05Z
VERSION = 20240102030405
RULES = Settings().rules


def nameless(minimal: str) -> str:
    return minimal.replace("  name: foo\n", "").replace("  stream: f1\n", "")


def test_name_stream_and_version_come_from_the_repository(minimal: str) -> None:
    found = from_scm(read_stream(nameless(minimal)), repository="foo", branch="f1", committed=COMMITTED, rules=RULES)
    assert (found.name, found.stream, found.version) == ("foo", "f1", VERSION)
    assert read(found.text) == found


def test_every_stream_of_packager_v3_is_completed() -> None:
    text = (
        "document: modulemd-packager\nversion: 3\ndata:\n  summary: s\n  description: d\n  license: [MIT]\n"
        "  configurations: [{context: A, platform: f33}, {context: B, platform: f34}]\n"
    )
    found = from_scm(read(text), repository="foo", branch="f1", committed=COMMITTED, rules=RULES)
    assert isinstance(found, PackagerV3)
    assert [(each.name, each.stream, each.version, each.context) for each in found.streams] == [
        ("foo", "f1", VERSION, "A"),
        ("foo", "f1", VERSION, "B"),
    ]


def test_dashes_of_a_branch_become_underscores() -> None:
    assert scm_stream("rhel-8", RULES) == "rhel_8"
    assert scm_stream("rhel-8", Settings(allow_dashes_in_svc=True).rules) == "rhel-8"


def test_all_contradictions_to_the_repository_are_told(minimal: str) -> None:
    document = apply(read_stream(minimal), Changes(version=7, context="a-b"))
    with pytest.raises(InvalidRequest) as caught:
        from_scm(document, repository="bar", branch="f2", committed=COMMITTED, rules=RULES)
    assert str(caught.value).splitlines() == [
        'The name "foo" that is stored in the modulemd is not valid',
        'The stream "f1" that is stored in the modulemd does not match the stream determined by the branch "f2"',
        (
            'The version "7" is already defined in the modulemd but it shouldn\'t be since the version is generated '
            "based on the commit time"
        ),
        "Dashes not allowed in context",
    ]


def test_name_and_stream_may_differ_where_it_is_allowed(minimal: str) -> None:
    rules = Settings(allow_name_override_from_scm=True, allow_stream_override_from_scm=True).rules
    found = from_scm(read_stream(minimal), repository="bar", branch="f2", committed=COMMITTED, rules=rules)
    assert (found.name, found.stream) == ("foo", "f1")


def test_dashes_in_the_stream_are_refused_unless_allowed(minimal: str) -> None:
    document = apply(read_stream(minimal), Changes(stream="rhel-8"))
    with pytest.raises(InvalidRequest, match="Dashes are not allowed in the stream value"):
        from_scm(document, repository="foo", branch="rhel-8", committed=COMMITTED, rules=RULES)
    with pytest.raises(InvalidRequest, match="Dashes not allowed in stream"):
        from_yaml(document, module_name=None, module_stream=None, now=COMMITTED, rules=RULES)
    allowed = Settings(allow_dashes_in_svc=True).rules
    assert from_scm(document, repository="foo", branch="rhel-8", committed=0, rules=allowed).stream == "rhel-8"


@pytest.mark.parametrize("name", ["../../etc", "a b", "-x", "a/b", "a:b", "x" * 129])
def test_a_name_that_could_do_harm_elsewhere_is_refused(minimal: str, name: str) -> None:
    document = apply(read_stream(minimal), Changes(name=name))
    with pytest.raises(InvalidRequest, match=r"The name .* is not valid: use letters"):
        from_yaml(document, module_name=None, module_stream=None, now=COMMITTED, rules=RULES)


def test_a_pasted_document_takes_what_it_lacks_from_the_request(minimal: str) -> None:
    found = from_yaml(read(nameless(minimal)), module_name="baz", module_stream=None, now=COMMITTED, rules=RULES)
    assert (found.name, found.stream, found.version) == ("baz", "master", VERSION)  # type: ignore[union-attr]  # no v3


def test_the_stream_of_the_request_and_the_version_of_the_document_win(minimal: str) -> None:
    document = apply(read_stream(minimal), Changes(version=7))
    found = from_yaml(document, module_name="baz", module_stream="s2", now=COMMITTED, rules=RULES)
    assert (found.name, found.stream, found.version) == ("foo", "s2", 7)  # type: ignore[union-attr]  # no v3


def test_a_pasted_document_without_a_name_is_refused(minimal: str) -> None:
    with pytest.raises(InvalidRequest, match='Please use the "module_name" parameter'):
        from_yaml(read(nameless(minimal)), module_name=None, module_stream=None, now=COMMITTED, rules=RULES)
