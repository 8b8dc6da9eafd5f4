"""Koji's side of publishing: the facts of the module's RPMs, the import, and the tag for the compose.

Everything here may be interrupted at any line and run again: uploads go to a directory of the module build's own,
the import is one transaction of the hub, and what is imported or tagged already is left as it is.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mbs.koji.builds import BuildState
from mbs.koji.faults import accepted
from mbs.koji.session import Hub, call
from mbs.model.errors import BuildFailed, HubRefused
from mbs.model.naming import CONTENT_GENERATOR
from mbs.publish.metadata import OutputFile
from mbs.publish.rpms import BINARY_HEADERS, SOURCE_HEADERS, RpmFact, rpm_facts

ALREADY_IMPORTED = "Build already exists"


def tagged_rpm_facts(hub: Hub, koji_tag: str) -> tuple[RpmFact, ...]:
    """Ask for the RPMs of a tag and their headers; the facts on which all documents rest (§16.4)."""
    rpms, builds = hub.call("listTaggedRPMS", koji_tag, latest=True)
    answers = hub.multicall(
        call("getRPMHeaders", rpmID=rpm["id"], headers=list(SOURCE_HEADERS if rpm["arch"] == "src" else BINARY_HEADERS))
        for rpm in rpms
    )
    headers = {rpm["id"]: accepted(answer) for rpm, answer in zip(rpms, answers, strict=True)}
    return rpm_facts(rpms, builds, headers)


def known_owner(hub: Hub, owner: str) -> str | None:
    """Give the owner if Koji knows such a user; an import with an unknown one is refused."""
    return owner if hub.call("getUser", owner) else None


def list_owner(hub: Hub, owner: str) -> str:
    """Give who owns an entry of a package list: the packager, or this service where Koji does not know them."""
    name: str = known_owner(hub, owner) or hub.call("getLoggedInUser")["name"]
    return name


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
    """Tag the module build into the first of the tags that exists; gives it, or None where there is none (§16.3)."""
    tag = next((tag for tag in candidate_tags if hub.call("getTag", tag)), None)
    if tag is None or any(listed["name"] == tag for listed in hub.call("listTags", build=nvr)):
        return tag
    name = hub.call("getBuild", nvr, strict=True)["name"]
    if not hub.call("checkTagPackage", tag, name):
        hub.call("packageListAdd", tag, name, owner)
    _tag(hub, tag, nvr)
    return tag


def _tag(hub: Hub, tag: str, nvr: str) -> None:
    """Tag at once rather than by a task: nothing to wait for; being tagged meanwhile is what we want."""
    try:
        hub.call("tagBuildBypass", tag, nvr)
    except HubRefused:
        if not any(listed["name"] == tag for listed in hub.call("listTags", build=nvr)):
            raise


def _upload(hub: Hub, directory: str, files: Sequence[OutputFile]) -> None:
    with tempfile.TemporaryDirectory(prefix="module-import-") as folder:
        for file in files:
            path = Path(folder, file.filename)
            path.write_bytes(file.content)
            hub.upload(path, directory)


def _as_koji_reads(metadata: object) -> object:
    """Give plain lists and dicts: XML-RPC knows neither tuples nor mappings of other kinds."""
    return json.loads(json.dumps(metadata))
