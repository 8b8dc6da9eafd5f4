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
    found = groups.read(call.connection, tag_id, event, inherit).values()
    return [
        {
            **group,
            "packagelist": [
                {key: package[key] for key in package if key != "name"}
                for package in group["packagelist"].values()
                if incl_pkgs and (incl_blocked or not package["blocked"])
            ],
        }
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
    groups.add(call.connection, tag["id"], grpinfo, {**opts, "blocked": block})


@method("groupListRemove", writes=True)
def grplist_remove(call: Call, taginfo: NameOrId, grpinfo: NameOrId, force: bool = False) -> None:
    """Take a tag's own group away."""
    call.require("tag")
    groups.remove(call.connection, tags.must_find(call.connection, taginfo)["id"], grpinfo)


@method("groupListBlock", writes=True)
def grplist_block(call: Call, taginfo: NameOrId, grpinfo: NameOrId) -> None:
    """Block a group in a tag."""
    grplist_add(call, taginfo, grpinfo, block=True)


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
    groups.add_package(call.connection, tag_id, grpinfo, pkg_name, {**opts, "blocked": block})


@method("groupPackageListRemove", writes=True)
def grp_pkg_remove(call: Call, taginfo: NameOrId, grpinfo: NameOrId, pkg_name: str) -> None:
    """Take a package out of a tag's own group."""
    call.require("tag")
    tag_id = lookup.must_find(call.connection, "tags", taginfo)["id"]
    groups.remove_package(call.connection, tag_id, grpinfo, pkg_name)


@method("groupPackageListBlock", writes=True)
def grp_pkg_block(call: Call, taginfo: NameOrId, grpinfo: NameOrId, pkg_name: str) -> None:
    """Block a package in a group of a tag."""
    grp_pkg_add(call, taginfo, grpinfo, pkg_name, block=True)
