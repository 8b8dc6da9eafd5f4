"""Stream expansion: from one document with lists of streams to one module build per combination that works (§8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mbs.contexts import Contexts, contexts
from mbs.errors import InvalidRequest, Problem, Unprocessable
from mbs.expansion.base_modules import base_name, find_base_modules, resolve_virtual_streams
from mbs.expansion.candidates import Candidates, collect, requirements
from mbs.expansion.combinations import Choices, Combiner, Impossible
from mbs.expansion.overrides import Overrides, override, override_from_branch
from mbs.expansion.provider import ModuleProvider, RegisteredModule
from mbs.expansion.result import Axes, ExpandedStream, Expansion, Unsatisfied
from mbs.expansion.settings import ExpansionSettings
from mbs.expansion.solver import ModuleSolver, Solved
from mbs.expansion.streams import expand_section
from mbs.modulemd.document import Dependencies, Modulemd
from mbs.nsvc import NSVC

_NOTHING_LEFT = (
    "No dependency combination was satisfied. "
    "Please verify the buildrequires in your modulemd have previously been built."
)
_NOT_BUILT_AGAINST = ("",)
"""No list of streams equals it."""


def expand(
    document: Modulemd,
    provider: ModuleProvider,
    settings: ExpansionSettings | None = None,
    *,
    static: bool = False,
    buildrequire_overrides: Overrides | None = None,
    require_overrides: Overrides | None = None,
    branch: str | None = None,
) -> Expansion:
    """Expand `document` against the registered modules.

    With `static` the document's own context is kept. Raises InvalidRequest for overrides that apply nowhere and for
    too many results, Unprocessable (422, with the reason of every combination) where nothing can be built.
    """
    settings = settings or ExpansionSettings()
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
    if len(solved) > settings.max_builds:
        raise Unprocessable(_too_many(f"to {len(solved)} module builds", settings.max_builds, axes))
    context = _static_context(document, len(solved)) if static else None
    builder = _ResultBuilder(document, pairs, candidates.modules, settings.base_module_names, context)
    return Expansion(_distinct([builder.build(*one) for one in solved]), tuple(unsatisfied), axes)


def reduce_pair(pair: Dependencies, chosen: Mapping[str, str]) -> Dependencies:
    """Narrow `pair` to the chosen stream of each module it is built against (§8.4).

    What it requires at runtime follows where the packager listed the same streams for both; otherwise it stays.
    """
    return Dependencies(
        buildrequires={name: (chosen[name],) for name in pair.buildrequires},
        requires={
            name: (chosen[name],) if set(listed) == set(pair.buildrequires.get(name, _NOT_BUILT_AGAINST)) else listed
            for name, listed in pair.requires.items()
        },
    )


def _static_context(document: Modulemd, count: int) -> str:
    """Give the packager's context; it can name one build only."""
    if not document.context:
        raise InvalidRequest("A module with a static context has to name it in data.context")
    if count > 1:
        raise InvalidRequest(
            f'The static context "{document.context}" names one module build, but its buildrequires can be met in '
            f"{count} combinations: name one stream of each module in one pair of dependencies"
        )
    return document.context


def _solve(
    axes: Sequence[Axes], candidates: Candidates, settings: ExpansionSettings
) -> tuple[list[tuple[int, Solved]], list[Unsatisfied]]:
    """Solve all pairs; give what is satisfied, with the number of its pair, and what is not."""
    needs = {nsvc: requirements(module, settings) for nsvc, module in candidates.modules.items()}
    combiner = Combiner(candidates, ModuleSolver(candidates.modules, needs))
    found = [(pair, one) for pair, axis in enumerate(axes) for one in combiner.choices(axis, base_name(axis, settings))]
    count = sum(one.count for _, one in found if isinstance(one, Choices))
    if count > settings.max_combinations:
        raise Unprocessable(_too_many(f"to {count} combinations of streams", settings.max_combinations, axes))
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
    static_context: str | None

    def build(self, pair: int, solved: Solved) -> ExpandedStream:
        """Make the result of one set of builds; with a static context the hashes are made all the same (§7.4)."""
        buildrequires = {nsvc.name: self.modules[nsvc] for nsvc in sorted(solved.modules)}
        chosen = {name: module.nsvc.stream for name, module in buildrequires.items()}
        dependencies = reduce_pair(self.pairs[pair], chosen)
        return ExpandedStream(
            source=self.document,
            pair=pair,
            dependencies=dependencies,
            buildrequires=buildrequires,
            contexts=contexts(chosen, [dependencies], self.base_module_names, static_context=self.static_context),
            static=self.static_context is not None,
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


def _too_many(what: str, limit: int, axes: Sequence[Axes]) -> Problem:
    multiplied = "; and ".join(_multiplied(axis) for axis in axes)
    return Problem(
        f"The module expands {what}, more than the {limit} allowed: {multiplied}. "
        "Name fewer streams in its buildrequires, or split it.",
        where="data.dependencies",
    )


def _multiplied(axis: Axes) -> str:
    """Name the modules that have several streams, with these."""
    several = {name: streams for name, streams in axis.items() if len(streams) > 1}
    return " x ".join(f"{len(streams)} {name} ({', '.join(streams)})" for name, streams in several.items()) or "1"
