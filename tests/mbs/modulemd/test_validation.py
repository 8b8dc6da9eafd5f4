from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mbs.model.document import Modulemd, PackagerV3
from mbs.model.errors import Finding, InvalidModulemd, InvalidRequest, NotAuthorized, Refused, Unprocessable
from mbs.modulemd.guard import MANY_DOCUMENTS, scan
from mbs.modulemd.rules import Rules, identity_problems
from mbs.modulemd.structure import structural_problems
from mbs.modulemd.submitted import scm_problems
from mbs.modulemd.validation import validate
from mbs.settings import Settings

RULES = Settings().rules
ON_PLATFORM = "  dependencies:\n  - buildrequires: {platform: [f28]}\n"
V3 = """\
document: modulemd-packager
version: 3
data:
  summary: A module
  description: Of the tests
  license: [MIT]
  configurations:
  - {context: CTX1, platform: f33}
"""


def refused(text: str, rules: Rules = RULES, name: str | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        validate(text, rules, name=name)
    return caught.value


def told(text: str, rules: Rules = RULES) -> list[str]:
    return str(refused(text, rules)).splitlines()


def test_a_sound_document_is_read(minimal: str) -> None:
    document = validate(minimal + ON_PLATFORM, RULES)
    assert not isinstance(document, PackagerV3)
    assert document.name == "foo"
    assert isinstance(validate(V3, RULES), PackagerV3)


def test_all_structural_problems_are_told_with_their_lines(minimal: str) -> None:
    text = minimal.replace("  summary: A module\n", "") + (
        "  components:\n"
        "    rpms:\n"
        "      bar: {rationale: x, build_order: 1}\n"
        "      baz: {rationale: x, buildorder: first}\n"
        "      baz: {rationale: x, buildonly: yes}\n"
        "      --bad: {rationale: x}\n"
        "  dependencies: {platform: f28}\n"
        "  zork: 1\n"
    )
    assert told(text) == [
        "line 4: data lacks summary",
        'line 11: data.components.rpms.bar has no field "build_order", did you mean buildorder?',
        'line 12: data.components.rpms.baz.buildorder must be a number, it is "first"',
        'line 13: data.components.rpms has "baz" twice, first in line 12',
        'line 13: data.components.rpms.baz.buildonly must be true or false, it is "yes"',
        ('line 14: data.components.rpms.--bad must be a package name (letters, digits and . _ + ~ ^ -), it is "--bad"'),
        "line 15: data.dependencies must be a list, it is a mapping",
        (
            'line 16: data has no field "zork"; known are api, arch, artifacts, buildopts, components, context, '
            "demodularized, dependencies, description, filter, license, name, profiles, references, servicelevels, "
            "static_context, stream, summary, version, xmd"
        ),
    ]
    assert isinstance(refused(text), InvalidModulemd)


def test_what_only_libmodulemd_knows_is_told_too(minimal: str) -> None:
    text = (
        minimal
        + ON_PLATFORM
        + ("  components: {rpms: {a: {rationale: x, buildorder: 1}, b: {rationale: y, buildafter: [a]}}}\n")
    )
    assert told(text) == [
        (
            "The modulemd is invalid. The error was: 'Could not validate stream to emit: Cannot mix buildorder and "
            "buildafter in the same stream'. Please verify the syntax is correct."
        )
    ]


def test_the_name_of_another_modules_twin_is_refused_while_twins_are_made(minimal: str) -> None:
    text = minimal.replace("name: foo", "name: foo-devel") + ON_PLATFORM
    [problem] = told(text)
    assert problem.startswith(
        'line 4: You cannot build a module named "foo-devel": that is the name of what is published'
    )
    assert (
        refused(minimal.replace("  name: foo\n", "") + ON_PLATFORM, name="foo-devel").problems[0].where == "data.name"
    )
    validate(text, Settings(koji_cg_devel_module=False).rules)


def test_problems_of_structure_and_rules_come_together_as_the_gravest(minimal: str) -> None:
    text = minimal.replace("name: foo", "name: platform") + (
        "  xmd: {mbs: {mse: TRUE}}\n"
        "  zork: 1\n"
        "  components:\n"
        "    modules:\n"
        "      inc: {rationale: x, repository: 'https://example.org/inc'}\n"
    )
    assert told(text)[1] == 'line 4: You cannot build a module named "platform" since it is a base module'
    assert 'line 10: The "mbs" xmd field is reserved for MBS' in told(text)
    assert (
        "line 14: Custom module repositories aren't allowed.  'inc' bears repository 'https://example.org/inc'"
    ) in told(text)
    assert any(line.startswith('line 11: data has no field "zork"') for line in told(text))
    assert told(text)[0] == (
        "line 3: None of the base module (platform) streams in the buildrequires section could be found."
    )
    assert isinstance(refused(text), Unprocessable)


CUSTOM = "    modules: {inc: {rationale: x, repository: 'https://example.org/inc'}}\n"
MIXED_ORDER = "    rpms: {a: {rationale: x, buildorder: 1}, b: {rationale: y, buildafter: [a]}}\n"


def test_rules_are_told_of_a_document_that_libmodulemd_refuses(minimal: str) -> None:
    text = minimal.replace("name: foo", "name: platform") + "  xmd: {mbs: {}}\n  components:\n" + MIXED_ORDER + CUSTOM
    first, *rest = told(text)
    assert "Cannot mix buildorder and buildafter" in first
    assert rest == [
        "line 3: None of the base module (platform) streams in the buildrequires section could be found.",
        'line 4: You cannot build a module named "platform" since it is a base module',
        'line 10: The "mbs" xmd field is reserved for MBS',
        "line 13: Custom module repositories aren't allowed.  'inc' bears repository 'https://example.org/inc'",
    ]


def test_what_the_caller_knows_is_told_of_a_document_that_libmodulemd_refuses(minimal: str) -> None:
    text = minimal.replace("summary: A module", "summary: [A, module]") + ON_PLATFORM
    with pytest.raises(InvalidModulemd) as caught:
        validate(text, RULES, also=lambda one: scm_problems(one, repository="bar", branch="f1", rules=RULES))
    assert [problem.where for problem in caught.value.problems] == ["data.name", "data.summary"]


@pytest.mark.parametrize(
    ("broken", "only"),
    [
        ("  dependencies: {platform: f28}\n", "line 10: data.dependencies must be a list, it is a mapping"),
        (
            "  dependencies:\n  - buildrequires: [perl]\n",
            "line 11: data.dependencies.0.buildrequires must be a mapping",
        ),
        (ON_PLATFORM + "  xmd: [mbs]\n", "line 12: data.xmd must be a mapping, it is a list"),
    ],
)
def test_a_place_that_cannot_be_read_is_told_once(minimal: str, broken: str, only: str) -> None:
    (line,) = told(minimal + broken)
    assert line.startswith(only)


def test_static_contexts_are_judged_in_a_document_that_libmodulemd_refuses(minimal: str) -> None:
    options = "  xmd: {mbs_options: {contexts: {a: {buildrequires: {platform: -f28}, requires: {}}}}}\n"
    structural, context = told(minimal + "  profiles: many\n" + options)
    assert structural == "line 10: data.profiles must be a mapping, it is text"
    assert context.startswith("line 11: The '-f28' stream of module 'platform' in 'buildrequires' of the 'a' static")
    alone = "  xmd: {mbs_options: {contexts: {a: {buildrequires: {perl: f28}, requires: {}}}}}\n"
    assert "None of the base module" in told(minimal + "  profiles: many\n" + alone)[0]


@pytest.mark.parametrize("platform", ["platform: f33", "buildrequires: {platform: f33}"])
def test_configurations_are_judged_in_a_document_that_libmodulemd_refuses(platform: str) -> None:
    text = V3.replace("platform: f33", platform) + "  profiles: many\n  xmd: {mbs: {}}\n"
    assert 'line 10: The "mbs" xmd field is reserved for MBS' in told(text)
    assert "None of the base module" not in str(refused(text))


def test_each_rule_alone_has_the_status_of_mbs(minimal: str) -> None:
    sound = minimal + ON_PLATFORM
    custom = "  components: {modules: {inc: {rationale: x, repository: 'https://example.org/inc'}}}\n"
    assert type(refused(sound + "  xmd: {mbs: {}}\n")) is InvalidRequest
    assert type(refused(sound + custom)) is NotAuthorized
    assert type(refused(minimal)) is Unprocessable
    validate(sound + custom, Settings(modules_allow_repository=True).rules)


def test_the_name_of_the_repository_counts_where_the_document_has_none(minimal: str) -> None:
    text = minimal.replace("  name: foo\n", "") + ON_PLATFORM
    assert "base module" in str(refused(text, name="platform"))
    validate(text, RULES, name="foo")


def test_contradictions_to_the_repository_are_told_with_the_rest_and_once(minimal: str) -> None:
    text = minimal.replace("foo", "fo/o") + ON_PLATFORM + "  zork: 1\n"

    def judge(document: Modulemd | PackagerV3) -> Iterator[Finding]:
        yield from scm_problems(document, repository="foo", branch="f2", rules=RULES)
        yield from identity_problems(name="fo/o")

    with pytest.raises(Unprocessable) as caught:
        validate(text, RULES, also=judge)
    assert [(problem.where, problem.line) for problem in caught.value.problems] == [
        ("data.name", 4),
        ("data.name", 4),
        ("data.stream", 5),
        ("data.zork", 12),
    ]


@pytest.mark.parametrize(
    ("mbs", "allowed"),
    [("{disttag_marking: f28}", True), ("{koji_tag_arches: [x86_64]}", True), ("{koji_tag: t}", False), ("t", False)],
)
def test_a_privileged_module_may_set_its_marking_and_arches(minimal: str, mbs: str, allowed: bool) -> None:
    text = minimal + ON_PLATFORM + f"  xmd: {{mbs: {mbs}}}\n"
    rules = Settings(allowed_privileged_module_names=("foo",)).rules
    if allowed:
        validate(text, rules)
    else:
        assert told(text, rules) == ['line 12: The "mbs" xmd field is reserved for MBS']


def test_problems_of_static_contexts_are_told_with_their_lines(minimal: str) -> None:
    text = minimal + (
        "  xmd:\n    mbs_options:\n      contexts:\n        a:\n          buildrequires:\n            platform: [f28]\n"
    )
    assert told(text) == [
        "line 13: The context 'a' is missing the 'requires' key!",
        (
            "line 15: The module 'platform' in 'buildrequires' of the 'a' static context is of type 'list' should be "
            "'str' type."
        ),
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("  - {context: too-long-and-dashed, platform: f33}\n", "must be one to ten letters and digits"),
        ("  - {context: CTX2}\n", "line 9: data.configurations.1 lacks platform"),
        ("  - {context: CTX2, platform: f33, requires: {a: [b, c]}}\n", "must name a single stream, it names 2"),
        ("  - {context: CTX1, platform: f34}\n", "Duplicate context"),
        ("  version: 7\n", 'data has no field "version"'),
    ],
)
def test_packager_v3_is_checked(more: str, message: str) -> None:
    assert message in str(refused(V3 + more))


@pytest.mark.parametrize("text", ["just text", "- a\n- list\n", "document: modulemd\nversion: 9\ndata: {}\n"])
def test_another_kind_of_document_is_refused(text: str) -> None:
    assert "The document is of no known kind and version" in str(refused(text))


def test_the_structure_of_every_module_of_fedora_29_is_known(fedora_29: str) -> None:
    for part in scan(fedora_29, MANY_DOCUMENTS):
        if part.kind == "modulemd":
            root = yaml.compose(part.text, Loader=yaml.CSafeLoader)
            assert root is not None
            assert list(structural_problems(root)) == []


FRAGMENTS = st.sampled_from(
    [
        "data:",
        "  xmd: {mbs_options: {contexts: ",
        "}",
        "[",
        "]",
        "  name: foo",
        "\n",
        "version: 2\n",
        "- ",
        "a: ",
        "&a",
        "*a",
        "document: modulemd\n",
        "TRUE",
        "document: modulemd-packager\nversion: 3\n",
        "  configurations:\n",
        "\x85",
        "''",
    ]
)


@settings(max_examples=300)
@given(st.lists(FRAGMENTS, max_size=25).map("".join) | st.text(max_size=100))
def test_validating_anything_gives_a_document_or_a_refusal(text: str) -> None:
    with contextlib.suppress(Refused):
        validate(text, RULES)


@given(st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=25).map(lambda fragments: "".join(fragments).encode()))
def test_validating_any_bytes_gives_a_document_or_a_refusal(text: bytes) -> None:
    with contextlib.suppress(Refused):
        validate(text, RULES)


@settings(max_examples=200)
@given(st.integers(0, 400), st.integers(0, 30), st.text(alphabet="-?:[]{}&*!|>'\"%#a1 \n", max_size=12))
def test_validating_a_damaged_document_gives_a_document_or_a_refusal(start: int, cut: int, insert: str) -> None:
    text = V3 + "  components: {rpms: {bar: {rationale: x}}}\n  xmd: {a: [b]}\n"
    with contextlib.suppress(Refused):
        validate(text[:start] + insert + text[start + cut :], RULES)
