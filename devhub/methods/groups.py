"""Package groups of tags."""

from __future__ import annotations

from typing import Any

from devhub import groups, lookup, tags
from devhub.lookup import NameOrId
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("getTagGroups")
def get_tag_groups(
    call: Call,
    tag: NameOrId,
    event: int | None = None,
    inherit: bool = True,
    incl_pkgs: bool = True,
    incl_reqs: bool = True,
    incl_blocked: bool = False,
) -> list[dict[str, Any]]:
    """List the groups of a tag with their packages, without blocked ones unless asked for."""
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    lists = {"packagelist": incl_pkgs, "grouplist": incl_reqs}
    found = list(groups.read(call.connection, tag_id, event, inherit).values())
    for group in found:
        packages = group["packagelist"].values()
        group["packagelist"] = [package for package in packages if incl_blocked or not package["blocked"]]
    left_out = {key for key, wanted in lists.items() if not wanted}
    return [
        {key: value for key, value in group.items() if key not in left_out}
        for group in found
        if incl_blocked or not group["blocked"]
    ]


@method("groupListAdd", writes=True)
def grplist_add(
    call: Call, taginfo: NameOrId, grpinfo: NameOrId, block: bool = False, force: bool = False, **opts: Value
) -> None:
    """Put a group into a tag."""
    call.require("tag")
    tag = tags.must_find(call.connection, taginfo)
    groups.add(call.connection, tag["id"], grpinfo, {**opts, "blocked": block}, force=force)


@method("groupPackageListAdd", writes=True)
def grp_pkg_add(
    call: Call,
    taginfo: NameOrId,
    grpinfo: NameOrId,
    pkg_name: str,
    block: bool = False,
    force: bool = False,
    **opts: Value,
) -> None:
    """Put a package into a group of a tag."""
    call.require("tag")
    tag_id = lookup.must_find(call.connection, "tags", taginfo)["id"]
    groups.add_package(call.connection, tag_id, grpinfo, pkg_name, {**opts, "blocked": block}, force=force)
