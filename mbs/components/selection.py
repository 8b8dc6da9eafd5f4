"""Which source each component is built from: rules, defaults and overrides (§11.3, §11.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mbs.components.order import Place, places
from mbs.components.settings import ComponentSettings
from mbs.components.tree import ModuleTree, default_ref
from mbs.errors import NotAuthorized, Problem, Refused, Unprocessable
from mbs.modulemd.document import RpmComponent
from mbs.scm.protocol import Ref
from mbs.scm.url import is_ref, location_of

_PACKAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a request says about components, by component name."""

    refs: Mapping[str, str] = field(default_factory=dict)
    """`rpm_component_ref_overrides`."""
    srpms: Mapping[str, str] = field(default_factory=dict)
    """Uploaded SRPMs of a scratch build (`srpm_overrides`)."""


@dataclass(frozen=True, slots=True)
class SelectedComponent:
    """A component with everything decided but its commit."""

    component: RpmComponent
    ref: Ref
    """What it is built from, unless an SRPM stands in for it."""
    srpm: str | None
    place: Place
    included_from: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """All components of a module and of the modules that it includes, sorted by name."""

    components: tuple[SelectedComponent, ...]

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The refs that must be pinned to commits, each once, sorted."""
        return tuple(sorted({selected.ref for selected in self.components if selected.srpm is None}))


def select(tree: ModuleTree, settings: ComponentSettings, overrides: Overrides | None = None) -> Selection:
    """Decide the source and the place of every component.

    Raises `NotAuthorized` where something is not allowed, else `Unprocessable`; both carry all problems.
    """
    overrides = overrides or Overrides()
    default = default_ref(tree.document, settings)
    refs = {component.name: _ref(component, default, settings, overrides) for component in tree.rpms()}
    forbidden = [problem for component in tree.rpms() for problem in _forbidden(component, settings)]
    invalid = [problem for name, ref in refs.items() for problem in _invalid(name, ref)]
    placed, misplaced = _placed(tree)
    problems = [*forbidden, *_conflicts(tree), *_unknown_overrides(tree, overrides), *invalid, *misplaced]
    if problems:
        raise (NotAuthorized if forbidden else Unprocessable).of(problems)
    selected = (
        SelectedComponent(one, refs[one.name], overrides.srpms.get(one.name), placed[one.name], below.origin)
        for below in tree.trees()
        for one in below.document.rpms
    )
    return Selection(tuple(sorted(selected, key=lambda one: one.component.name)))


def _placed(tree: ModuleTree) -> tuple[Mapping[str, Place], tuple[Problem, ...]]:
    """Give the place of every component, or what stands against it."""
    try:
        return places(tree), ()
    except Refused as error:
        return {}, error.problems


def _ref(component: RpmComponent, default: str, settings: ComponentSettings, overrides: Overrides) -> Ref:
    repository = component.repository or settings.rpms_default_repository + component.name
    location = location_of(repository)
    return Ref(
        str(location) if location and location.path else repository,
        overrides.refs.get(component.name) or component.ref or default,
    )


def _forbidden(component: RpmComponent, settings: ComponentSettings) -> Iterator[Problem]:
    """Find what only a permissive service takes; writing the default out is no custom choice."""
    name, where = component.name, f"data.components.rpms.{component.name}"
    repository, cache = component.repository, component.cache
    if not settings.rpms_allow_repository and repository not in {None, settings.rpms_default_repository + name}:
        message = f"Custom component repositories aren't allowed.  {name!r} bears repository {repository!r}"
        yield Problem(message, f"{where}.repository")
    if not settings.rpms_allow_cache and cache not in {None, settings.rpms_default_cache + name}:
        message = f"Custom component caches aren't allowed.  {name!r} bears cache {cache!r}"
        yield Problem(message, f"{where}.cache")


def _invalid(name: str, ref: Ref) -> Iterator[Problem]:
    where = f"data.components.rpms.{name}"
    location = location_of(ref.repository)
    if not _PACKAGE.fullmatch(name):
        yield Problem(f"{name!r} is not a name that a package can have", where)
    elif location is None or not location.path:
        message = f"{ref.repository!r} is not a repository URL; give scheme://host/path"
        yield Problem(f"{message}, without a user name, percent-encoding or '..'", f"{where}.repository")
    if not is_ref(ref.name):
        yield Problem(f"{ref.name!r}, the ref of {name!r}, is no name for a branch, tag or commit", f"{where}.ref")


def _conflicts(tree: ModuleTree) -> Iterator[Problem]:
    """Find components that come twice: from a module and from one that it includes, or from two of these."""
    seen: set[str] = set()
    for parent in tree.trees():
        seen.update(component.name for component in parent.document.rpms)
        for name, below in parent.included.items():
            both = sorted(seen.intersection(component.name for component in below.document.rpms))
            if both:
                message = f'The included module "{name}" in "{parent.document.name}" have the following conflicting'
                yield Problem(f"{message} components: {', '.join(both)}", f"data.components.modules.{name}")
            seen.update(component.name for component in below.document.rpms)


def _unknown_overrides(tree: ModuleTree, overrides: Overrides) -> Iterator[Problem]:
    known = {component.name for component in tree.rpms()}
    named: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("rpm_component_ref_overrides", overrides.refs),
        ("srpms", overrides.srpms),
    )
    for parameter, given in named:
        unknown = sorted(set(given) - known)
        if unknown:
            message = f'The "{parameter}" parameter names components that the module does not have'
            yield Problem(f"{message}: {', '.join(unknown)}", parameter)
