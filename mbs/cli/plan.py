"""`mbs plan`: a submission without a server, up to the point where it would be recorded."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from mbs.cli import show
from mbs.cli.common import FILE, FileOrUrl, options_of, shows_errors, source_fields
from mbs.cli.imports import Reading, finished_modules, tell_remarks, tell_skipped
from mbs.cli.registry import registry_of
from mbs.expansion.combinations import NO_BUILDS
from mbs.expansion.result import Unsatisfied
from mbs.model.errors import Problem, Refused, RegistryUnavailable
from mbs.model.plan import Allocation, BuildPlan
from mbs.model.registered import MemoryProvider, ModuleProvider
from mbs.modulemd.registered import StoredModules
from mbs.planning.fields import IMPORT, SUBMISSION
from mbs.planning.prepare import prepare
from mbs.planning.request import Request, read_request
from mbs.registry.stored import RegistryStore
from mbs.scm.protocol import PinnedScm
from mbs.scm.repository import GitScm
from mbs.scm.url import location_of
from mbs.settings import Settings
from mbs.settings.sources import load

_FILLED = "Of {} modules the Koji tag or what they were built against was filled in."


@click.command(epilog="\b\nExample:\n  mbs plan examples/modules/greeter/greeter.yaml --branch 1 --json")
@click.argument("source", metavar="FILE|URL", type=FileOrUrl())
@options_of(SUBMISSION, "branch", "rpm_component_ref_overrides")
@click.option("--platform", "platforms", multiple=True, type=FILE, help="File of base modules. Repeatable.")
@click.option("--module", "modules", multiple=True, type=FILE, help="File of finished modules. Repeatable.")
@click.option("--arch", "arches", multiple=True, help="Arch to build for, where the platform has none. Repeatable.")
@options_of(IMPORT)
@click.option("--json", "form", flag_value="json", help="Print the plans, one JSON document per line.")
@click.option("--modulemd", "form", flag_value="modulemd", help="Print the documents of the builds, for --module.")
@shows_errors
def plan(
    *,
    source: Path | str,
    branch: str | None,
    platforms: tuple[Path, ...],
    modules: tuple[Path, ...],
    rpm_component_ref_overrides: Mapping[str, str],
    arches: tuple[str, ...],
    form: str | None,
    **reading: Any,
) -> None:
    """Show what would be built, in what order and against what.

    FILE is a modulemd, URL a commit of its repository: https://host/path/name?#commit.

    With --platform and --module the modules to build against come from files, and no server is needed; otherwise the
    server that MBS_API_URL names plans it as it would a submission; without one they come from the registry. Components
    that --ref names no commit for are looked up with git. Nothing is recorded.
    """
    wish = Wish(source, branch, platforms + modules, rpm_component_ref_overrides, arches, Reading(**reading))
    settings = load()
    found, unsatisfied = planned_there(wish, settings) if _asks_the_server(wish) else plans(wish, settings)
    if form == "json":
        show.plans_as_json(found)
    elif form == "modulemd":
        show.plans_as_modulemd(found)
    else:
        show.plans(found, unsatisfied)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    source: Path | str
    """A file, or an SCM URL."""
    branch: str | None
    registered: tuple[Path, ...]
    """Files of modules to build against; empty: those of the registry."""
    refs: Mapping[str, str]
    arches: tuple[str, ...]
    reading: Reading = field(default_factory=Reading)


def _asks_the_server(wish: Wish) -> bool:
    return bool(os.environ.get("MBS_API_URL")) and not (wish.registered or wish.arches)


def planned_there(wish: Wish, settings: Settings) -> tuple[tuple[BuildPlan, ...], tuple[Unsatisfied, ...]]:
    """Have the server plan a submission; what it may not take it refuses, as that."""
    from mbs.cli.api import api_of  # noqa: PLC0415 - only where a server is asked

    fields = source_fields(wish.source, wish.branch, settings) | {"rpm_component_ref_overrides": wish.refs}
    return api_of(settings).plan({name: value for name, value in fields.items() if value}), ()


def plans(wish: Wish, settings: Settings) -> tuple[tuple[BuildPlan, ...], tuple[Unsatisfied, ...]]:
    """Plan, with ids counted from 1, and tell what could not be combined.

    On one's own machine everything may be planned that the service may forbid to submit: pasted documents,
    any SCM. A git server that does not answer is asked once: who waits can ask again.
    """
    settings = replace(
        settings,
        yaml_submit_allowed=True,
        allow_custom_scmurls=True,
        allow_local_scmurls=True,
        arches=wish.arches or settings.arches,
    )
    provider = _provider(wish, settings)
    scm = PinnedScm(GitScm(replace(settings.git, attempts=1)))
    try:
        submission = prepare(_request(wish, settings), provider, scm, settings)
    except Refused as refused:
        raise with_hints(refused, settings, from_files=bool(wish.registered)) from None
    made = [
        build.make_plan(Allocation(number, 1, build.nsvc)) for number, build in enumerate(submission.builds, start=1)
    ]
    return tuple(made), submission.unsatisfied


def _provider(wish: Wish, settings: Settings) -> ModuleProvider:
    if wish.registered:
        found = finished_modules(wish.registered, settings, wish.reading)
        tell_skipped(found.problems)
        tell_remarks([*found.remarks, *([_FILLED.format(len(found.filled))] if found.filled else [])])
        return MemoryProvider(found.modules)
    if not settings.database_url:
        msg = "Nothing is known to build against. Give a file with --platform, or set MBS_DATABASE_URL."
        raise click.UsageError(msg)
    try:
        registry = registry_of(settings)
    except RegistryUnavailable as away:
        msg = f"{away} Or give files of the modules to build against with --platform and --module."
        raise RegistryUnavailable(msg) from None
    return StoredModules(RegistryStore(registry.engine, settings.base_module_names))


def _request(wish: Wish, settings: Settings) -> Request:
    data = source_fields(wish.source, wish.branch, settings) | {"rpm_component_ref_overrides": wish.refs}
    return read_request(data, getpass.getuser(), settings)


_REPOSITORIES = ("rpms_default_repository", "modules_default_repository")


def with_hints(refused: Refused, settings: Settings, *, from_files: bool) -> Refused:
    """Add hints to a refusal; with `from_files` the modules to build against were given as files."""
    hints = [*_missing_repositories(refused, settings), *(_missing_modules(refused) if from_files else ())]
    return type(refused)(*refused.problems, *hints)


def _missing_repositories(refused: Refused, settings: Settings) -> Iterator[Problem]:
    """Tell of the settings whose repositories were looked for and are not on this machine."""
    for name in _REPOSITORIES:
        url = getattr(settings, name)
        location = location_of(url)
        if location is None or location.scheme != "file" or Path(location.path).is_dir():
            continue
        if any(url in problem.message for problem in refused.problems):
            yield Problem(
                f"There is no directory {location.path}, where the setting {name} looks. "
                "The repositories of the examples are made by: devhub examples"
            )


def _missing_modules(refused: Refused) -> Iterator[Problem]:
    if any(NO_BUILDS in problem.message for problem in refused.problems):
        yield Problem(
            "Give the documents of the modules to build against with --module. They are printed by: "
            "mbs plan FILE --modulemd (of what is not built yet), mbs show NSVC --modulemd (of what is registered)"
        )
