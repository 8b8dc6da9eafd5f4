"""All combinations of streams that can be built against, and for each the one set of builds that is taken (§9)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice, product
from math import prod

from mbs.expansion.candidates import Candidates
from mbs.expansion.solver import Conflict, ModuleSolver, Solved
from mbs.model.nsvc import NSVC

Streams = Mapping[str, str]
"""One stream per module name."""

Builds = Mapping[str, tuple[str, tuple[NSVC, ...]]]
"""A combination: one stream per module name, with its builds."""

MOST_TOLD = 10
"""Conflicts of one combination; whoever mends ten may ask again."""

MOST_TRIED = 1000
"""Sets of builds that are compared for one combination of streams; it takes dozens of contexts to have more.

As many parts of a combination are looked at for its conflicts.
"""

NO_BUILDS = "Cannot find any module builds for"


@dataclass(frozen=True, slots=True)
class Choices:
    """One base module stream, or none, with the builds of every other stream that work on it."""

    base: NSVC | None
    builds: Mapping[str, Mapping[str, tuple[NSVC, ...]]]
    """By module name, then by stream; the base module is in it too."""

    @property
    def count(self) -> int:
        """How many combinations of streams there are."""
        return prod(len(streams) for streams in self.builds.values())


@dataclass(frozen=True, slots=True)
class Impossible:
    """Streams that cannot be combined, alone or with anything else."""

    streams: Streams
    reason: str


class Combiner:
    """Looks for combinations among the candidates of one expansion."""

    def __init__(self, candidates: Candidates, solver: ModuleSolver) -> None:
        """Take the candidates, and the solver that they are loaded into."""
        self._candidates = candidates
        self._solver = solver
        self._rank = {nsvc: rank for group in candidates.by_stream.values() for rank, nsvc in enumerate(group)}

    def choices(self, axes: Mapping[str, Sequence[str]], base: str | None) -> Iterator[Choices | Impossible]:
        """Split the streams of one dependency pair by its base module `base`; drop what does not work on it.

        A build that does not work on the base module alone works on it in no combination: to ask this once for each
        build spares the product of all contexts.
        """
        known = {name: [stream for stream in streams if self._builds(name, stream)] for name, streams in axes.items()}
        yield from self._missing(axes)
        others = {name: streams for name, streams in known.items() if name != base}
        if base is None:
            yield from self._on_base(others, None)
        else:
            for stream in known[base]:
                yield from self._on_base(others, self._builds(base, stream)[0])

    def solve(self, choices: Choices) -> Iterator[Solved | Impossible]:
        """Try every combination of streams, in order; what has proved impossible is not tried again in another."""
        impossible: list[Impossible] = []
        for combination in product(*(streams.items() for streams in choices.builds.values())):
            builds = dict(zip(choices.builds, combination, strict=True))
            streams = {name: stream for name, (stream, _) in builds.items()}
            if any(known.streams.items() <= streams.items() for known in impossible):
                continue
            best = self._best([some for _, some in builds.values()])
            if isinstance(best, Conflict):
                cores = tuple(islice(self._cores(builds, best, choices.base), MOST_TOLD))
                impossible += cores
                yield from cores
            else:
                yield best

    def _builds(self, name: str, stream: str) -> tuple[NSVC, ...]:
        return self._candidates.by_stream.get((name, stream), ())

    def _missing(self, axes: Mapping[str, Sequence[str]]) -> Iterator[Impossible]:
        """Tell of modules without any stream, and of streams without a candidate."""
        for name, streams in axes.items():
            if not streams:
                yield Impossible({}, f"{NO_BUILDS} {name}")
            for stream in streams:
                if not self._builds(name, stream):
                    yield Impossible({name: stream}, self._why_missing(name, stream))

    def _why_missing(self, name: str, stream: str) -> str:
        built = self._candidates.passed_over.get((name, stream))
        found = f"{NO_BUILDS} {name}:{stream}"
        return f"{found} on these base modules, only on others: {built[0]} is the newest" if built else found

    def _on_base(self, others: Mapping[str, Sequence[str]], base: NSVC | None) -> Iterator[Choices | Impossible]:
        """Give the builds that work on one base module; where a module has none there is nothing to combine."""
        on_base = {base.name: base.stream} if base else {}
        usable: dict[str, dict[str, tuple[NSVC, ...]]] = {base.name: {base.stream: (base,)}} if base else {}
        for name, streams in others.items():
            answers = {stream: self._usable(self._builds(name, stream), base) for stream in streams}
            usable[name] = {stream: builds for stream, builds in answers.items() if not isinstance(builds, Conflict)}
            for stream, answer in answers.items():
                if isinstance(answer, Conflict):
                    yield Impossible({**on_base, name: stream}, answer.reason)
        yield Choices(base, usable)

    def _usable(self, builds: Sequence[NSVC], base: NSVC | None) -> tuple[NSVC, ...] | Conflict:
        with_base = [(base,)] if base else []
        answers = {nsvc: self._solver.solve([*with_base, (nsvc,)]) for nsvc in builds}
        usable = tuple(nsvc for nsvc, answer in answers.items() if isinstance(answer, Solved))
        reasons = dict.fromkeys(answer.reason for answer in answers.values() if isinstance(answer, Conflict))
        return usable or Conflict("; ".join(reasons))

    def _best(self, choices: Sequence[tuple[NSVC, ...]]) -> Solved | Conflict:
        """Find the set with the smallest sum of version indexes, transitive requires counted; the first of equals."""
        some = self._solver.solve(choices)
        if isinstance(some, Conflict) or all(len(builds) == 1 for builds in choices):
            return some
        best, lowest = some, self._cost(some) + 1
        for cost, chosen in islice(cheapest_first(choices, self._rank), MOST_TRIED):
            if cost >= lowest:
                break
            answer = self._solver.solve([(nsvc,) for nsvc in chosen])
            if isinstance(answer, Solved) and self._cost(answer) < lowest:
                best, lowest = answer, self._cost(answer)
        return best

    def _cost(self, solved: Solved) -> int:
        return sum(self._rank[nsvc] for nsvc in solved.modules)

    def _cores(self, builds: Builds, conflict: Conflict, base: NSVC | None) -> Iterator[Impossible]:
        """Give every smallest part of a combination that cannot be used together, whichever way the others look.

        What remains when any one stream of a part is left out has the next, until all that remains can be used
        together (the tree of hitting sets). So of two conflicts both are told, also where they share a stream.
        """
        told: list[Impossible] = []
        seen, pending = {frozenset(builds)}, deque([(builds, conflict)])
        while pending and len(seen) < MOST_TRIED:
            builds, conflict = pending.popleft()
            core = next((known for known in told if known.streams.keys() <= builds.keys()), None)
            if core is None:
                told.append(core := self._core(builds, conflict, base))
                yield core
            for name in (name for name in core.streams if base is None or name != base.name):
                fewer = {other: some for other, some in builds.items() if other != name}
                if frozenset(fewer) not in seen:
                    seen.add(frozenset(fewer))
                    answer = self._solver.solve([some for _, some in fewer.values()])
                    if isinstance(answer, Conflict):
                        pending.append((fewer, answer))

    def _core(self, builds: Builds, conflict: Conflict, base: NSVC | None) -> Impossible:
        """Leave out what has no part in the conflict, so that it is told once and not for every combination.

        The base module stays: the builds at hand were chosen for it, and say nothing about another.
        """
        core, reason = dict(builds), conflict.reason
        for name in [name for name in builds if base is None or name != base.name]:
            fewer = {other: some for other, some in core.items() if other != name}
            answer = self._solver.solve([some for _, some in fewer.values()])
            if isinstance(answer, Conflict):
                core, reason = fewer, answer.reason
        return Impossible({name: stream for name, (stream, _) in core.items()}, reason)


def cheapest_first(
    choices: Sequence[tuple[NSVC, ...]], rank: Mapping[NSVC, int]
) -> Iterator[tuple[int, tuple[NSVC, ...]]]:
    """Enumerate one of each choice with the sum of its ranks, smallest sum first, without building all of them.

    A choice is in the order of its ranks. Equal sums come in the order of the product.
    """
    first = (0,) * len(choices)
    heap = [(_sum(first, choices, rank), first)]
    seen = {first}
    while heap:
        cost, indexes = heappop(heap)
        yield cost, tuple(choice[index] for choice, index in zip(choices, indexes, strict=True))
        for place, index in enumerate(indexes):
            following = (*indexes[:place], index + 1, *indexes[place + 1 :])
            if index + 1 < len(choices[place]) and following not in seen:
                seen.add(following)
                heappush(heap, (_sum(following, choices, rank), following))


def _sum(indexes: Sequence[int], choices: Sequence[tuple[NSVC, ...]], rank: Mapping[NSVC, int]) -> int:
    return sum(rank[choice[index]] for choice, index in zip(choices, indexes, strict=True))
