"""Expansion against brute force: in small universes it finds all that works, and only what works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mbs.expansion.expand import expand
from mbs.expansion.result import ExpandedStream, Expansion
from mbs.expansion.streams import expand_section
from mbs.model.document import Dependencies, Modulemd
from mbs.model.errors import Unprocessable
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire, MemoryProvider, RegisteredModule
from mbs.model.versions import stream_version
from mbs.settings import Settings

NAMES, STREAMS, RELEASES = ("a", "b", "c"), ("1", "2"), ("f28", "f29")
UNLIMITED = Settings(max_builds=10_000).expansion

Universe = Sequence[RegisteredModule]
Installed = Mapping[str, RegisteredModule]

listed = st.sampled_from([(), ("1",), ("2",), ("1", "2"), ("-1",), ("3",)])
others = st.dictionaries(st.sampled_from(NAMES), listed, max_size=2)
releases = st.sampled_from([(), ("f28",), ("f29",), ("f28", "f29"), ("-f28",)])


@st.composite
def pairs_of_requires(draw: st.DrawFn) -> tuple[Dependencies, ...]:
    """One pair mostly, two sometimes; the platform is nearly always in it."""
    count = draw(st.sampled_from([1, 1, 1, 2]))
    return tuple(Dependencies(requires={**draw(others), "platform": draw(releases)}) for _ in range(count))


@st.composite
def universes(draw: st.DrawFn) -> Universe:
    """Two releases, and of each stream at most two contexts for each release."""
    modules = [registered(NSVC("platform", release, 0, "00000000"), (), release) for release in RELEASES]
    for name, stream, release in product(NAMES, STREAMS, RELEASES):
        for context in range(draw(st.sampled_from([0, 1, 1, 2]))):
            nsvc = NSVC(name, stream, int(release[1:]), f"{release}c{context}")
            modules.append(registered(nsvc, draw(pairs_of_requires()), release))
    return modules


documents = st.builds(
    lambda wanted, platform: Modulemd(
        name="app", stream="1", dependencies=(Dependencies({"platform": platform, **wanted}, {}),)
    ),
    st.dictionaries(st.sampled_from(NAMES), listed, max_size=3),
    st.sampled_from([(), ("f28",), ("f29",), ("f28", "f29")]),
)


def registered(nsvc: NSVC, pairs: tuple[Dependencies, ...], release: str) -> RegisteredModule:
    base = nsvc.name == "platform"
    return RegisteredModule(
        nsvc=nsvc,
        document=Modulemd(name=nsvc.name, stream=nsvc.stream, dependencies=pairs),
        stream_version=stream_version(nsvc.stream) if base else None,
        buildrequires={} if base else {"platform": BuildRequire("platform", release, 0, "00000000")},
    )


def accepts(streams: Sequence[str], stream: str) -> bool:
    named = [one for one in streams if not one.startswith("-")]
    return stream in named if named else f"-{stream}" not in streams


def works(installed: Installed) -> bool:
    """Whether everything in it has what it requires."""
    return all(
        not module.document.dependencies
        or any(
            all(name in installed and accepts(streams, installed[name].nsvc.stream) for name, streams in one.items())
            for one in (pair.requires for pair in module.document.dependencies)
        )
        for module in installed.values()
    )


def everything_that_works(universe: Universe) -> Iterator[Installed]:
    """Every set of modules, one build of a name at most, that works."""
    by_name = {name: [one for one in universe if one.nsvc.name == name] for name in ("platform", *NAMES)}
    for count in range(1, len(by_name) + 1):
        for names in combinations(by_name, count):
            for builds in product(*(by_name[name] for name in names)):
                installed = dict(zip(names, builds, strict=True))
                if works(installed):
                    yield installed


def combinations_that_work(document: Modulemd, universe: Universe) -> set[frozenset[tuple[str, str]]]:
    """The combinations of streams of what the document is built against, for which some set works."""
    wanted = document.dependencies[0].buildrequires
    asked = {stream for stream in RELEASES if accepts(wanted["platform"], stream)}
    known = [one for one in universe if one.nsvc.name == "platform" or one.buildrequires["platform"].stream in asked]
    return {
        frozenset((name, installed[name].nsvc.stream) for name in wanted)
        for installed in everything_that_works(known)
        if all(name in installed and accepts(streams, installed[name].nsvc.stream) for name, streams in wanted.items())
        and installed["platform"].nsvc.stream in asked
    }


def answer(document: Modulemd, universe: Universe) -> Expansion | Unprocessable:
    try:
        return expand(document, MemoryProvider(universe), UNLIMITED)
    except Unprocessable as refused:
        return refused


def results(document: Modulemd, universe: Universe) -> tuple[ExpandedStream, ...]:
    given_back = answer(document, universe)
    return () if isinstance(given_back, Unprocessable) else given_back.results


@settings(max_examples=150, deadline=None)
@given(documents, universes())
def test_it_finds_every_combination_of_streams_that_works_once(document: Modulemd, universe: Universe) -> None:
    wanted = document.dependencies[0].buildrequires
    found = [
        frozenset((name, result.buildrequires[name].nsvc.stream) for name in wanted)
        for result in results(document, universe)
    ]
    assert len(found) == len(set(found))
    assert set(found) == combinations_that_work(document, universe)


@settings(max_examples=150, deadline=None)
@given(documents, universes())
def test_every_result_works_and_holds_nothing_that_nobody_requires(document: Modulemd, universe: Universe) -> None:
    wanted = document.dependencies[0].buildrequires
    for result in results(document, universe):
        assert works(result.buildrequires)
        assert set(result.buildrequires) == reachable(wanted, result.buildrequires)


def reachable(wanted: Mapping[str, Any], installed: Installed) -> set[str]:
    """The names that are wanted, and all names that occur in their requires, and so on."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found and name in installed:
            found.add(name)
            waiting += [other for pair in installed[name].document.dependencies for other in pair.requires]
    return found


@settings(max_examples=100, deadline=None)
@given(documents, universes())
def test_what_is_not_built_is_accounted_for(document: Modulemd, universe: Universe) -> None:
    """Every combination is either a result or contains one that is told to be impossible."""
    expansion = answer(document, universe)
    if isinstance(expansion, Unprocessable):
        assert len(expansion.problems) > 1
        return
    built = [{name: one.nsvc.stream for name, one in result.buildrequires.items()} for result in expansion.results]
    axes = expand_section(document.dependencies[0].buildrequires, MemoryProvider(universe), UNLIMITED)
    for streams in product(*axes.values()):
        combination = dict(zip(axes, streams, strict=True))
        was_built = any(combination.items() <= result.items() for result in built)
        was_told = any(one.combination.items() <= combination.items() for one in expansion.unsatisfied)
        assert was_built != was_told
