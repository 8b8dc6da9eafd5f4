"""RPM files and repositories for the tests of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest

from devhub.builder.package import Requirement
from devhub.builder.repository import write_repository
from devhub.builder.rpmwriter import NewRpm, write_rpm

BITS = {"<": 2, ">": 4, "=": 8}


def requirement(text: str) -> Requirement:
    """Read `name`, `name >= 1` and rich expressions."""
    if text.startswith("("):
        return Requirement(text)
    name, _, rest = text.partition(" ")
    sense, _, version = rest.partition(" ")
    return Requirement(name, sum(BITS[sign] for sign in sense), version)


def new_rpm(name: str, /, **facts: Any) -> NewRpm:
    """Describe a package 1-1 of noarch with whatever a test says differently; requirements are texts."""
    texts = {key: facts.get(key, ()) for key in ("provides", "requires", "conflicts")}
    lists = {key: tuple(map(requirement, value)) for key, value in texts.items()}
    basics = {"version": "1", "release": "1", "arch": "noarch", "summary": name, "license": "MIT", "build_time": 1}
    return NewRpm(**{"name": name, "source_rpm": f"{name}-1-1.src.rpm", **basics, **facts, **lists})


class WriteRepository(Protocol):
    """Writes a repository of packages, each given as its name (with _ for -) and what differs from the usual."""

    def __call__(self, **packages: dict[str, Any]) -> Path: ...


@pytest.fixture
def repository(tmp_path: Path) -> WriteRepository:
    """Give the function that writes a repository of a test's own."""

    def make(**packages: dict[str, Any]) -> Path:
        (tmp_path / "packages").mkdir(exist_ok=True)
        described = [new_rpm(name.replace("_", "-"), **facts) for name, facts in packages.items()]
        write_repository(tmp_path / "repo", tmp_path, [write_rpm(rpm, tmp_path / "packages") for rpm in described])
        return tmp_path / "repo"

    return make
