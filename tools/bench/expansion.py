"""Expanding streams: from one document to all of its module builds, against registered modules held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import solv

from mbs.expansion.expand import expand
from mbs.model.document import Dependencies, Modulemd
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire, MemoryProvider, RegisteredModule
from mbs.model.versions import stream_version
from mbs.settings import Settings
from tools.bench.figures import Figure, loop_seconds, seconds

UNLIMITED = Settings(max_builds=1_000_000, max_combinations=1_000_000).expansion


@dataclass(frozen=True, slots=True)
class Scene:
    """Equal modules on equal platforms, and a document that is built against all of them."""

    modules: int
    streams: int
    platforms: int = 1
    contexts: int = 1
    depth: int = 0
    """Length of the chain of requires below the modules, which they share."""

    @property
    def results(self) -> int:
        """How many builds the document becomes."""
        return self.platforms * int(self.streams**self.modules)

    def __str__(self) -> str:
        """Say how large it is."""
        more = [f"{self.contexts} contexts each"] * (self.contexts > 1) + [f"a chain of {self.depth}"] * (
            self.depth > 0
        )
        size = f"{self.modules} x {self.streams} streams, {self.platforms} platform{'s' * (self.platforms > 1)}"
        return f"{', '.join([size, *more])}: {self.results:,} builds"


def run() -> Iterator[Figure]:
    """Measure the two targets, then how the time grows with builds, with contexts that go unused, with requires."""
    yield _against_loop(Scene(4, 6), target=2.0)
    yield _against_loop(Scene(2, 6, platforms=2), target=0.15)
    for streams in (2, 4, 6, 8):
        yield _against_libsolv(Scene(4, streams))
    for contexts in (4, 16):
        yield _against_loop(Scene(2, 6, contexts=contexts))
    for depth in (20, 40):
        yield _against_loop(Scene(2, 6, depth=depth))


def _against_loop(scene: Scene, *, target: float | None = None) -> Figure:
    value, loop = _expand_seconds(scene), loop_seconds()
    return Figure(
        name=str(scene),
        value=value * 1000,
        unit="ms",
        ratio=value / loop,
        against="a loop of a million additions",
        target=None if target is None else f"< {target:g} s",
        held=None if target is None else value < target,
    )


def _against_libsolv(scene: Scene) -> Figure:
    value, plain = _expand_seconds(scene), _libsolv_seconds(scene)
    return Figure(f"{scene}, each", value / scene.results * 1e6, "us", value / plain, "libsolv alone")


def _expand_seconds(scene: Scene) -> float:
    """Time one expansion, from the document to results with their contexts."""
    provider, document = MemoryProvider(_registered(scene)), _document(scene)
    if len(expand(document, provider, UNLIMITED).results) != scene.results:
        raise AssertionError(f"{scene}: another number of builds")
    return seconds(lambda: expand(document, provider, UNLIMITED))


def _libsolv_seconds(scene: Scene) -> float:
    """Time bare runs of libsolv over the same number of packages: one run for each build, nothing around it."""
    pool = solv.Pool()
    repo = pool.add_repo("all")
    packages = [
        [_package(repo, f"{name}:{stream}") for stream in range(scene.streams)] for name in range(scene.modules)
    ]
    pool.createwhatprovides()
    jobs = [[pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, one.id) for one in row] for row in packages]
    solver = pool.Solver()
    return seconds(lambda: [solver.solve(list(some)) for some in product(*jobs)])


def _package(repo: solv.Repo, name: str) -> solv.XSolvable:
    package = repo.add_solvable()
    package.name, package.evr, package.arch = name, "1", "noarch"
    return package


def _document(scene: Scene) -> Modulemd:
    buildrequires: dict[str, tuple[str, ...]] = {f"module{n}": () for n in range(scene.modules)}
    pair = Dependencies({**buildrequires, "platform": ()}, {"platform": ()})
    return Modulemd(name="app", stream="1", dependencies=(pair,))


def _registered(scene: Scene) -> Iterator[RegisteredModule]:
    for number in range(scene.platforms):
        release = f"f{28 + number}"
        yield _module("platform", release, release, "00000000", below=None)
        for name, stream, context in product(range(scene.modules), range(scene.streams), range(scene.contexts)):
            below = "chain0" if scene.depth else None
            yield _module(f"module{name}", f"s{stream}", release, f"{release}c{context}", below=below)
        for link in range(scene.depth):
            below = f"chain{link + 1}" if link + 1 < scene.depth else None
            yield _module(f"chain{link}", "s", release, f"{release}c0", below=below)


def _module(name: str, stream: str, release: str, context: str, *, below: str | None) -> RegisteredModule:
    base = name == "platform"
    requires = {} if base else {"platform": (release,), **({below: ("s",)} if below else {})}
    return RegisteredModule(
        nsvc=NSVC(name, stream, 0 if base else int(release[1:]), context),
        document=Modulemd(name=name, stream=stream, dependencies=(Dependencies(requires=requires),)),
        stream_version=stream_version(stream) if base else None,
        buildrequires={} if base else {"platform": BuildRequire("platform", release, 0, "00000000")},
    )
