"""The facts about built RPMs on which a module's documents rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mbs.model.errors import HubRefused

SOURCE_HEADERS = ("exclusivearch", "excludearch", "license")
BINARY_HEADERS = ("license",)
DEBUG_SUFFIXES = ("-debuginfo", "-debugsource")


@dataclass(frozen=True, slots=True)
class RpmFact:
    """One RPM of a module's Koji tag, with what its headers and those of its source RPM say, where they are needed."""

    name: str
    version: str
    release: str
    arch: str
    srpm_name: str
    """Name of the source RPM that it was built from; of a source RPM, its own."""
    srpm_nevra: str
    epoch: int | None = None
    sigmd5: str = ""
    """Koji's `payloadhash`."""
    license: str = ""
    """Empty for a package without one (debuginfo)."""
    exclusivearch: tuple[str, ...] = ()
    """ExclusiveArch of the source RPM."""
    excludearch: tuple[str, ...] = ()
    """ExcludeArch of the source RPM."""

    @property
    def nevra(self) -> str:
        """Give `name-epoch:version-release.arch`, the form of modulemd's artifacts."""
        return f"{self.name}-{self.epoch or 0}:{self.version}-{self.release}.{self.arch}"

    @property
    def is_source(self) -> bool:
        """Tell whether it is a source RPM."""
        return self.arch == "src"

    @property
    def debugged_name(self) -> str | None:
        """Give the name of the package that it is the debuginfo or debugsource of; None of any other."""
        for suffix in DEBUG_SUFFIXES:
            if self.name.endswith(suffix):
                return self.name.removesuffix(suffix)
        return None


def rpm_facts(
    rpms: Sequence[Mapping[str, Any]],
    builds: Sequence[Mapping[str, Any]],
    headers: Mapping[int, Mapping[str, Any] | None] | None = None,
) -> tuple[RpmFact, ...]:
    """Make facts of what Koji answers (§16.4).

    `rpms` and `builds` are those of `listTaggedRPMS(tag, latest=True)`, `headers` what `getRPMHeaders` gave by RPM id
    where it was asked: documents are made of them, but not imports. Raises `HubRefused` naming every RPM, once and with
    its arch, whose headers Koji does not have: it is still importing them.
    """
    if headers is None:
        headers = {}
    elif missing := {f"{rpm['name']}.{rpm['arch']}" for rpm in rpms if "license" not in (headers.get(rpm["id"]) or {})}:
        raise HubRefused(f"no license header for {', '.join(sorted(missing))}", call="getRPMHeaders")
    names = {build["build_id"]: str(build["name"]) for build in builds}
    sources = {rpm["build_id"]: rpm for rpm in rpms if rpm["arch"] == "src"}
    return tuple(_fact(rpm, sources[rpm["build_id"]], names[rpm["build_id"]], headers) for rpm in rpms)


def _fact(
    rpm: Mapping[str, Any],
    source: Mapping[str, Any],
    srpm_name: str,
    headers: Mapping[int, Mapping[str, Any] | None],
) -> RpmFact:
    source_headers = headers.get(source["id"]) or {}
    return RpmFact(
        name=rpm["name"],
        version=rpm["version"],
        release=rpm["release"],
        arch=rpm["arch"],
        epoch=rpm["epoch"],
        srpm_name=srpm_name,
        srpm_nevra=f"{source['name']}-{source['epoch'] or 0}:{source['version']}-{source['release']}.src",
        sigmd5=rpm["payloadhash"],
        license=(headers.get(rpm["id"]) or {}).get("license") or "",
        exclusivearch=tuple(source_headers.get("exclusivearch") or ()),
        excludearch=tuple(source_headers.get("excludearch") or ()),
    )
