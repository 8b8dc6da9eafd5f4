"""Stream expansion: from one document with lists of streams to one module build per combination that works (§8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mbs.expansion import ExpansionSettings
from mbs.expansion.base_modules import base_name, find_base_modules, resolve_virtual_streams
from mbs.expansion.candidates import Candidates, collect, requirements
from mbs.expansion.combinations import Choices, Combiner, Impossible
from mbs.expansion.result import Axes, ExpandedStream, Expansion, Unsatisfied
from mbs.expansion.solver import ModuleSolver, Solved
from mbs.expansion.streams import Overrides, expand_section, override, override_from_branch
from mbs.model.contexts import Contexts, contexts
from mbs.model.document import Dependencies, Modulemd
from mbs.model.errors import InvalidRequest, Problem, Unprocessable
from mbs.model.nsvc import NSVC
from mbs.model.registered import ModuleProvider, RegisteredModule

_NOTHING_LEFT = (
    "No dependency combination was satisfied. "
    "Please verify the buildrequires in your modulemd have previously been built."
)


def expand(
    document: Modulemd,
    provider: ModuleProvider,
    settings: ExpansionSettings,
    *,
    static: bool = False,
    buildrequire_overrides: Overrides | None = None,
    require_overrides: Overrides | None = None,
    branch: str | None = None,
) -> Expansion:
    """Expand `document` against the registered modules.

    With `static` the document's own context is kept. Raises InvalidRequest for overrides that apply nowhere and for a
    static context that would name several builds; Unprocessable where nothing can be built, with the reason of every
    combination (MBS crashes or says nothing, §9), and where it would be more builds than the settings allow.
    """
    if static and not document.context:
        raise InvalidRequest(Problem("A module with a static context has to name it", where="data.context"))
    pairs = override(
        document.dependencies,
        buildrequires=buildrequire_overrides or {},
        requires=require_overrides or {},
        from_branch=override_from_branch(branch, settings),
    )
    pairs = resolve_virtual_streams(pairs, provider, settings)
    axes = tuple(expand_section(pair.buildrequires, provider, settings) for pair in pairs)
    candidates = collect(axes, find_base_modules(axes, provider, settings), provider, settings)
    solved, unsatisfied = _solve(axes, candidates, settings)
    if not solved:
        raise Unprocessable(*_nothing_left(unsatisfied))
    builder = _ResultBuilder(document, pairs, candidates.modules, settings.base_module_names, static=static)
    results = _distinct([builder.build(*one) for one in solved])
    if static and len(results) > 1:
        raise InvalidRequest(_ambiguous(document.context, len(results)))
    if len(results) > settings.max_builds:
        raise Unprocessable(_too_many(f"{len(results)} module builds", settings.max_builds, axes))
    return Expansion(results, tuple(unsatisfied))


def reduce_pair(pair: Dependencies, chosen: Mapping[str, str]) -> Dependencies:
    """Narrow `pair` to the chosen stream of each module it is built against (§8.4).

    What it requires at runtime follows where the packager listed the same streams for both; otherwise it stays.
    """
    follows = {
        name
        for name, listed in pair.requires.items()
        if name in pair.buildrequires and set(listed) == set(pair.buildrequires[name])
    }
    return Dependencies(
        buildrequires={name: (chosen[name],) for name in pair.buildrequires},
        requires={name: (chosen[name],) if name in follows else listed for name, listed in pair.requires.items()},
    )


def _solve(
    axes: Sequence[Axes], candidates: Candidates, settings: ExpansionSettings
) -> tuple[list[tuple[int, Solved]], list[Unsatisfied]]:
    """Solve all pairs; give what is satisfied, with the number of its pair, and what is not."""
    needs = {nsvc: requirements(module, settings) for nsvc, module in candidates.modules.items()}
    combiner = Combiner(candidates, ModuleSolver(candidates.modules, needs))
    found = [(pair, one) for pair, axis in enumerate(axes) for one in combiner.choices(axis, base_name(axis, settings))]
    count = sum(one.count for _, one in found if isinstance(one, Choices))
    if count > settings.max_combinations:
        raise Unprocessable(_too_many(f"{count} combinations of streams", settings.max_combinations, axes))
    answers = [(pair, answer) for pair, one in found for answer in _answers(one, combiner)]
    solved = [(pair, answer) for pair, answer in answers if isinstance(answer, Solved)]
    impossible = [(pair, answer) for pair, answer in answers if isinstance(answer, Impossible)]
    return solved, [Unsatisfied(pair, answer.streams, answer.reason) for pair, answer in impossible]


def _answers(one: Choices | Impossible, combiner: Combiner) -> Iterator[Solved | Impossible]:
    if isinstance(one, Choices):
        yield from combiner.solve(one)
    else:
        yield one


@dataclass(frozen=True, slots=True)
class _ResultBuilder:
    """What all results of one expansion share."""

    document: Modulemd
    pairs: Sequence[Dependencies]
    modules: Mapping[NSVC, RegisteredModule]
    base_module_names: tuple[str, ...]
    static: bool

    def build(self, pair: int, solved: Solved) -> ExpandedStream:
        """Make the result of one set of builds; with a static context the hashes are made all the same (§7.4)."""
        buildrequires = {nsvc.name: self.modules[nsvc] for nsvc in sorted(solved.modules)}
        chosen = {name: module.nsvc.stream for name, module in buildrequires.items()}
        dependencies = reduce_pair(self.pairs[pair], chosen)
        return ExpandedStream(
            dependencies=dependencies,
            buildrequires=buildrequires,
            contexts=contexts(
                chosen,
                [dependencies],
                self.base_module_names,
                static_context=self.document.context if self.static else None,
            ),
            static=self.static,
        )


def _distinct(results: Sequence[ExpandedStream]) -> tuple[ExpandedStream, ...]:
    """Keep the first of equal contexts: pairs may overlap, and what has equal hashes is the same build."""
    first: dict[Contexts, ExpandedStream] = {}
    for result in results:
        first.setdefault(result.contexts, result)
    return tuple(first.values())


def _nothing_left(unsatisfied: Sequence[Unsatisfied]) -> list[Problem]:
    """Say what MBS says (§5), then why, for every combination."""
    why = [Problem(str(one), where=f"data.dependencies.{one.pair}") for one in unsatisfied]
    return [Problem(_NOTHING_LEFT), *why]


def _ambiguous(context: str | None, count: int) -> Problem:
    return Problem(
        f'The static context "{context}" names one module build, but its buildrequires can be met in {count} '
        "combinations: name one stream of each module in one pair of dependencies",
        where="data.dependencies",
    )


def _too_many(what: str, limit: int, axes: Sequence[Axes]) -> Problem:
    multiplied = "; and ".join(_multiplied(axis) for axis in axes)
    return Problem(
        f"The module expands to {what}, more than the {limit} allowed: {multiplied}. "
        "Name fewer streams in its buildrequires, or split it.",
        where="data.dependencies",
    )


def _multiplied(axis: Axes) -> str:
    """Name the modules that have several streams, with these."""
    several = {name: streams for name, streams in axis.items() if len(streams) > 1}
    return " x ".join(f"{len(streams)} {name} ({', '.join(streams)})" for name, streams in several.items()) or "1"
