"""Packages and which tags list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import koji

from devhub import lookup, packages, policy, tags
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value


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
    """List a package in a tag; an unknown package is entered. What is not said stays as it is, inherited or its own."""
    connection, tag = call.connection, tags.must_find(call.connection, taginfo)
    package = lookup.find(connection, "packages", pkginfo)
    if package is None and not isinstance(pkginfo, str):
        raise koji.GenericError(f"No such package: {pkginfo}")
    user = None if owner is None else lookup.user(connection, owner)["id"]
    _must_be_allowed(call, force=force)
    old = packages.config(connection, tag["id"], package["id"]) if package else None
    arches = old["extra_arches"] if old and extra_arches is None else extra_arches
    new = _New(user, block, None if arches is None else tags.normal_arches(arches))
    wanted = _over(old, new, tag["name"], package["name"] if package else str(pkginfo), force=force, update=update)
    ours = call.login().user_id if wanted.owner is None else wanted.owner
    packages.add(connection, tag["id"], pkginfo, ours, blocked=bool(wanted.block), extra_arches=wanted.arches)


@method("packageListBlock", writes=True)
def pkglist_block(call: Call, taginfo: NameOrId, pkginfo: NameOrId, force: bool = False) -> None:
    """Block a package in a tag: it is not visible there, inherited or not."""
    tag = tags.must_find(call.connection, taginfo)
    package = lookup.must_find(call.connection, "packages", pkginfo)
    if packages.config(call.connection, tag["id"], package["id"]) is None:
        raise koji.GenericError(f"Package {package['name']} is not in tag listing for {tag['name']}")
    pkglist_add(call, taginfo, pkginfo, block=True, force=force)


@method("packageListUnblock", writes=True)
def pkglist_unblock(call: Call, taginfo: NameOrId, pkginfo: NameOrId, force: bool = False) -> None:
    """Undo a block: an inherited one by an entry of the tag's own, the tag's own by its end."""
    connection, tag = call.connection, tags.must_find(call.connection, taginfo)
    package = lookup.must_find(connection, "packages", pkginfo)
    _must_be_allowed(call, force=force)
    entry = packages.config(connection, tag["id"], package["id"])
    if entry is None:
        raise koji.GenericError(f"no data (blocked or otherwise) for package {package['name']} in tag {tag['name']}")
    if not entry["blocked"]:
        raise koji.GenericError(f"package {package['name']} NOT blocked in tag {tag['name']}")
    packages.remove(connection, tag["id"], package["id"])
    if not packages.is_listed(connection, tag["id"], package["id"]):
        facts = {"blocked": False, "extra_arches": entry["extra_arches"]}
        packages.add(connection, tag["id"], package["id"], entry["owner_id"], **facts)


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
        return options.shape(_all_packages(call, prefix or ""), queryOpts)
    if userID is not None and not with_owners:
        raise koji.GenericError("userID and with_owners=False can't be used together")
    owner = None if userID is None else lookup.user(connection, userID)["id"]
    package_id = None if pkgID is None else lookup.must_find(connection, "packages", pkgID)["id"]
    if tagID is None:
        found = packages.everywhere(connection, event, package_id=package_id)
    else:
        tag_id = lookup.must_find(connection, "tags", tagID)["id"]
        found = list(packages.listed(connection, tag_id, event, inherit=inherited, package_id=package_id).values())
    chosen = [row for row in found if owner in (None, row["owner_id"]) and (with_blocked or not row["blocked"])]
    named = [row for row in chosen if row["package_name"].lower().startswith((prefix or "").lower())]
    return options.shape(named if with_owners else [_without_owner(row) for row in named], queryOpts)


@method("checkTagPackage")
def check_tag_package(call: Call, tag: NameOrId, pkg: NameOrId) -> bool:
    """Whether a tag lists a package, unblocked; not where there is no such tag or package."""
    entry = get_package_config(call, tag, pkg)
    return entry is not None and not entry["blocked"]


@method("getPackageConfig")
def get_package_config(call: Call, tag: NameOrId, pkg: NameOrId, event: int | None = None) -> dict[str, Any] | None:
    """Give a package's entry in a tag, inherited or its own, or nil, also where there is no such tag or package."""
    found, package = lookup.find(call.connection, "tags", tag), lookup.find(call.connection, "packages", pkg)
    return packages.config(call.connection, found["id"], package["id"], event) if found and package else None


@method("getPackageID")
def get_package_id(call: Call, name: Value, strict: bool = False) -> int | None:
    """Give the id of a package's name, or nil."""
    found = lookup.find(call.connection, "packages", name) if isinstance(name, str) else None
    if found is None and strict:
        raise koji.GenericError(f"No such package name: {name}")
    return found["id"] if found else None


@method("getPackage")
def lookup_package(call: Call, info: NameOrId, strict: bool = False, create: bool = False) -> dict[str, Any] | None:
    """Give a package's id and name, or nil."""
    return (lookup.must_find if strict else lookup.find)(call.connection, "packages", info)


@dataclass(frozen=True, slots=True)
class _New:
    """What is to be said of a package in a tag; None: not said."""

    owner: int | None
    block: bool | None
    arches: str | None


def _over(old: dict[str, Any] | None, new: _New, tag: str, package: str, *, force: bool, update: bool) -> _New:
    """Give what a package's entry in a tag becomes, or raise what a hub raises (Koji: _direct_pkglist_add)."""
    if old is None:
        if update and not force:
            raise koji.GenericError(f"cannot update: tag {tag} has no data for package {package}")
        if new.owner is None and not force:
            raise koji.GenericError("owner not specified")
        return new
    owner = old["owner_id"] if new.owner is None else new.owner
    block = old["blocked"] if new.block is None else bool(new.block)
    if old["blocked"] and not block and not force:
        raise koji.GenericError(f"package {package} is blocked in tag {tag}")
    return _New(owner, block, new.arches)


def _must_be_allowed(call: Call, *, force: bool = False) -> None:
    call.login()
    if not (force and call.has()):
        policy.must_allow("package_list", (), call.permissions)


def _all_packages(call: Call, prefix: str) -> list[dict[str, Any]]:
    query = "SELECT id AS package_id, name AS package_name FROM packages WHERE name LIKE ? || '%' ESCAPE '\\'"
    return [dict(row) for row in call.connection.execute(f"{query} ORDER BY name", (options.escaped(prefix),))]


def _without_owner(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in row if key not in ("owner_id", "owner_name")}
