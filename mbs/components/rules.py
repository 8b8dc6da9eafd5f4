"""What can be said about a document's components without asking anybody: for `validate`, `plan` and `submit`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mbs.components import ComponentSettings
from mbs.components.order import places
from mbs.components.tree import ModuleTree, default_ref, too_many
from mbs.model.document import ModuleComponent, Modulemd, RpmComponent, texts_of
from mbs.model.errors import Finding, InvalidModulemd, Problem, Refused, Unprocessable, forbidden, unprocessable
from mbs.model.naming import MACROS
from mbs.model.quoting import listed, quoted
from mbs.scm.url import is_ref, location_of

_PACKAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")


def component_problems(document: Modulemd, settings: ComponentSettings) -> Iterator[Finding]:
    """Find everything that is wrong with the components of one document; what it includes is not looked at."""
    yield from _number_problems(document, settings)
    for component in document.rpms:
        yield from permission_problems(component, settings)
        yield from name_problems(component)
        yield from _source_problems(component, settings, default_ref(document, settings))
    for module in document.modules:
        yield from _included_problems(module, settings)
    yield from _order_problems(document)
    yield from _arch_problems(document)
    yield from _list_problems(document)


def permission_problems(component: RpmComponent, settings: ComponentSettings) -> Iterator[Finding]:
    """Find what only a permissive service takes; writing the default out is no custom choice."""
    name, repository, cache = component.name, component.repository, component.cache
    if not settings.rpms_allow_repository and repository not in {None, settings.rpms_default_repository + name}:
        yield forbidden(
            f"Custom component repositories aren't allowed.  '{quoted(name)}' bears repository '{quoted(repository)}'",
            f"{component.where}.repository",
        )
    if not settings.rpms_allow_cache and cache not in {None, settings.rpms_default_cache + name}:
        yield forbidden(
            f"Custom component caches aren't allowed.  '{quoted(name)}' bears cache '{quoted(cache)}'",
            f"{component.where}.cache",
        )


def name_problems(component: RpmComponent) -> Iterator[Finding]:
    """Find a package that Koji cannot have, or that the service has itself."""
    if not _PACKAGE.fullmatch(component.name):
        yield unprocessable(
            f"'{quoted(component.name)}' is not a name that a package can have: use letters, digits and . _ + -, with "
            "a letter or digit first, 128 characters at most",
            component.where,
        )
    elif component.name == MACROS:
        yield unprocessable(
            f"{MACROS} is the service's own package, a component cannot have this name", component.where
        )


def source_problems(component: RpmComponent, repository: str, ref: str) -> Iterator[Finding]:
    """Find a repository or a ref that git would take for something else."""
    location = location_of(repository)
    if _PACKAGE.fullmatch(component.name) and (location is None or not location.path):
        yield unprocessable(
            f"'{quoted(repository)}' is not a repository URL; give scheme://host/path, without a user name, "
            "percent-encoding or '..'",
            f"{component.where}.repository",
        )
    if not is_ref(ref):
        yield unprocessable(
            f"'{quoted(ref)}', the ref of '{quoted(component.name)}', is no name for a branch, tag or commit",
            f"{component.where}.ref",
        )


def _source_problems(component: RpmComponent, settings: ComponentSettings, default: str) -> Iterator[Finding]:
    repository = component.repository or settings.rpms_default_repository + component.name
    yield from source_problems(component, repository, component.ref or default)


def _included_problems(module: ModuleComponent, settings: ComponentSettings) -> Iterator[Finding]:
    """Find an included module that cannot be fetched from where it is said to be."""
    location = location_of(module.repository or settings.modules_default_repository + module.name)
    if location is None or not location.path:
        yield unprocessable(
            f"'{quoted(module.repository or module.name)}' does not name the repository of an included module; give "
            "scheme://host/path, without a user name, percent-encoding or '..'",
            f"{module.where}.repository",
        )
    if module.ref and not is_ref(module.ref):
        yield unprocessable(
            f"'{quoted(module.ref)}', the ref of the included module '{quoted(module.name)}', is no name for a ref",
            f"{module.where}.ref",
        )


def _number_problems(document: Modulemd, settings: ComponentSettings) -> Iterator[Finding]:
    if len(document.rpms) > settings.max_components:
        yield unprocessable(too_many(len(document.rpms), settings), "data.components.rpms")


def _order_problems(document: Modulemd) -> Iterator[Finding]:
    """Find circles, unknown names and mixed orders, as far as included modules have no part in them."""
    empty = {module.name: ModuleTree(Modulemd(module.name, None)) for module in document.modules}
    try:
        places(ModuleTree(document, empty))
    except Refused as refused:
        yield from (Finding(problem, InvalidModulemd) for problem in refused.problems)


def _arch_problems(document: Modulemd) -> Iterator[Finding]:
    """Find components for arches that the module is not built for."""
    arches = document.buildopts.arches
    for component in document.rpms:
        others = sorted(set(component.arches) - set(arches))
        if arches and others:
            message = f"The component '{quoted(component.name)}' is for {listed(others)}, which buildopts.arches lacks"
            yield Finding(Problem(message, f"{component.where}.arches"), InvalidModulemd)


def _list_problems(document: Modulemd) -> Iterator[Finding]:
    """Find what cannot be in a package list of Koji."""
    for names, where in (
        (document.buildopts.rpm_whitelist, "data.buildopts.rpms.whitelist"),
        (texts_of(document.mbs_options.get("blocked_packages")), "data.xmd.mbs_options.blocked_packages"),
    ):
        wrong = [name for name in names if not _PACKAGE.fullmatch(str(name))]
        if wrong:
            yield Finding(
                Problem(f"{where} names what no package can be called: {listed(wrong)}", where), Unprocessable
            )
