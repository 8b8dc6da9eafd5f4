from __future__ import annotations

from mbs.model.contexts import build_context, contexts, runtime_context
from mbs.model.document import Dependencies

PLATFORM = {"platform": "f28"}


def pair(**requires: tuple[str, ...]) -> Dependencies:
    return Dependencies(requires=requires)


def test_the_contexts_of_a_module_on_f28_are_those_of_mbs() -> None:
    found = contexts(PLATFORM, [pair(platform=("f28",))], ["platform"])
    assert found.build_context == "f4bfd8304625d3f2835a5176ee910f50e86cc201"
    assert found.build_context_no_bms == "bf21a9e8fbc5a3846fb05b4fa0859e0917b2202f"
    assert found.runtime_context == "3a484dfa1afb31e4a0df5d6bce64aa4cce13cab9"
    assert found.context == "9c690d0e"


def test_every_buildrequired_stream_counts() -> None:
    assert build_context({"platform": "f28", "gtk": "1"}) == "ea432acebd83f89698537294e1c5e7e9a167c397"


def test_each_stream_of_a_buildrequire_gives_its_own_context() -> None:
    runtime = [pair(gtk=("1",))], [pair(gtk=("2",))]
    found = {contexts(PLATFORM | {"gtk": g}, deps, ["platform"]).context for g, deps in zip("12", runtime, strict=True)}
    assert found == {"e1e005fb", "ce132a1e"}


def test_the_contexts_of_a_module_with_many_requires_are_those_of_mbs() -> None:
    built_with = {"zebra": "2.0", "base-runtime": "f28", "fluffy": "foo"}
    requires = {"fidget": ("spinner",), "base-runtime": ("master",), "silly": ("puddy",), "glass": ("water",)}
    found = contexts(built_with, [Dependencies(requires=requires)], ["platform"])
    assert found.build_context == found.build_context_no_bms == "089df24993c037e10174f3fa7342ab4dc191a4d4"
    assert found.runtime_context == "bbc84c7b817ab3dd54916c0bcd6c6bdf512f7f9c"
    assert found.context == "3ee22b28"


def test_runtime_streams_are_united_over_the_pairs_in_any_order() -> None:
    assert runtime_context([pair(gtk=("2",)), pair(gtk=("1", "2"))]) == runtime_context([pair(gtk=("1", "2"))])
    assert runtime_context([pair(gtk=())]) != runtime_context([])


def test_a_static_context_keeps_the_hashes() -> None:
    static = contexts(PLATFORM, [pair(platform=("f28",))], ["platform"], static_context="CTX1")
    assert static.context == "CTX1"
    assert static.build_context == "f4bfd8304625d3f2835a5176ee910f50e86cc201"
