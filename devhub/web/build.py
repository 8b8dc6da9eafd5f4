"""The pages of a build, an RPM and a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import koji

from devhub import builds
from devhub.methods import Call, rpms
from devhub.methods import builds as build_calls
from devhub.methods import packages as package_calls
from devhub.methods import tags as tag_calls
from devhub.web.asked import ROWS, Asked, NotThere


def buildinfo(asked: Asked) -> dict[str, Any]:
    """Show a build, by its id or its name, version and release."""
    call, build = asked.call, _build(asked)
    archives = rpms.list_archives(call, buildID=build["id"])
    return {
        "build": build,
        "duration": _duration(build),
        "module": (build_calls.get_build_type(call, build["id"]) or {}).get("module"),
        "tags": tag_calls.list_tags(call, build=build["id"]),
        "rpms": _rpms(call, build),
        "archives": [{**row, "address": _archive_address(call, build, row)} for row in archives],
        "logs": build_calls.get_build_logs(call, build["id"]),
    }


def rpminfo(asked: Asked) -> dict[str, Any]:
    """Show an RPM, by its id or its file name: where it comes from, what it needs, gives and installs."""
    call, ref = asked.call, asked.ref("rpmID", "RPM")
    try:
        rpm = rpms.get_rpm(call, ref)
    except koji.GenericError:
        rpm = None
    if rpm is None:
        raise NotThere(f"There is no RPM {ref}.")
    build = builds.must_find(call.connection, rpm["build_id"])
    kinds = {"Requires": 0, "Provides": 1, "Obsoletes": 2, "Conflicts": 3}
    dependencies = {kind: rpms.get_rpm_deps(call, rpm["id"], depType=number) for kind, number in kinds.items()}
    return {
        "rpm": rpm,
        "build": build,
        "address": _rpm_address(call, build, rpm),
        "dependencies": {kind: list(map(_words, found)) for kind, found in dependencies.items() if found},
        "files": rpms.list_rpm_files(call, rpm["id"]),
        "buildroot": rpms.get_buildroot(call, rpm["buildroot_id"]) if rpm["buildroot_id"] else None,
    }


def packageinfo(asked: Asked) -> dict[str, Any]:
    """Show a package, by its id or its name: its builds, and the tags that list it."""
    call, ref = asked.call, asked.ref("packageID", "package")
    package = package_calls.lookup_package(call, ref)
    if package is None:
        raise NotThere(f"There is no package {ref}.")
    newest = {"order": "-build_id", "limit": ROWS}
    return {
        "package": package,
        "builds": build_calls.list_builds(call, packageID=package["id"], queryOpts=newest),
        "tags": tag_calls.list_tags(call, package=package["id"]),
        "seconds": build_calls.get_average_build_duration(call, package["id"]),
    }


def _build(asked: Asked) -> dict[str, Any]:
    ref = asked.ref("buildID", "build")
    try:
        found = builds.get(asked.call.connection, ref)
    except koji.GenericError:
        found = None
    if found is None:
        raise NotThere(f"There is no build {ref}.")
    return found


def _duration(build: dict[str, Any]) -> float | None:
    ends = build["start_ts"], build["completion_ts"]
    return None if None in ends else ends[1] - ends[0]


def _rpms(call: Call, build: dict[str, Any]) -> list[dict[str, Any]]:
    """List a build's RPMs by arch, the source RPM first."""
    rows = rpms.list_rpms(call, buildID=build["id"])
    ordered = sorted(rows, key=lambda rpm: (rpm["arch"] != "src", rpm["arch"], rpm["name"]))
    return [{**rpm, "address": _rpm_address(call, build, rpm)} for rpm in ordered]


def _rpm_address(call: Call, build: dict[str, Any], rpm: dict[str, Any]) -> str:
    return _address(call, Path(call.settings.paths.build(build), call.settings.paths.rpm(rpm)))


def _archive_address(call: Call, build: dict[str, Any], archive: dict[str, Any]) -> str:
    return _address(call, Path(call.settings.paths.typedir(build, archive["btype"]), archive["filename"]))


def _address(call: Call, path: Path) -> str:
    return quote(f"/kojifiles/{path.relative_to(call.settings.files)}")


def _words(dependency: dict[str, Any]) -> str:
    """Write a dependency as RPM does: `lib >= 1.2`."""
    sense = "".join(sign for bit, sign in ((2, "<"), (4, ">"), (8, "=")) if dependency["flags"] & bit)
    return f"{dependency['name']} {sense} {dependency['version']}" if sense else str(dependency["name"])
