"""Module builds of trivial packages, for tests that have a hub build them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from msgspec.structs import replace

from devhub.examples import publish
from mbs.model.nsvc import NSVC
from mbs.model.plan import BuildPlan, PlannedComponent, PlannedDependency, PlannedGroup, PlannedMacros, Publication
from mbs.registry import Allocation, Registry
from tests.conftest import RunningHub, record

ARCHES = ("x86_64", "aarch64")


class NewPlan(Protocol):
    """Records a module build of packages, each with its batch, and gives its plan; `fields` are those that differ."""

    def __call__(self, *packages: tuple[str, int], **fields: Any) -> BuildPlan: ...


@pytest.fixture
def new_plan(registry: Registry, running_hub: RunningHub, tmp_path: Path) -> NewPlan:
    """Record a module build and give its plan; each has an NSVC and tags of its own.

    Packages are the examples, or the trivial ones of `SPECS`, whose releases are the plan's own without macros.
    """
    count = iter(range(1, 100))

    def make(*packages: tuple[str, int], **fields: Any) -> BuildPlan:
        version = int(datetime.now(UTC).timestamp() * 1000) * 100 + next(count)
        nsvc = NSVC("greeter", "1", version, "c0ffee42")

        def for_build(allocation: Allocation) -> BuildPlan:
            plan = plan_of(nsvc, allocation.build_id)
            trivial = [name for name, _ in packages if f"rpms/{name}" not in running_hub.sources]
            sources = {**running_hub.sources, **own_sources(tmp_path, plan.dist, trivial)}
            components = tuple(planned(sources[f"rpms/{name}"], name, batch) for name, batch in packages)
            names = tuple(component.name for component in components)
            return replace(plan, **{"components": components, "packages": names, **fields})

        return registry.documents.plan(record(registry, nsvc, for_build, by="alice").build.id)

    return make


def planned(source: str, name: str, batch: int) -> PlannedComponent:
    return PlannedComponent(name=name, source=source, ref=source.partition("#")[2], batch=batch, arches=ARCHES)


def own_sources(directory: Path, dist: str, names: Iterable[str]) -> Mapping[str, str]:
    """Make git repositories of the trivial packages with a release of their own, and of others that are as trivial."""
    for name, rule in {**dict.fromkeys(names, ""), **SPECS}.items():
        package = directory / "examples" / "rpms" / name
        package.mkdir(parents=True, exist_ok=True)
        release = "1" if name == "bare" else f"1.{dist}"
        called = NAMED_OTHERWISE.get(name, name)
        (package / f"{called}.spec").write_text(SPEC.format(name=called, release=release, rule=rule))
    return publish(directory / "examples", directory / "git")


SPECS = {
    "noarch-words": "BuildArch: noarch",
    "tool": "",
    "x86-tool": "ExclusiveArch: x86_64",
    "needy": "BuildRequires: what-nobody-has",
    "broken": "BuildArch: noarch",
    "bare": "BuildArch: noarch",
    "scl-tool": "",
}
"""What a package has of its own; `bare` has the same release in every module."""
NAMED_OTHERWISE = {"scl-tool": "rh-tool"}
"""Packages by the component that they are."""
SPEC = """\
Name: {name}
Version: 1
Release: {release}
Summary: A trivial package
License: MIT
{rule}
%description
A trivial package.
%files
"""


def plan_of(nsvc: NSVC, build_id: int) -> BuildPlan:
    tag = f"module-{nsvc.name}-{nsvc.stream}-{nsvc.version}-{nsvc.context}"
    dist = f"module+f40+{build_id}+{nsvc.version % 0xFFFFFFFF:08x}"
    return BuildPlan(
        nsvc=nsvc,
        build_id=build_id,
        owner="alice",
        scmurl=None,
        branch=None,
        scratch=False,
        rebuild_strategy="changed-and-after",
        koji_tag=tag,
        build_tag=f"{tag}-build",
        target=tag,
        dist=dist,
        arches=ARCHES,
        tag_permission=None,
        tag_extra={"mock.package_manager": "dnf", "repo_include_all": True},
        packages=(),
        blocked_packages=(),
        dependencies=(PlannedDependency("platform", "f40", 1, "00000000", "module-f40-build", base=True, priority=10),),
        groups=(PlannedGroup("build", ("bash", "gcc")), PlannedGroup("srpm-build", ("bash",))),
        macros=PlannedMacros(f"%dist .{dist}\n%modularitylabel {nsvc}\n"),
        components=(),
        publication=Publication("1", f"{nsvc.version}.{nsvc.context}"),
        modulemd=MODULEMD,
    )


MODULEMD = """\
document: modulemd
version: 2
data:
  name: greeter
  stream: "1"
  version: 1
  context: c0ffee42
  summary: A module
  description: A module.
  license:
    module: [MIT]
  xmd:
    mbs:
      buildrequires: {}
"""
