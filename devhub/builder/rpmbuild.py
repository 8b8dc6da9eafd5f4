"""Make source RPMs and RPMs with rpmbuild in a prepared build root."""

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import koji

from devhub.builder.payload import unpack
from devhub.builder.process import Runner, output_of
from devhub.builder.root import environment, macro_path

#: What mock exits with when rpmbuild fails; Koji's faults quote it.
BUILD_FAILED = 1
#: What mock exits with when the build root cannot be set up.
ROOT_FAILED = 30

_WORDS = {
    BUILD_FAILED: "see build.log or root.log for more information",
    ROOT_FAILED: "see root.log for more information",
}


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where one build happens: its build root, its scratch directory, its runner."""

    root: Path
    scratch: Path
    runner: Runner


def build_error(arch: str, status: int) -> koji.BuildError:
    """The fault of a failed `buildArch`, word for word as Koji's builder raises it."""
    return koji.BuildError(f"error building package (arch {arch}), mock exited with status {status}; {_WORDS[status]}")


def srpm_error(status: int) -> koji.BuildError:
    """The fault of a failed source RPM stage."""
    return koji.BuildError(f"error building srpm, mock exited with status {status}; {_WORDS[status]}")


def build_srpm(place: Workplace, sources: Path) -> Path:
    """Make a source RPM of a directory that holds one spec file and its sources; failures are `koji.BuildError`."""
    spec = find_spec(sources)
    arguments = ["-bs", "--nodeps", "--define", f"_sourcedir {sources}", str(spec)]
    if _rpmbuild(place, arguments):
        raise srpm_error(BUILD_FAILED)
    return _only_srpm(place)


def unpack_srpm(srpm: Path, into: Path) -> Path:
    """Unpack a source RPM into a fresh directory and answer it."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    unpack(srpm, into)
    return into


def build_rpms(place: Workplace, srpm: Path, arch: str) -> tuple[Path, list[Path]]:
    """Build a source RPM for an arch; answers the rebuilt source RPM and the sorted RPMs.

    For a foreign arch the host's compiler builds with the host's flags and RPM labels the result, so the files are
    real and only their label is not. Raises `koji.BuildError` with Koji's words.
    """
    sources = unpack_srpm(srpm, place.scratch / "sources")
    arguments = [*target(arch), "-ba", "--nodeps", "--define", f"_sourcedir {sources}", str(find_spec(sources))]
    if _rpmbuild(place, arguments):
        raise build_error(arch, BUILD_FAILED)
    return _only_srpm(place), sorted((place.scratch / "RPMS").rglob("*.rpm"))


def target(arch: str) -> list[str]:
    """Options of rpmbuild and rpmspec for an arch: none for noarch and the host's own."""
    if arch in ("noarch", platform.machine()):
        return []
    return ["--target", arch, "--define", f"optflags {_host_flags()}"]


def find_spec(sources: Path) -> Path:
    """The one spec file of a directory; none or several raise `koji.BuildError` as Koji's builder does."""
    specs = sorted(path for path in sources.glob("*.spec") if path.is_file() and not path.is_symlink())
    if not specs:
        raise koji.BuildError("No spec file found")
    if len(specs) > 1:
        raise koji.BuildError(f"Multiple spec files found: {[spec.name for spec in specs]}")
    return specs[0]


def macros(place: Workplace) -> list[str]:
    """Options that give rpmbuild and rpmspec the macros of the build root and the directories of the build."""
    return ["--macros", macro_path(place.root), *_defines(_directories(place.scratch))]


def _rpmbuild(place: Workplace, arguments: list[str]) -> int:
    home = place.scratch / "home"
    for directory in (home, place.scratch / "BUILD"):
        directory.mkdir(parents=True, exist_ok=True)
    command = ["rpmbuild", *macros(place), *arguments]
    return place.runner.run(command, cwd=place.scratch, env=environment(place.root, home))


def _directories(scratch: Path) -> Mapping[str, str]:
    """Macros of a build; gzip payloads, because Python unpacks them without another process."""
    return {
        "_topdir": str(scratch),
        "_tmppath": str(scratch / "home"),
        "_dbpath": str(scratch / "rpmdb"),
        "_binary_payload": "w6.gzdio",
        "_source_payload": "w6.gzdio",
        "vendor": "Koji",
    }


def _defines(values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--define", f"{name} {value}")]


def _only_srpm(place: Workplace) -> Path:
    (srpm,) = (place.scratch / "SRPMS").glob("*.src.rpm")
    return srpm


@cache
def _host_flags() -> str:
    return output_of(["rpm", "--eval", "%{optflags}"]).strip()
