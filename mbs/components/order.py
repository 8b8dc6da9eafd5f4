"""The order of the build: batches from `buildorder`, exact dependencies from `buildafter`.

Everything of a batch waits for everything of the batch before. With `buildafter` a component waits for those that it
names only; its batch is then the length of its longest chain, for people to look at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from mbs.components.tree import ModuleTree
from mbs.model.document import ModuleComponent, RpmComponent
from mbs.model.errors import Finding, Problem, Unprocessable, refuse, unprocessable
from mbs.model.quoting import listed, quoted

_LONGEST_CIRCLE = 10
"""Components of a circle that are named."""


@dataclass(frozen=True, slots=True)
class Place:
    """When a component is built."""

    batch: int
    """From 1, without gaps; MBS's batch 2, its batch 1 being the macros."""
    after: tuple[str, ...] = ()
    """What it waits for, sorted; empty where batches order the build."""


def places(tree: ModuleTree) -> dict[str, Place]:
    """Place every RPM component of a module and of those that it includes.

    Raises `Unprocessable` for names that `buildafter` does not find, for cycles, and where both ways are mixed.
    """
    entries = [entry for below in tree.trees() for entry in _entries(below)]
    waiting = [entry for entry in entries if entry.buildafter]
    numbered = [entry.name for entry in entries if entry.buildorder]
    if waiting and numbered:
        message = (
            'A module is ordered either by "buildorder" or by "buildafter", with the modules that it includes. '
            f'"buildorder" is used by {listed(numbered)}; "buildafter" by {listed(entry.name for entry in waiting)}'
        )
        own = next(entry for entry in (*_entries(tree), *waiting) if entry.buildafter or entry.buildorder)
        raise Unprocessable(Problem(message, own.where))
    return _by_edges(tree) if waiting else _by_numbers(tree)


def _by_numbers(tree: ModuleTree) -> dict[str, Place]:
    numbers: dict[str, int] = {}
    _number(tree, 0, None, numbers)
    dense = {number: batch for batch, number in enumerate(sorted(set(numbers.values())), start=1)}
    return {name: Place(dense[number]) for name, number in numbers.items()}


def _number(tree: ModuleTree, batch: int, previous: int | None, numbers: dict[str, int]) -> int:
    """Count batches as MBS does (§11.5), and give the last one.

    An included module begins in the batch where it stands, with the build order that it has there; what follows it
    continues from its last batch, but remembers its own build order.
    """
    for entry in sorted(_entries(tree), key=lambda entry: entry.buildorder):
        if entry.buildorder != previous:
            previous = entry.buildorder
            batch += 1
        if isinstance(entry, ModuleComponent):
            batch = _number(tree.included[entry.name], batch, previous, numbers)
        else:
            numbers[entry.name] = batch
    return batch


def _by_edges(tree: ModuleTree) -> dict[str, Place]:
    refuse(_unknown_names(tree))
    edges: dict[str, tuple[str, ...]] = {}
    _connect(tree, (), edges)
    batches = _levels(edges, {component.name: component.where for component in tree.rpms()})
    return {name: Place(batches[name], after) for name, after in edges.items()}


def _unknown_names(tree: ModuleTree) -> Iterator[Finding]:
    for below in tree.trees():
        known = {entry.name for entry in _entries(below)}
        for entry in _entries(below):
            unknown = sorted(set(entry.buildafter) - known)
            if unknown:
                message = f"\"buildafter\" of '{quoted(entry.name)}' names what is no component of "
                yield unprocessable(
                    f"{message}'{quoted(str(below.document.name))}': {listed(unknown)}", f"{entry.where}.buildafter"
                )


def _connect(tree: ModuleTree, inherited: tuple[str, ...], edges: dict[str, tuple[str, ...]]) -> None:
    """Collect what each RPM component waits for; `inherited` is what the whole included module waits for.

    Only the first components of an included module wait for that themselves: the others wait for them.
    """
    own = {component.name for component in tree.document.rpms}
    for entry in _entries(tree):
        named = sorted({name for target in entry.buildafter for name in _built_for(target, own, tree.included)})
        after = tuple(named) if entry.buildafter else inherited
        if isinstance(entry, ModuleComponent):
            _connect(tree.included[entry.name], after, edges)
        else:
            edges[entry.name] = after


def _built_for(name: str, own: Collection[str], included: Mapping[str, ModuleTree]) -> Iterator[str]:
    """Give the RPM components that stand behind a name: the one of that name, and all of the included module."""
    if name in own:
        yield name
    if name in included:
        yield from (component.name for component in included[name].rpms())


def _levels(edges: Mapping[str, tuple[str, ...]], where: Mapping[str, str]) -> dict[str, int]:
    """Give the length of the longest chain that ends in each component, from 1."""
    levels: dict[str, int] = {}
    try:
        for name in TopologicalSorter(edges).static_order():
            levels[name] = 1 + max((levels[earlier] for earlier in edges[name]), default=0)
    except CycleError as error:
        raise Unprocessable(_circle(error.args[1], where)) from None
    return levels


def _circle(cycle: Sequence[str], where: Mapping[str, str]) -> Problem:
    """Name the components of a cycle, in which each comes before the next and the first is the last, too."""
    backwards = cycle[:0:-1]
    first = backwards.index(min(backwards))
    names = [quoted(name) for name in (*backwards[first:], *backwards[: first + 1])]
    told = names if len(names) <= _LONGEST_CIRCLE else [*names[:_LONGEST_CIRCLE], "...", names[-1]]
    message = f'The "buildafter" of components goes in a circle: {" after ".join(told)}'
    return Problem(message, f"{where[min(backwards)]}.buildafter")


def _entries(tree: ModuleTree) -> tuple[RpmComponent | ModuleComponent, ...]:
    """Give a module's entries in MBS's order: RPMs, then modules, each sorted by name."""
    return (*tree.document.rpms, *tree.document.modules)
