"""module-build-macros: what it conflicts with, asked of Koji right before it is built (§11 step 8), and its SRPM."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mbs.koji.builds import BuildRequest, macros_options
from mbs.koji.faults import accepted
from mbs.koji.session import Hub, call
from mbs.model.errors import MbsError, NotFound
from mbs.model.naming import MACROS, NOARCH
from mbs.model.plan import BuildPlan, PlannedDependency
from mbs.planning.macros import SOURCE, conflicts, spec
from mbs.registry import Registry
from mbs.sandbox import process
from mbs.sandbox.limits import Limits
from mbs.settings import Settings
from mbs.steps import Log


def macros_request(hub: Hub, registry: Registry, plan: BuildPlan, settings: Settings, log: Log) -> BuildRequest:
    """Make and upload the SRPM, always to the same place, so that its build is found again after a crash (§13)."""
    with tempfile.TemporaryDirectory(prefix="module-build-macros-") as directory:
        source = hub.upload(_srpm(Path(directory), hub, registry, plan, settings, log), f"cli-build/{plan.dist}")
    target = plan.macros.target or plan.target
    return BuildRequest(MACROS, source, target, macros_options(plan), plan.koji_priority)


def _srpm(directory: Path, hub: Hub, registry: Registry, plan: BuildPlan, settings: Settings, log: Log) -> Path:
    colliding = colliding_rpms(hub, plan.dependencies) if settings.block_base_module_rpms else ()
    reused = [row.nvr for row in registry.components.of(plan.build_id) if row.reused_from and row.nvr]
    shadowed = conflicts(filtered_rpms(hub, registry, plan), colliding, module=plan.nsvc.name, reused=reused)
    for group in shadowed:
        log(f"Kept out of the buildroot ({group.key}): {', '.join(group.rpms)}")
    return build_srpm(directory, spec(plan.nsvc, plan.dist, shadowed), plan.macros.macros)


def filtered_rpms(hub: Hub, registry: Registry, plan: BuildPlan) -> dict[str, list[str]]:
    """Give the RPMs that dependencies filter, by dependency, each as `name-epoch:version-release`.

    Raises HubUnavailable, HubRefused.
    """
    filters = _filters(registry, plan.dependencies)
    asked = [one for one, names in filters.items() if names and one.koji_tag]
    answers = hub.multicall(call("listTaggedRPMS", one.koji_tag, latest=True) for one in asked)
    found = {one: accepted(answer)[0] for one, answer in zip(asked, answers, strict=True)}
    return {
        one.name: sorted({nevr for name, nevr in _binaries([found.get(one, ())]) if name in names})
        for one, names in filters.items()
    }


def _filters(registry: Registry, dependencies: Iterable[PlannedDependency]) -> dict[PlannedDependency, Collection[str]]:
    """Give the names that dependencies filter. Of a plan of format 1 the sandbox reads them in their documents."""
    filters: dict[PlannedDependency, Collection[str]] = {one: one.rpm_filter or () for one in dependencies}
    unknown = [one for one in filters if one.rpm_filter is None]
    texts = {one: text for one in unknown if (text := _document(registry, one)) is not None}
    if texts:
        answer = process.run("mbs.planning.sandboxed:rpm_filters", tuple(texts.values()), {}, Limits())
        filters |= zip(texts, msgspec.convert(answer, tuple[tuple[str, ...], ...]), strict=True)
    return filters


def _document(registry: Registry, dependency: PlannedDependency) -> str | None:
    """Give the document of a dependency: the final one, of a module that was built elsewhere that of its import."""
    try:
        build = registry.builds.get(dependency.nsvc)
    except NotFound:
        return None
    final = (
        row.text for row in registry.documents.final(build.id) if (row.name, row.arch) == (dependency.name, NOARCH)
    )
    return next(final, None) or registry.documents.modulemd(build.id)


def colliding_rpms(hub: Hub, dependencies: Iterable[PlannedDependency]) -> list[str]:
    """Give the RPMs of base modules whose name another dependency has too, with another version.

    External repositories of the tags are not looked into. Raises HubUnavailable, HubRefused.
    """
    asked = [one for one in dependencies if one.koji_tag]
    answers = hub.multicall(call("listTaggedRPMS", one.koji_tag, latest=True, inherit=True) for one in asked)
    found = [(one.base, accepted(answer)[0]) for one, answer in zip(asked, answers, strict=True)]
    base = set(_binaries(rpms for is_base, rpms in found if is_base))
    others = set(_binaries(rpms for is_base, rpms in found if not is_base))
    names = {name for name, _ in others}
    return sorted(nevr for name, nevr in base - others if name in names)


def _binaries(answers: Iterable[Iterable[Mapping[str, Any]]]) -> Iterator[tuple[str, str]]:
    """Give name and NEVR of all RPMs; the spec of the macros cannot conflict with source RPMs."""
    return ((rpm["name"], _nevr(rpm)) for rpms in answers for rpm in rpms if rpm["arch"] != "src")


def _nevr(rpm: Mapping[str, Any]) -> str:
    return f"{rpm['name']}-{rpm['epoch'] or 0}:{rpm['version']}-{rpm['release']}"


_TIMEOUT = 60.0
_FILE_TIME = 946684800
"""Of the sources: 2000-01-01 in seconds since the epoch."""
_REPRODUCIBLE = {
    "source_date_epoch_from_changelog": "1",
    "use_source_date_epoch_as_buildtime": "1",
    "_buildhost": "localhost",
    "_source_payload": "w9.gzdio",
}
"""The build's time is the changelog's, and nothing of the host shows in the file.

The spec names its directories by RPM's variables instead of its macros for the same end: RPM keeps the expanded spec.
"""


class SrpmFailed(MbsError):
    """rpmbuild did not make an SRPM; its output says why."""


def build_srpm(directory: Path, spec_text: str, macros: str) -> Path:
    """Write the texts below `directory`, build, and give the SRPM's path; the directory must not hold another SRPM."""
    sources = directory / "SOURCES"
    sources.mkdir(parents=True, exist_ok=True)
    spec_file = _written(sources / f"{MACROS}.spec", spec_text)
    _written(sources / SOURCE, macros)
    done = _run(["rpmbuild", *_defines(directory), "-bs", "--nodeps", str(spec_file)], directory)
    srpms = list((directory / "SRPMS").glob("*.src.rpm"))
    if done.returncode or len(srpms) != 1:
        raise SrpmFailed(f"rpmbuild of {MACROS} failed:\n{(done.stdout + done.stderr).strip()}")
    return srpms[0]


def _run(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise SrpmFailed(
            f"{command[0]} is not on this machine; install the package rpm-build (rpm on Debian)"
        ) from None
    except subprocess.TimeoutExpired:
        raise SrpmFailed(f"{command[0]} did not end within {_TIMEOUT:g} seconds; is this machine overloaded?") from None


def _defines(directory: Path) -> list[str]:
    macros = {"_topdir": str(directory), "_sourcedir": str(directory / "SOURCES")}
    return [word for name, body in (macros | _REPRODUCIBLE).items() for word in ("--define", f"{name} {body}")]


def _environment(directory: Path) -> dict[str, str]:
    """Leave the user's macros out: they are looked for in HOME."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _written(path: Path, text: str) -> Path:
    """Write a source with a fixed time, since RPM keeps the times of sources."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    os.utime(path, (_FILE_TIME, _FILE_TIME))
    return path
