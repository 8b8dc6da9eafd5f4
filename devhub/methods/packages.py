"""Packages and which tags list them."""

from __future__ import annotations

from typing import Any

import koji

from devhub import lookup, packages, tags
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value

ONLY_ADMIN = "Only admin/tag can do this via default policy"


@method("packageListAdd", writes=True)
def pkglist_add(
    call: Call,
    taginfo: NameOrId,
    pkginfo: NameOrId,
    owner: NameOrId | None = None,
    block: bool | None = None,
    extra_arches: str | None = None,
    force: bool = False,
    update: bool = False,
) -> None:
    """List a package in a tag; an unknown package is entered."""
    _must_be_allowed(call)
    tag = tags.must_find(call.connection, taginfo)
    user = lookup.user(call.connection, call.login().user_id if owner is None else owner)
    arches = tags.normal_arches(extra_arches)
    packages.add(call.connection, tag["id"], pkginfo, user["id"], blocked=bool(block), extra_arches=arches)


@method("packageListRemove", writes=True)
def pkglist_remove(call: Call, taginfo: NameOrId, pkginfo: NameOrId, force: bool = False) -> None:
    """Take a tag's own entry of a package away."""
    _must_be_allowed(call)
    tag = tags.must_find(call.connection, taginfo)
    package = lookup.must_find(call.connection, "packages", pkginfo)
    packages.remove(call.connection, tag["id"], package["id"])


@method("packageListBlock", writes=True)
def pkglist_block(call: Call, taginfo: NameOrId, pkginfo: NameOrId, force: bool = False) -> None:
    """Block a package in a tag: it is not visible there, inherited or not."""
    _set_blocked(call, taginfo, pkginfo, blocked=True)


@method("packageListUnblock", writes=True)
def pkglist_unblock(call: Call, taginfo: NameOrId, pkginfo: NameOrId, force: bool = False) -> None:
    """Undo a block; raises GenericError when there is none."""
    _set_blocked(call, taginfo, pkginfo, blocked=False)


@method("packageListSetOwner", writes=True)
def pkglist_setowner(call: Call, taginfo: NameOrId, pkginfo: NameOrId, owner: NameOrId, force: bool = False) -> None:
    """Change the owner of a package in a tag."""
    pkglist_add(call, taginfo, pkginfo, owner, force=force)


@method("listPackages")
def list_packages(
    call: Call,
    tagID: NameOrId | None = None,
    userID: NameOrId | None = None,
    pkgID: NameOrId | None = None,
    prefix: str | None = None,
    inherited: bool = False,
    with_dups: bool = False,
    event: int | None = None,
    queryOpts: dict[str, Value] | None = None,
    with_owners: bool = True,
    with_blocked: bool = True,
) -> Value:
    """List the packages of a tag, or all packages the hub knows."""
    connection = call.connection
    if tagID is None and userID is None and pkgID is None:
        known = connection.execute("SELECT id AS package_id, name AS package_name FROM packages ORDER BY name")
        return options.shape([dict(row) for row in known if row["package_name"].startswith(prefix or "")], queryOpts)
    if tagID is None:
        raise koji.GenericError("listPackages of a user or a package needs a tag on this hub")
    tag = tags.must_find(connection, tagID, event)
    owner = None if userID is None else lookup.user(connection, userID)["name"]
    package_id = None if pkgID is None else lookup.must_find(connection, "packages", pkgID)["id"]
    found = packages.listed(connection, tag["id"], event, inherit=inherited, package_id=package_id).values()
    rows = [entry for entry in found if entry["package_name"].startswith(prefix or "")]
    rows = [entry for entry in rows if owner in (None, entry["owner_name"]) and (with_blocked or not entry["blocked"])]
    return options.shape(rows, queryOpts)


@method("listPackagesSimple")
def list_packages_simple(call: Call, prefix: str | None = None, queryOpts: dict[str, Value] | None = None) -> Value:
    """List all packages that the hub knows."""
    return list_packages(call, prefix=prefix, queryOpts=queryOpts)


@method("checkTagPackage")
def check_tag_package(call: Call, tag: NameOrId, pkg: NameOrId) -> bool:
    """Whether a tag lists a package, unblocked."""
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    package = lookup.find(call.connection, "packages", pkg)
    return package is not None and packages.is_listed(call.connection, tag_id, package["id"])


@method("getPackageConfig")
def get_package_config(call: Call, tag: NameOrId, pkg: NameOrId, event: int | None = None) -> dict[str, Any] | None:
    """Give a package's entry in a tag, inherited or its own, or nil."""
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    package = lookup.find(call.connection, "packages", pkg)
    return packages.config(call.connection, tag_id, package["id"], event) if package else None


@method("getPackageID")
def get_package_id(call: Call, info: NameOrId, strict: bool = False, create: bool = False) -> int | None:
    """Give a package's id, or nil."""
    found = lookup_package(call, info, strict)
    return found["id"] if found else None


@method("getPackage")
def lookup_package(call: Call, info: NameOrId, strict: bool = False, create: bool = False) -> dict[str, Any] | None:
    """Give a package's id and name, or nil."""
    return (lookup.must_find if strict else lookup.find)(call.connection, "packages", info)


def _must_be_allowed(call: Call) -> None:
    call.login()
    if not call.has("tag"):
        problem = f"policy violation (package_list): {ONLY_ADMIN} [rule: all :: deny {ONLY_ADMIN}]"
        raise koji.ActionNotAllowed(problem)


def _set_blocked(call: Call, taginfo: NameOrId, pkginfo: NameOrId, *, blocked: bool) -> None:
    _must_be_allowed(call)
    connection = call.connection
    tag = tags.must_find(connection, taginfo)
    package = lookup.must_find(connection, "packages", pkginfo)
    entry = packages.config(connection, tag["id"], package["id"])
    if entry is None:
        raise koji.GenericError(f"no data (blocked or otherwise) for package {package['name']} in tag {tag['name']}")
    if not blocked and not entry["blocked"]:
        raise koji.GenericError(f"package {package['name']} NOT blocked in tag {tag['name']}")
    packages.add(connection, tag["id"], package["id"], entry["owner_id"], blocked=blocked)
