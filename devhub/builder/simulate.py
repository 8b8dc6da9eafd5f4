"""Make the RPMs of a source package without compiling it: what `rpmspec` says they are, written as real RPM files.

Names, subpackages, releases, arches and the dependencies that a spec declares are those of the real thing; the files
are missing, and with them the dependencies that rpmbuild would find in them.
"""

import subprocess
import time
from pathlib import Path
from typing import Final

import koji

from devhub.builder.package import Requirement
from devhub.builder.process import host_environment
from devhub.builder.rpmbuild import BUILD_FAILED, Workplace, build_error, find_spec, macros, target, unpack_srpm
from devhub.builder.rpmwriter import NewRpm, write_rpm

_FIELD, _ITEM, _PART, _RECORD = "\x1f", "\x1e", "\x1d", "\x1c"
_SCALARS = ("NAME", "VERSION", "RELEASE", "ARCH", "EPOCH", "LICENSE", "MODULARITYLABEL", "SUMMARY")
_LISTS = ("PROVIDE", "REQUIRE", "CONFLICT")
_NONE: Final = "(none)"
_ISA: Final = {
    "x86_64": "(x86-64)",
    "i686": "(x86-32)",
    "aarch64": "(aarch-64)",
    "ppc64le": "(ppc-64)",
    "s390x": "(s390-64)",
}


def simulate_rpms(place: Workplace, srpm: Path, arch: str) -> tuple[Path, list[Path]]:
    """Do as `rpmbuild.build_rpms` does, in a fraction of its time; answers the source RPM as it came, and the RPMs."""
    sources = unpack_srpm(srpm, place.scratch / "sources")
    written = place.scratch / "RPMS"
    written.mkdir(parents=True, exist_ok=True)
    found = _query(place, find_spec(sources), arch)
    rpms = [write_rpm(_described(record, srpm.name), written) for record in found.split(_RECORD) if record]
    return srpm, sorted(rpms)


def _query(place: Workplace, spec: Path, arch: str) -> str:
    scalars = _FIELD.join(f"%{{{name}}}" for name in _SCALARS)
    lists = _FIELD.join(f"[%{{{kind}NAME}}{_PART}%{{{kind}FLAGS}}{_PART}%{{{kind}VERSION}}{_ITEM}]" for kind in _LISTS)
    query = f"{scalars}{_FIELD}{lists}{_RECORD}"
    defines = ["--define", f"_sourcedir {spec.parent}"]
    done = subprocess.run(
        ["rpmspec", *macros(place), *target(arch), *defines, "-q", "--builtrpms", "--qf", query, str(spec)],
        env=host_environment(place.scratch),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    with place.runner.log.open("a") as log:
        log.write(done.stderr)
    if done.returncode:
        raise build_error(arch, BUILD_FAILED)
    return done.stdout


def _described(record: str, source_rpm: str) -> NewRpm:
    fields = [None if value == _NONE else value for value in record.split(_FIELD)]
    name, version, release, arch, epoch, license_, label, summary = fields[: len(_SCALARS)]
    provides, requires, conflicts = (tuple(_dependencies(value or "")) for value in fields[len(_SCALARS) :])
    if not (name and version and release and arch):
        raise koji.BuildError(f"the spec file of {source_rpm} names a package without a name, version, release or arch")
    own = Requirement(f"{name}{_ISA[arch]}", 8, f"{version}-{release}") if arch in _ISA else None
    return NewRpm(
        name=name,
        version=version,
        release=release,
        arch=arch,
        summary=summary or name,
        license=license_ or "MIT",
        source_rpm=source_rpm,
        build_time=int(time.time()),
        epoch=int(epoch) if epoch else None,
        provides=(*provides, *([own] if own else [])),
        requires=requires,
        conflicts=conflicts,
        modularity_label=label,
    )


def _dependencies(items: str) -> list[Requirement]:
    parts = [item.split(_PART) for item in items.split(_ITEM) if item]
    return [Requirement(name, int(flags or 0), version) for name, flags, version in parts if name != _NONE]
