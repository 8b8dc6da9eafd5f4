"""One list of rules: what a submission refuses is what `mbs validate` refuses, with the same words and lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mbs.model.document import Modulemd
from mbs.model.errors import Refused
from mbs.model.registered import MemoryProvider
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import imported
from mbs.planning.check import pasted
from mbs.planning.prepare import prepare
from mbs.planning.request import read_request
from mbs.scm.protocol import ModuleSource, Ref
from mbs.settings import Settings
from tests.mbs.planning.conftest import PLATFORM, FakeScm, plans_of

COMMIT = "a" * 40
HEAD = """\
document: modulemd
version: 2
data:
  name: app
  summary: A small module
  description: It shows one fault.
  license: {module: [MIT]}
  dependencies: [{buildrequires: {platform: [f28]}, requires: {platform: [f28]}}]
"""
LETTERS = "use letters, digits and . _ + -, with a letter or digit first, 128 characters at most"
EXPANSION = "is using stream expansion. Usage of stream expansion with static context is forbidden."
ORDERS = 'ordered either by "buildorder" or by "buildafter", with the modules that it includes.'
RPMS = "  components:\n    rpms:\n"
V3 = """\
document: modulemd-packager
version: 3
data:
  name: app
  summary: A small module
  description: It shows one fault.
  license: [MIT]
  configurations:
"""


def rpm(label: str, more: str = "") -> str:
    return f"      {label}: {{rationale: r., ref: {COMMIT}{more}}}\n"


def named(field: str) -> str:
    key = field.partition(":")[0]
    return "".join(f"  {field}\n" if line.startswith(f"  {key}:") else f"{line}\n" for line in HEAD.splitlines())


REFUSED = {
    "two labels of one package": (
        HEAD + RPMS + rpm("right", ", name: tool") + rpm("left", ", name: tool"),
        ["line 12: data.components.rpms.left is the package tool, and so is data.components.rpms.right"],
    ),
    "a label that is another's package": (
        HEAD + RPMS + rpm("tool") + rpm("zoo", ", name: tool"),
        ["line 12: data.components.rpms.zoo is the package tool, and so is data.components.rpms.tool"],
    ),
    "the service's own package": (
        HEAD + RPMS + rpm("alpha") + rpm("module-build-macros"),
        ["line 12: module-build-macros is the service's own package, a component cannot have this name"],
    ),
    "the service's own package under a label": (
        HEAD + RPMS + rpm("alpha", ", name: module-build-macros"),
        ["line 11: module-build-macros is the service's own package, a component cannot have this name"],
    ),
    "a package that Koji cannot have": (
        HEAD + RPMS + rpm("a~1") + rpm("b", ", name: b^2"),
        [
            f"line 11: 'a~1' is not a name that a package can have: {LETTERS}",
            f"line 12: 'b^2' is not a name that a package can have: {LETTERS}",
        ],
    ),
    "a tilde in the stream": (
        HEAD + '  stream: "1.0~rc1"\n' + RPMS + rpm("a"),
        [f'line 9: The stream "1.0~rc1" is not valid: {LETTERS}'],
    ),
    "a caret in the name": (
        named("name: app^2"),
        [f'line 4: The name "app^2" is not valid: {LETTERS}'],
    ),
    "a slash in a static context": (
        HEAD + "  context: a/b\n  static_context: true\n",
        ['line 9: The context "a/b" is not valid: use letters, digits and _, 13 characters at most'],
    ),
    "a tilde and a dash in the contexts of the options": (
        HEAD
        + "  xmd:\n    mbs_options:\n      contexts:\n"
        + "        a~b: {buildrequires: {platform: f28}, requires: {}}\n"
        + "        c-d: {buildrequires: {platform: f28}, requires: {}}\n",
        [
            'line 12: The context "a~b" is not valid: use letters, digits and _, 13 characters at most',
            "line 13: Dashes not allowed in context",
        ],
    ),
    "a dash in the stream": (HEAD + "  stream: el-8\n", ["line 9: Dashes not allowed in stream"]),
    "a circle": (
        HEAD + RPMS + rpm("a", ", buildafter: [b]") + rpm("b", ", buildafter: [a]"),
        ['line 11: The "buildafter" of components goes in a circle: a after b after a'],
    ),
    "an unknown label": (
        HEAD + RPMS + rpm("a") + rpm("b", ", buildafter: [c]"),
        ["line 12: \"buildafter\" of 'b' names what is no component of 'app': c"],
    ),
    "both orders": (
        HEAD + RPMS + rpm("a", ", buildorder: 1") + rpm("b", ", buildafter: [a]"),
        [(f'line 11: A module is {ORDERS} "buildorder" is used by a; "buildafter" by b')],
    ),
    "a ref that is an option": (
        HEAD + RPMS + rpm("a").replace(COMMIT, "--upload-pack=id"),
        ["line 11: '--upload-pack=id', the ref of 'a', is no name for a branch, tag or commit"],
    ),
    "repository and cache of one's own": (
        HEAD + RPMS + rpm("a", ", repository: 'https://x.org/a', cache: 'https://x.org/c'"),
        [
            "line 11: Custom component repositories aren't allowed.  'a' bears repository 'https://x.org/a'",
            "line 11: Custom component caches aren't allowed.  'a' bears cache 'https://x.org/c'",
        ],
    ),
    "an arch that the module lacks": (
        HEAD + RPMS + rpm("a", ", arches: [s390x]") + "  buildopts: {arches: [x86_64]}\n",
        ["line 11: The component 'a' is for s390x, which buildopts.arches lacks"],
    ),
    "names that no package has": (
        HEAD + "  buildopts: {rpms: {whitelist: [a b]}}\n  xmd: {mbs_options: {blocked_packages: [c/d]}}\n",
        [
            "line 9: data.buildopts.rpms.whitelist names what no package can be called: a b",
            "line 10: data.xmd.mbs_options.blocked_packages names what no package can be called: c/d",
        ],
    ),
    "a module that is included from nowhere": (
        HEAD + "  components:\n    modules:\n      stack: {rationale: r., ref: '..'}\n",
        ["line 11: '..', the ref of the included module 'stack', is no name for a ref"],
    ),
    "an exclusion in a configuration": (
        V3 + '  - {context: A, platform: "-f28"}\n  - {context: B, platform: f28, requires: {gtk: ["-1"]}}\n',
        [
            f"line 9: The '-f28' stream of module 'platform' in 'buildrequires' of the 'A' static contexts {EXPANSION}",
            f"line 10: The '-1' stream of module 'gtk' in 'requires' of the 'B' static contexts {EXPANSION}",
        ],
    ),
    "any stream in a configuration": (
        V3 + "  - {context: A, platform: f28, buildrequires: {gtk: []}}\n",
        ["line 9: data.configurations.0.buildrequires.gtk must name a single stream, it names 0"],
    ),
    "open streams in a static context": (
        HEAD.replace("platform: [f28]}, requires", "platform: [f28], gtk: [], qt: [-5]}, requires")
        + "  context: mine\n  static_context: true\n",
        [
            "line 8: The 'gtk' module in 'buildrequires' of the 'mine' static context has no stream defined.",
            f"line 8: The '-5' stream of module 'qt' in 'buildrequires' of the 'mine' static contexts {EXPANSION}",
        ],
    ),
    "names that are too long for the build in Koji": (
        named(f"name: {'n' * 120}") + f"  stream: {'s' * 120}\n",
        [
            (
                "line 9: Name, stream and context are 22 characters too long together: "
                "<name>-devel-<stream>-<version>.<context> names a build in Koji and can have 255"
            )
        ],
    ),
    "unknown and mistyped options": (
        HEAD + "  xmd:\n    mbs_options:\n      blocked_package: [a]\n      repo_include_all: maybe\n",
        [
            'line 11: data.xmd.mbs_options has no field "blocked_package", did you mean blocked_packages?',
            'line 12: data.xmd.mbs_options.repo_include_all must be true or false, it is "maybe"',
        ],
    ),
    "a license that is not said": (
        named("license: {module: }"),
        ["line 7: data.license.module is empty: name at least one"],
    ),
    "a build order that libmodulemd would cut": (
        HEAD + RPMS + rpm("a", ", buildorder: 4294967297"),
        [
            (
                "line 11: data.components.rpms.a.buildorder must be a number from -2147483648 to 2147483647, it is "
                '"4294967297"'
            )
        ],
    ),
}


def submitted(text: str, settings: Settings, provider: MemoryProvider) -> None:
    request = read_request({"modulemd": text, "module_name": "app"}, "pat", settings)
    prepare(request, provider, FakeScm(text), settings, now=0)


@pytest.mark.parametrize(("text", "lines"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_told_by_every_door_with_its_line(
    text: str, lines: list[str], provider: MemoryProvider, permissive: Settings
) -> None:
    with pytest.raises(Refused) as validated:
        pasted(text, permissive, module_name="app")
    assert str(validated.value).splitlines() == lines
    with pytest.raises(Refused) as refused:
        submitted(text, permissive, provider)
    assert (type(refused.value), str(refused.value)) == (type(validated.value), str(validated.value))


def test_what_only_dependencies_and_arches_tell_has_its_line_too(
    provider: MemoryProvider, permissive: Settings
) -> None:
    text = HEAD + RPMS + rpm("a", ", arches: [s390x]")
    pasted(text, permissive)
    with pytest.raises(Refused, match=r"^line 11: The component 'a' would be built for no arch"):
        submitted(text, replace(permissive, allow_arch_override=True), provider)
    with pytest.raises(Refused, match=r"^line 9: The following buildopts arches are not supported"):
        submitted(HEAD + "  buildopts: {arches: [s390x]}\n" + RPMS + rpm("a"), permissive, provider)


def test_a_label_is_waited_for_and_the_service_knows_the_package(
    provider: MemoryProvider, permissive: Settings
) -> None:
    text = HEAD + RPMS + rpm("stage1", ", name: tool") + rpm("user", ", buildafter: [stage1]")
    request = read_request(
        {"modulemd": text, "module_name": "app", "rpm_component_ref_overrides": {"tool": "main"}}, "pat", permissive
    )
    scm = FakeScm(text)
    (plan,) = plans_of(prepare(request, provider, scm, permissive, now=0))
    assert [(one.name, one.batch, one.after) for one in plan.components] == [("tool", 1, ()), ("user", 2, ("tool",))]
    assert plan.packages == ("tool", "user")
    assert [(ref.repository.rpartition("/")[2], ref.name) for ref in scm.resolved] == [
        ("tool", "main"),
        ("user", COMMIT),
    ]
    assert "      stage1:\n" in plan.modulemd
    assert "name: tool" in plan.modulemd


def test_an_override_that_names_a_label_is_told_the_package(provider: MemoryProvider, permissive: Settings) -> None:
    data = {"modulemd": HEAD + RPMS + rpm("stage1", ", name: tool"), "rpm_component_ref_overrides": {"stage1": "main"}}
    with pytest.raises(
        Refused, match=r"components that the module does not have: stage1; stage1 is the label of tool$"
    ):
        prepare(read_request(data, "pat", permissive), provider, FakeScm(""), permissive, now=0)


def test_labels_may_be_named_as_other_packages_are(permissive: Settings) -> None:
    swapped = HEAD + RPMS + rpm("a", ", name: b") + rpm("b", ", name: a, buildafter: [a]")
    document = pasted(swapped, permissive)
    assert isinstance(document, Modulemd)
    assert {one.name: one.buildafter for one in document.rpms} == {"b": (), "a": ("b",)}


@pytest.mark.parametrize("data", [{"branch": "1"}, {"branch": "9", "module_stream": "1"}])
def test_the_branch_that_is_typed_for_a_pasted_document_is_its_stream_unless_a_stream_is_typed(
    data: dict[str, Any], provider: MemoryProvider, permissive: Settings
) -> None:
    request = read_request({"modulemd": HEAD + RPMS + rpm("a"), **data}, "pat", permissive)
    (plan,) = plans_of(prepare(request, provider, FakeScm(""), permissive, now=0))
    assert (plan.nsvc.stream, plan.branch) == ("1", data["branch"])


def test_a_module_of_too_many_components_is_refused(permissive: Settings) -> None:
    settings = replace(permissive, max_components=2)
    two = HEAD + RPMS + rpm("a") + rpm("b")
    pasted(two, settings)
    with pytest.raises(
        Refused, match=r"^line 10: The module has 3 components; max_components, a setting of this service"
    ):
        pasted(two + rpm("c"), settings)


class Stacks(FakeScm):
    """One repository for every included module."""

    def __init__(self, text: str, documents: dict[str, str]) -> None:
        super().__init__(text)
        self.documents = documents

    def included(self, ref: Ref) -> ModuleSource:
        name = ref.repository.rpartition("/")[2]
        return ModuleSource(name, self.documents[name].encode(), COMMIT)


STACKED = HEAD + RPMS + rpm("a") + "    modules:\n      stack: {rationale: r., ref: main}\n"


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (
            HEAD + "  buildopts: {rpms: {macro: x}}\n",
            'line 9: data.buildopts.rpms has no field "macro", did you mean macros?',
        ),
        (HEAD + RPMS + rpm("b", ", buildordre: 1"), "line 11: data.components.rpms.b has no field"),
        (
            HEAD + RPMS + rpm("b", ", buildafter: [b]"),
            'line 11: The "buildafter" of components goes in a circle: b after b',
        ),
        (HEAD + RPMS + rpm("module-build-macros"), "line 11: module-build-macros is the service's own package"),
        (V3 + "  - {context: A, platform: f28}\n", "A modulemd-packager document of version 3 is not accepted here"),
    ],
)
def test_an_included_module_is_judged_by_the_same_rules_at_the_line_that_includes_it(
    stack: str, message: str, provider: MemoryProvider, permissive: Settings
) -> None:
    request = read_request({"modulemd": STACKED}, "pat", permissive)
    with pytest.raises(Refused) as refused:
        prepare(request, provider, Stacks(STACKED, {"stack": stack}), permissive, now=0)
    assert message in str(refused.value)
    assert str(refused.value).startswith("line 13: ")


def test_components_of_included_modules_count(provider: MemoryProvider, permissive: Settings) -> None:
    request = read_request({"modulemd": STACKED}, "pat", permissive)
    scm = Stacks(STACKED, {"stack": HEAD + RPMS + rpm("b") + rpm("c")})
    assert len(prepare(request, provider, scm, replace(permissive, max_components=3), now=0).builds) == 1
    with pytest.raises(Refused, match="The module has 3 components; max_components"):
        prepare(request, provider, scm, replace(permissive, max_components=2), now=0)


def test_a_platform_with_arches_that_are_none_is_told_at_submission(permissive: Settings) -> None:
    platform = PLATFORM.replace("[x86_64, aarch64]", "[x86_64, a/b]")
    provider = MemoryProvider([imported(read_stream(platform), ["platform"])])
    with pytest.raises(Refused, match='"a/b" is not the name of an arch'):
        submitted(HEAD + RPMS + rpm("a"), permissive, provider)
