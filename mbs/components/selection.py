"""Which source each component is built from: rules, defaults, overrides (§11.3, §11.4), and given SRPMs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from mbs.components import ComponentSettings
from mbs.components.order import Place, places
from mbs.components.rules import name_problems, permission_problems, source_problems
from mbs.components.tree import ModuleTree, default_ref
from mbs.model.document import RpmComponent
from mbs.model.errors import Finding, Findings, Problem, bad_request, refuse, unprocessable
from mbs.model.quoting import listed, quoted
from mbs.scm.protocol import Ref
from mbs.scm.url import location_of


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

    Raises `Unprocessable`, or `NotAuthorized` where nothing is wrong but that it is not allowed, with all problems.
    """
    overrides = overrides or Overrides()
    default = default_ref(tree.document, settings)
    refs = {component.name: _ref(component, default, settings, overrides) for component in tree.rpms()}
    misplaced = Findings()
    placed = misplaced.of(lambda: places(tree)) or {}
    refuse(
        [
            *_of_components(tree, lambda one: permission_problems(one, settings)),
            *_conflicts(tree),
            *_unknown_overrides(tree, overrides),
            *_of_components(tree, lambda one: [*name_problems(one), *_source_problems(one, refs[one.name])]),
            *misplaced,
        ]
    )
    selected = (
        SelectedComponent(one, refs[one.name], overrides.srpms.get(one.name), placed[one.name], below.origin)
        for below in tree.trees()
        for one in below.document.rpms
    )
    return Selection(tuple(sorted(selected, key=lambda one: one.component.name)))


def _source_problems(component: RpmComponent, ref: Ref) -> Iterator[Finding]:
    return source_problems(component, ref.repository, ref.name)


def _of_components(tree: ModuleTree, problems: Callable[[RpmComponent], Iterable[Finding]]) -> Iterator[Finding]:
    """Judge every component; what is wrong in an included module is told at the place that includes it."""
    yield from (finding for component in tree.document.rpms for finding in problems(component))
    for name, included in tree.included.items():
        for below in included.trees():
            for finding in (finding for component in below.document.rpms for finding in problems(component)):
                message = f"In the included module {below.origin}: {finding.problem.message}"
                yield replace(finding, problem=Problem(message, f"data.components.modules.{name}"))


def _ref(component: RpmComponent, default: str, settings: ComponentSettings, overrides: Overrides) -> Ref:
    repository = component.repository or settings.rpms_default_repository + component.name
    location = location_of(repository)
    return Ref(
        str(location) if location and location.path else repository,
        overrides.refs.get(component.name) or component.ref or default,
    )


def _conflicts(tree: ModuleTree) -> Iterator[Finding]:
    """Find components that come twice: in one module, from one that it includes, or from two of these."""
    for component, count in Counter(component.name for component in tree.document.rpms).items():
        if count > 1:
            yield unprocessable(f"{count} labels are the package {quoted(component)}", "data.components.rpms")
    seen: set[str] = set()
    for parent in tree.trees():
        seen.update(component.name for component in parent.document.rpms)
        for name, below in parent.included.items():
            both = sorted(seen.intersection(component.name for component in below.document.rpms))
            if both:
                message = (
                    f'The included module "{quoted(name)}" in "{quoted(str(parent.document.name))}" have the following '
                    f"conflicting components: {listed(both)}"
                )
                where = f"data.components.modules.{name}" if parent is tree else None
                yield unprocessable(message, where)
            seen.update(component.name for component in below.document.rpms)


def _unknown_overrides(tree: ModuleTree, overrides: Overrides) -> Iterator[Finding]:
    """Find overrides of what is no component; a package is called by its name, not by its label."""
    known = {component.name for component in tree.rpms()}
    packages = {component.label: component.name for component in tree.rpms() if component.label}
    named: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("rpm_component_ref_overrides", overrides.refs),
        ("srpms", overrides.srpms),
    )
    for parameter, given in named:
        unknown = sorted(set(given) - known)
        if unknown:
            message = f'The "{parameter}" parameter names components that the module does not have: {listed(unknown)}'
            hints = [f"{label} is the label of {packages[label]}" for label in unknown if label in packages]
            yield unprocessable("; ".join([message, *hints]), parameter)


_UPLOADED = re.compile(r"cli-build/[A-Za-z0-9._+-]*[A-Za-z0-9_+-]/(?P<name>[A-Za-z0-9_][A-Za-z0-9._+-]*)\.src\.rpm")


def srpm_overrides(srpms: Iterable[str]) -> dict[str, str]:
    """Give the uploaded SRPMs by component; the client names a file after its package, and the first of a name wins.

    Only what lies in Koji's upload area is taken (`cli-build/<unique>/<package>.src.rpm`). MBS also took files of its
    own host. Raises `InvalidRequest` with all that are anything else.
    """
    matches = {srpm: _UPLOADED.fullmatch(srpm) for srpm in srpms}
    refuse(
        bad_request(f"Provided srpm is invalid: '{quoted(srpm)}'. Upload it to cli-build/ of Koji first", "srpms")
        for srpm, match in matches.items()
        if match is None
    )
    return {match["name"]: srpm for srpm, match in reversed(matches.items()) if match}
