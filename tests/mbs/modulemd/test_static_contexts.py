from __future__ import annotations

import pytest

from mbs.model.document import Dependencies, Modulemd
from mbs.model.errors import InvalidRequest
from mbs.modulemd.changes import Changes, apply
from mbs.modulemd.reader import read, read_stream
from mbs.modulemd.static_contexts import InputStream, input_streams

V3 = """\
document: modulemd-packager
version: 3
data:
  name: foo
  stream: latest
  summary: A module
  description: Of the tests
  license: [MIT]
  configurations:
  - {context: A1, platform: f33, buildrequires: {app: [v1]}}
  - {context: B2, platform: f34}
"""

TWO_CONTEXTS = """\
  xmd:
    mbs_options:
      blocked_packages: [gcc]
      contexts:
        ctx2: {buildrequires: {platform: f29}, requires: {platform: f29, gtk: "2"}}
        ctx1: {buildrequires: {platform: f28}, requires: {}}
"""


def with_options(minimal: str, options: object) -> Modulemd:
    return apply(read_stream(minimal), Changes(xmd={"mbs_options": options}))


def test_a_plain_document_is_its_only_stream(minimal: str) -> None:
    document = read_stream(minimal)
    assert input_streams(document) == (InputStream(document, static=False),)


def test_each_configuration_of_packager_v3_is_static() -> None:
    found = input_streams(read(V3))
    assert [(each.document.context, each.static) for each in found] == [("A1", True), ("B2", True)]
    assert found[0].document.dependencies[0].buildrequires == {"app": ("v1",), "platform": ("f33",)}


def test_a_static_document_keeps_its_context(minimal: str) -> None:
    document = apply(read_stream(minimal), Changes(context="mine", static_context=True))
    assert input_streams(document) == (InputStream(document, static=True),)


def test_a_rebuilt_static_document_is_static(minimal: str) -> None:
    document = apply(read_stream(minimal), Changes(context="mine", xmd={"mbs": {"static_context": True}}))
    assert input_streams(document) == (InputStream(document, static=True),)


def test_static_without_a_context_is_refused(minimal: str) -> None:
    with pytest.raises(InvalidRequest, match="has none"):
        input_streams(apply(read_stream(minimal), Changes(static_context=True)))


def test_each_context_of_the_options_has_its_own_dependencies(minimal: str) -> None:
    first, second = input_streams(read(minimal + TWO_CONTEXTS))
    assert (first.document.context, second.document.context) == ("ctx1", "ctx2")
    assert first.static
    assert second.static
    assert first.document.dependencies == (Dependencies({"platform": ("f28",)}, {}),)
    assert second.document.dependencies == (
        Dependencies({"platform": ("f29",)}, {"gtk": ("2",), "platform": ("f29",)}),
    )
    assert first.document.xmd == {"mbs_options": {"blocked_packages": ["gcc"]}}
    assert read(first.document.text) == first.document


def test_options_that_held_only_contexts_are_gone(minimal: str) -> None:
    document = with_options(minimal, {"contexts": {"c": {"buildrequires": {}, "requires": {}}}})
    assert input_streams(document)[0].document.xmd == {}


@pytest.mark.parametrize("contexts", ["text", ["a"], {}, True])
def test_contexts_must_be_a_mapping(minimal: str, contexts: object) -> None:
    with pytest.raises(InvalidRequest, match="needs to be a dict"):
        input_streams(with_options(minimal, {"contexts": contexts}))


def test_all_problems_of_the_contexts_are_told_at_once(minimal: str) -> None:
    contexts = {
        "a": {"buildrequires": {"platform": "", "gtk": ["1"], "qt": "-5"}},
        "b:c": {"requires": {}, "buildrequires": "platform"},
    }
    with pytest.raises(InvalidRequest) as caught:
        input_streams(with_options(minimal, {"contexts": contexts}))
    assert sorted(str(caught.value).splitlines()) == [
        (
            "The '-5' stream of module 'qt' in 'buildrequires' of the 'a' static contexts is using stream expansion. "
            "Usage of stream expansion with static context is forbidden."
        ),
        "The 'buildrequires' of the 'b:c' static context needs to be a dict.",
        "The 'platform' module in 'buildrequires' of the 'a' static context has no stream defined.",
        'The context "b:c" is not valid: use letters, digits and _, 13 characters at most',
        "The context 'a' is missing the 'requires' key!",
        "The module 'gtk' in 'buildrequires' of the 'a' static context is of type 'list' should be 'str' type.",
    ]
