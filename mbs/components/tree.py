"""A module and the modules that it includes (`components.modules`), as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from mbs.components import ComponentSettings
from mbs.model.document import ModuleComponent, Modulemd, RpmComponent
from mbs.model.errors import NotAuthorized, Problem, Refused, Unprocessable
from mbs.model.quoting import quoted
from mbs.scm.protocol import Ref
from mbs.scm.url import is_ref, repository_url

MOST_INCLUDED = 100
"""Included modules of one build; beyond it nobody means well."""


@dataclass(frozen=True, slots=True)
class ModuleTree:
    """A module with its included modules, by the name of their component."""

    document: Modulemd
    included: Mapping[str, ModuleTree] = field(default_factory=dict)
    origin: str | None = None
    """`name:ref` of an included module; None for the submitted one."""

    def trees(self) -> Iterator[ModuleTree]:
        """Give this tree and all below it, each before those that it includes."""
        yield self
        for below in self.included.values():
            yield from below.trees()

    def rpms(self) -> Iterator[RpmComponent]:
        """Give the RPM components of all trees."""
        for tree in self.trees():
            yield from tree.document.rpms


def gather(document: Modulemd, fetch: Callable[[Ref], Modulemd], settings: ComponentSettings) -> ModuleTree:
    """Fetch everything that a module includes.

    `fetch` reads the modulemd of a repository at a ref. Raises `NotAuthorized` for a repository that is not allowed
    (§6.5), `Unprocessable` for cycles and for whatever cannot be read, all problems at once.
    """
    gathering = _Gathering(fetch, settings, default_ref(document, settings))
    tree = gathering.tree(document, None, ())
    if not gathering.problems and gathering.components > settings.max_components:
        gathering.problems.append(Problem(too_many(gathering.components, settings), "data.components"))
    if gathering.problems:
        raise (NotAuthorized if gathering.forbidden else Unprocessable)(*gathering.problems)
    return tree


def default_ref(document: Modulemd, settings: ComponentSettings) -> str:
    """Give the ref of components that name none: the branch of the submission (§11.4)."""
    return str(document.xmd_mbs.get("branch") or settings.default_branch)


@dataclass(slots=True)
class _Gathering:
    """The walk over included modules: what it found wrong, and how far it has come."""

    fetch: Callable[[Ref], Modulemd]
    settings: ComponentSettings
    default_ref: str
    problems: list[Problem] = field(default_factory=list)
    forbidden: bool = False
    visited: int = 0
    components: int = 0
    where: str = ""
    """The entry of the submitted document that led here."""

    def tree(self, document: Modulemd, origin: str | None, path: tuple[Ref, ...]) -> ModuleTree:
        included = {}
        self.components += len(document.rpms)
        for module in document.modules:
            self.where = self.where if path else module.where
            below = self._included(module, path)
            if below is not None:
                included[module.name] = below
        return ModuleTree(document, included, origin)

    def _included(self, module: ModuleComponent, path: tuple[Ref, ...]) -> ModuleTree | None:
        try:
            ref = self._ref(module)
            document = self._document(ref, path)
        except Refused as error:
            self.forbidden |= isinstance(error, NotAuthorized)
            self.problems += [Problem(_said(problem, module), self.where) for problem in error.problems]
            return None
        tree = self.tree(document, f"{module.name}:{ref.name}", (*path, ref))
        if not self.problems and not any(tree.rpms()):
            message = f"The included module '{quoted(module.name)}' has no components"
            self.problems.append(Problem(message, self.where))
        return tree

    def _ref(self, module: ModuleComponent) -> Ref:
        default = self.settings.modules_default_repository + module.name
        repository = module.repository or default
        if repository != default and not self.settings.modules_allow_repository:
            message = f"Custom module repositories aren't allowed.  '{quoted(module.name)}' bears repository "
            raise NotAuthorized(f"{message}'{quoted(repository)}'")
        name = module.ref or self.default_ref
        if not is_ref(name):
            module_name = quoted(module.name)
            raise Unprocessable(
                f"'{quoted(name)}', the ref of the included module '{module_name}', is no name for a ref"
            )
        return Ref(repository_url(repository), name)

    def _document(self, ref: Ref, path: tuple[Ref, ...]) -> Modulemd:
        if ref in path:
            cycle = " -> ".join(str(place) for place in (*path[path.index(ref) :], ref))
            raise Unprocessable(f"The included modules include each other: {cycle}")
        self.visited += 1
        if self.visited > MOST_INCLUDED:
            raise Unprocessable(f"A module can include at most {MOST_INCLUDED} modules, those of included ones counted")
        if self.components > self.settings.max_components:
            raise Unprocessable(too_many(self.components, self.settings))
        return self.fetch(ref)


def too_many(count: int, settings: ComponentSettings) -> str:
    """Say that a module, with those that it includes, has more components than one may have."""
    return f"The module has {count} components; max_components, a setting of this service, is {settings.max_components}"


def _said(problem: Problem, module: ModuleComponent) -> str:
    """Tell a problem at the place that includes the module; a line is one of the module's own document."""
    return problem.message if problem.line is None else f"In the included module '{quoted(module.name)}', {problem}"
