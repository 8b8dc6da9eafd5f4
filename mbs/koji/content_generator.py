"""Koji's side of publishing: the facts of the module's RPMs, the import, and the tag for the compose.

Everything here may be interrupted at any line and run again: uploads go to a directory of the module build's own,
the import is one transaction of the hub, and what is imported or tagged already is left as it is.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from mbs.koji.builds import BuildState
from mbs.koji.faults import accepted, raise_refused
from mbs.koji.session import Hub, call
from mbs.koji.tagging import package_of
from mbs.model.errors import BuildFailed, HubRefused
from mbs.model.naming import CONTENT_GENERATOR
from mbs.publish.metadata import OutputFile
from mbs.publish.rpms import BINARY_HEADERS, SOURCE_HEADERS, RpmFact, rpm_facts

ALREADY_IMPORTED = "Build already exists"


def tagged_rpms(hub: Hub, koji_tag: str) -> tuple[RpmFact, ...]:
    """Ask for the RPMs of a tag without their headers: all that an import says of them."""
    return rpm_facts(*hub.call("listTaggedRPMS", koji_tag, latest=True))


def tagged_rpm_facts(hub: Hub, koji_tag: str) -> tuple[RpmFact, ...]:
    """Ask for the RPMs of a tag and their headers; the facts on which all documents rest (§16.4).

    A hub opens the file of every RPM for it.
    """
    rpms, builds = hub.call("listTaggedRPMS", koji_tag, latest=True)
    answers = hub.multicall(
        call("getRPMHeaders", rpmID=rpm["id"], headers=list(SOURCE_HEADERS if rpm["arch"] == "src" else BINARY_HEADERS))
        for rpm in rpms
    )
    headers = {rpm["id"]: accepted(answer) for rpm, answer in zip(rpms, answers, strict=True)}
    return rpm_facts(rpms, builds, headers)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns what a module build leaves in Koji."""

    known: str | None
    """The packager if Koji knows such a user; an import with an unknown one is refused."""
    of_lists: str
    """Of entries of package lists: the packager, or this service where Koji does not know them."""


def owner_for(hub: Hub, packager: str) -> Owner:
    """Ask who is to own what a packager's module build leaves in Koji."""
    found, us = map(accepted, hub.multicall((call("getUser", packager), call("getLoggedInUser"))))
    known = packager if found else None
    return Owner(known, known or us["name"])


def import_module(
    hub: Hub, nvr: str, build_id: int, directory: str, files: Sequence[OutputFile], metadata: object
) -> bool:
    """Upload the files and import the build, unless it is there; tell whether it was imported now.

    Raises BuildFailed where Koji has another build of that name: another module's, or one that was not imported here.
    """
    if _is_imported(hub, nvr, build_id):
        return False
    _upload(hub, directory, files)
    try:
        hub.call_once("CGImport", _as_koji_reads(metadata), directory)
    except HubRefused as refused:
        if ALREADY_IMPORTED not in str(refused) or not _is_imported(hub, nvr, build_id):
            raise
        return False
    return True


def _is_imported(hub: Hub, nvr: str, build_id: int) -> bool:
    """Tell whether Koji has this module build; that it says so itself and came by our content generator proves it."""
    found = hub.call("getBuild", nvr)
    if not found or found["state"] != BuildState.COMPLETE:
        return False
    said = ((found.get("extra") or {}).get("typeinfo") or {}).get("module") or {}
    generator, number = found.get("cg_name"), said.get("module_build_service_id")
    if generator == CONTENT_GENERATOR and number == build_id:
        return True
    whose = f"module build {number} of {generator or 'nobody'}" if number is not None else "no module build"
    msg = (
        f"Koji has a build {nvr} already, which says that it is {whose}, and not module build {build_id} of "
        f"{CONTENT_GENERATOR}. Nothing was imported or tagged. Find out where it comes from; then delete it in Koji "
        "and clear this task, or submit a new version of the module."
    )
    raise BuildFailed(msg)


def tag_for_compose(hub: Hub, nvr: str, candidate_tags: Sequence[str], owner: str) -> str | None:
    """Tag the module build into the first of the tags that exists; gives it, or None where there is none (§16.3).

    At once rather than by a task: there is nothing to wait for.
    """
    package = package_of(nvr)
    questions = ((call("getTag", tag), call("checkTagPackage", tag, package)) for tag in candidate_tags)
    here, *found = map(accepted, hub.multicall([call("listTags", build=nvr), *chain.from_iterable(questions)]))
    places = zip(candidate_tags, found[::2], found[1::2], strict=True)
    tag, is_listed = next(((tag, is_listed) for tag, exists, is_listed in places if exists), (None, False))
    if tag is not None and tag not in {each["name"] for each in here}:
        listing = [] if is_listed else [call("packageListAdd", tag, package, owner)]
        raise_refused(hub.multicall([*listing, call("tagBuildBypass", tag, nvr)]), races_pass=True)
    return tag


def _upload(hub: Hub, directory: str, files: Sequence[OutputFile]) -> None:
    with tempfile.TemporaryDirectory(prefix="module-import-") as folder:
        for file in files:
            path = Path(folder, file.filename)
            path.write_bytes(file.content)
            hub.upload(path, directory)


def _as_koji_reads(metadata: object) -> object:
    """Give plain lists and dicts: XML-RPC knows neither tuples nor mappings of other kinds."""
    return json.loads(json.dumps(metadata))
