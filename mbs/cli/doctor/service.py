"""The service's own parts: its settings, the registry, Airflow, and the machine that the command runs on."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mbs.cli.airflow import AirflowClient
from mbs.cli.doctor.finding import Finding, right, unseen, wrong
from mbs.cli.doctor.hub import Base
from mbs.cli.server import ApiError
from mbs.model.naming import KOJI_BUILDS
from mbs.planning.compile import candidate_tags
from mbs.registry import BuildFilter, ModuleBuildRow, ModuleState, Page, Registry
from mbs.registry.migrate import is_current
from mbs.settings import Settings

COMPONENTS = ("metadatabase", "scheduler", "dag_processor")
"""Parts of Airflow, as its health page names them."""
SECRETS = ("fernet_key", "api_secret_key", "jwt_secret")
"""Files of var/secrets that airflow.cfg reads."""
TOOLS = {"git": "reads documents and refs", "rpmbuild": "makes the SRPM of module-build-macros"}
MANY = 500
"""Base modules that are looked at."""
OWN_PREFIXES = {"module", "scrmod"}
"""First parts of the tags that this service makes (`mbs.model.naming`)."""


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """What the registry's database tells."""

    current: bool
    """Whether it has the tables that this code needs."""
    bases: tuple[Base, ...] = ()
    """Base modules that are ready, the newest of each stream."""


@dataclass(frozen=True, slots=True)
class AirflowFacts:
    """What Airflow's API tells."""

    health: Mapping[str, str]
    """By part: healthy or not."""
    pool: Mapping[str, Any] | None = None
    refusal: str = ""
    """Why the pool could not be seen."""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """This machine."""

    tools: Mapping[str, bool]
    """Whether each is found on PATH."""
    secrets: Mapping[Path, int | None] = field(default_factory=dict)
    """The mode of each file that airflow.cfg reads a key from; None where there is none."""


def judge_settings(settings: Settings) -> Iterator[Finding]:
    """Say what contradicts what."""
    found = [*_nobody_may_by_form(settings), *_nothing_may(settings), *_never_read(settings)]
    yield from found
    if not found:
        yield right("the settings agree with each other")


def look_at_registry(registry: Registry, settings: Settings) -> RegistryFacts:
    """Ask the database. Raises RegistryUnavailable."""
    if not is_current(registry.engine):
        return RegistryFacts(current=False)
    ready = (ModuleState.READY,)
    rows = (
        row
        for name in settings.base_module_names
        for row in registry.builds.find(BuildFilter(name=name, states=ready), Page(size=MANY)).items
    )
    newest: dict[tuple[str, str], ModuleBuildRow] = {}
    for row in rows:
        key = (row.nsvc.name, row.nsvc.stream)
        newest[key] = max(newest.get(key, row), row, key=lambda each: each.nsvc.version)
    return RegistryFacts(current=True, bases=tuple(_base(row, settings) for row in newest.values()))


def judge_registry(facts: RegistryFacts, settings: Settings) -> Iterator[Finding]:
    """Say whether modules could be recorded, and built against something."""
    if not facts.current:
        yield wrong("the registry's tables are not those of this version", "mbs db upgrade")
        return
    yield right("the registry answers, its tables are current")
    names = " or ".join(settings.base_module_names)
    if not facts.bases:
        yield wrong(f"no base module ({names}) is registered, so nothing can be built", "mbs import platform.yaml")
    else:
        yield right(f"base modules: {', '.join(base.nsvc for base in facts.bases)}")


def look_at_airflow(airflow: AirflowClient, *, logged_in: bool) -> AirflowFacts:
    """Ask Airflow; its health needs no login. Raises AirflowUnavailable, ApiError."""
    answer = airflow.call("GET", "monitor/health")
    if not isinstance(answer, dict):
        raise ApiError(f"What answers at {airflow.url} is not Airflow's API.")
    health = {name: str(part.get("status")) for name, part in answer.items() if isinstance(part, dict)}
    if not logged_in:
        return AirflowFacts(health, refusal="nobody is logged in there: MBS_API_TOKEN or ~/.netrc")
    try:
        return AirflowFacts(health, airflow.get_if_found(f"pools/{KOJI_BUILDS}"))
    except ApiError as error:
        return AirflowFacts(health, refusal=str(error))


def judge_airflow(facts: AirflowFacts) -> Iterator[Finding]:
    """Say whether Airflow would start a build."""
    ill = [name for name in COMPONENTS if facts.health.get(name) != "healthy"]
    for name in ill:
        yield wrong(f"Airflow's {name} is not alive", f"airflow {name.replace('_', '-')}, or `make demo` in a checkout")
    if not ill:
        yield right("scheduler and DAG processor are alive")
    yield _pool(facts)


def judge_machine(facts: MachineFacts) -> Iterator[Finding]:
    """Say what this machine lacks as a worker, and whether its secrets are secret."""
    for tool, found in facts.tools.items():
        if not found:
            yield wrong(f"{tool} is not on PATH; it {TOOLS[tool]}", "make install")
    if all(facts.tools.values()):
        yield right(f"{' and '.join(facts.tools)} are on PATH")
    absent = [str(path) for path, mode in facts.secrets.items() if mode is None]
    open_ = [str(path) for path, mode in facts.secrets.items() if mode and mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if absent:
        yield wrong(f"airflow.cfg reads keys that are not there: {', '.join(absent)}", "`make demo`, or see deploy.md")
    if open_:
        yield wrong(f"others than the owner may read {', '.join(open_)}", f"chmod 600 {' '.join(open_)}")
    if facts.secrets and not absent and not open_:
        yield right(f"the keys in {next(iter(facts.secrets)).parent} are there, for their owner alone")


def secret_files(configured: Mapping[str, str], environ: Mapping[str, str], home: Path) -> Sequence[Path]:
    """Give the files that commands of airflow.cfg read a key from and that nothing in the environment replaces.

    `configured` has the commands by the name of their variable, `AIRFLOW__CORE__FERNET_KEY_CMD` and so on.
    """
    replaced = {name for name in configured if name in environ or name.removesuffix("_CMD") in environ}
    texts = [command for name, command in configured.items() if name not in replaced]
    return [home / "var" / "secrets" / name for name in SECRETS if any(f"var/secrets/{name}" in text for text in texts)]


def _pool(facts: AirflowFacts) -> Finding:
    if facts.refusal:
        return unseen(f"the pool {KOJI_BUILDS} could not be looked at: {facts.refusal}")
    if facts.pool is None:
        return wrong(f"Airflow has no pool {KOJI_BUILDS}, so no build could start", "mbs pools")
    if facts.pool["slots"] == 0:
        return wrong(f"the pool {KOJI_BUILDS} has no slots, so no build could start", "Admin, Pools in Airflow's UI")
    return right(f"the pool {KOJI_BUILDS} has {facts.pool['slots']} slots")


def _base(row: ModuleBuildRow, settings: Settings) -> Base:
    tags = candidate_tags(row.nsvc.stream, settings) if _tagged(settings) else ()
    return Base(str(row.nsvc), row.nsvc.stream, row.koji_tag, row.arches, tags)


def _tagged(settings: Settings) -> bool:
    return settings.koji_enable_content_generator and settings.koji_cg_tag_build


def _nobody_may_by_form(settings: Settings) -> Iterator[Finding]:
    if settings.allowed_groups and not settings.allowed_users:
        groups = ", ".join(settings.allowed_groups)
        what = f"nobody may submit by Airflow's form, which is not told who is in {groups}: allowed_users is empty"
        yield unseen(
            what, "the REST API; else allowed_users, or an empty allowed_groups, so that Airflow's roles decide"
        )


def _nothing_may(settings: Settings) -> Iterator[Finding]:
    from_scm = settings.scmurls or settings.allow_custom_scmurls
    if not (from_scm or settings.yaml_submit_allowed or settings.modules_allow_scratch):
        yield wrong("nothing may be submitted: scmurls is empty", "scmurls = https://src.example.org/modules/")
    for name in ("scmurls", "rpms_default_repository", "modules_default_repository"):
        value = getattr(settings, name)
        urls = (value,) if isinstance(value, str) else value
        if not settings.allow_local_scmurls and any(url.startswith("file:") for url in urls):
            yield wrong(f"{name} names file://, which allow_local_scmurls forbids", f"{name} = https://...")
    if settings.scratch_build_only_branches and not settings.modules_allow_scratch:
        what = "nothing may be built from scratch_build_only_branches, since modules_allow_scratch is off"
        yield wrong(what, "modules_allow_scratch = True")


def _never_read(settings: Settings) -> Iterator[Finding]:
    for key in settings.base_module_arches:
        if key.partition(":")[0] not in (*settings.base_module_names, *settings.allowed_privileged_module_names):
            what = f"base_module_arches has {key}, which is no base module"
            yield wrong(what, "base_module_names, or another key NAME:STREAM")
    if absent := OWN_PREFIXES - set(settings.koji_tag_prefixes):
        what = f"koji_tag_prefixes lacks {', '.join(sorted(absent))}: upkeep would leave the service's own targets"
        yield wrong(what, f"koji_tag_prefixes = {','.join((*settings.koji_tag_prefixes, *sorted(absent)))}")
