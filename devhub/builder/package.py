"""What the header of an RPM file says about how it is built."""

from dataclasses import dataclass
from pathlib import Path

import koji

from devhub import rpmfile


@dataclass(frozen=True, slots=True)
class Requirement:
    """One entry of Requires or Conflicts: a name, or a rich expression, with RPM's sense flags and a version."""

    name: str
    flags: int = 0
    version: str = ""

    def __str__(self) -> str:
        comparison = "".join(sign for bit, sign in ((2, "<"), (4, ">"), (8, "=")) if self.flags & bit)
        return f"{self.name} {comparison} {self.version}" if comparison and self.version else self.name


@dataclass(frozen=True, slots=True)
class Package:
    """The facts of one RPM file that decide how it is built and where it goes."""

    name: str
    version: str
    release: str
    epoch: int | None
    arch: str
    requires: tuple[Requirement, ...]
    conflicts: tuple[Requirement, ...]
    exclusive_arches: tuple[str, ...]
    exclude_arches: tuple[str, ...]
    build_arches: tuple[str, ...]
    modularity_label: str | None

    @property
    def nvr(self) -> str:
        """Name, version and release, as Koji names a build."""
        return f"{self.name}-{self.version}-{self.release}"

    @property
    def filename(self) -> str:
        """The name that RPM gives to the file."""
        return f"{self.nvr}.{self.arch}.rpm"


def read_package(path: Path) -> Package:
    """Read the header of an RPM file; anything else raises `koji.BuildError`. A source RPM has the arch `src`."""
    try:
        header = rpmfile.read_header(path)
    except (koji.GenericError, OSError) as error:
        raise koji.BuildError(f"{path.name} is not a package: {error}") from error
    return Package(
        name=rpmfile.get(header, "NAME"),
        version=rpmfile.get(header, "VERSION"),
        release=rpmfile.get(header, "RELEASE"),
        epoch=rpmfile.get(header, "EPOCH"),
        arch=rpmfile.get(header, "ARCH") if rpmfile.get(header, "SOURCERPM") else "src",
        requires=_requirements(header, "REQUIRE"),
        conflicts=_requirements(header, "CONFLICT"),
        exclusive_arches=tuple(rpmfile.get(header, "EXCLUSIVEARCH")),
        exclude_arches=tuple(rpmfile.get(header, "EXCLUDEARCH")),
        build_arches=tuple(rpmfile.get(header, "BUILDARCHS")),
        modularity_label=rpmfile.get(header, "MODULARITYLABEL"),
    )


def read_source_package(path: Path) -> Package:
    """Read the header of a source RPM; a binary one raises `koji.BuildError` as Koji's builder does."""
    package = read_package(path)
    if package.arch != "src":
        raise koji.BuildError(f"{path.name} is not a source package")
    return package


def _requirements(header: rpmfile.Header, kind: str) -> tuple[Requirement, ...]:
    columns = [rpmfile.get(header, f"{kind}{column}") for column in ("NAME", "FLAGS", "VERSION")]
    return tuple(Requirement(*entry) for entry in zip(*columns, strict=True))
