"""Tagging builds, and what tags show."""

from __future__ import annotations

from typing import Any

import koji

from devhub import builds, events, listing, lookup, packages, tags, tasks
from devhub.builds import BuildRef
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("tagBuild", writes=True)
def tag_build(call: Call, tag: NameOrId, build: BuildRef, force: bool = False, fromtag: NameOrId | None = None) -> int:
    """Ask for a build to be tagged and give the id of the task; checks the tag and its package list at once."""
    session = call.login()
    connection = call.connection
    found = builds.must_find(connection, build)
    to_tag = tags.must_find(connection, tag)
    from_tag = tags.must_find(connection, fromtag) if fromtag else None
    if found["state"] != builds.COMPLETE:
        raise koji.TagError(f"build {found['nvr']} not complete: state {koji.BUILD_STATES[found['state']]}")
    for touched in filter(None, (to_tag, from_tag)):
        listing.must_allow(touched, call.permissions, force)
    _must_list(call, to_tag, found, force=force)
    request = [to_tag["id"], found["id"], force, from_tag["id"] if from_tag else None]
    return tasks.create(connection, "tagBuild", request, owner=session.user_id, priority=10)


@method("tagBuildBypass", writes=True)
def tag_build_bypass(call: Call, tag: NameOrId, build: BuildRef, force: bool = False, notify: bool = False) -> None:
    """Tag a build now, without looking at the package list."""
    session = call.require("tag")
    found_tag = tags.must_find(call.connection, tag)
    found = builds.must_find(call.connection, build)
    listing.must_allow(found_tag, call.permissions, force)
    listing.tag_build(call.connection, found_tag, found["id"], session.user_id, force)


@method("untagBuild", writes=True)
def untag_build(call: Call, tag: NameOrId, build: BuildRef, strict: bool = True, force: bool = False) -> None:
    """Untag a build now."""
    session = call.login()
    found_tag = tags.must_find(call.connection, tag)
    found = builds.must_find(call.connection, build)
    listing.must_allow(found_tag, call.permissions, force)
    listing.untag_build(call.connection, found_tag, found["id"], session.user_id, strict)


@method("untagBuildBypass", writes=True)
def untag_build_bypass(
    call: Call, tag: NameOrId, build: BuildRef, strict: bool = True, force: bool = False, notify: bool = False
) -> None:
    """Untag a build now; needs the tag permission."""
    call.require("tag")
    untag_build(call, tag, build, strict, force)


@method("massTag", writes=True)
def mass_tag(call: Call, tag: NameOrId, builds: list[BuildRef]) -> None:
    """Tag builds in their order, each at an event of its own, again where they are tagged, without any check."""
    session = call.require("tag")
    found_tag = tags.must_find(call.connection, tag)
    for build in builds:
        listing.tag_build(call.connection, found_tag, _must_find(call, build)["id"], session.user_id, force=True)
        events.next_one(call.connection)


@method("listTagged")
def list_tagged(
    call: Call,
    tag: NameOrId,
    event: int | None = None,
    inherit: bool = False,
    prefix: str | None = None,
    latest: bool | int | None = False,
    package: str | None = None,
    owner: str | None = None,
    type: str | None = None,
    strict: bool = True,
    extra: bool = False,
    draft: bool | None = None,
) -> list[dict[str, Any]]:
    """List the builds of a tag, the last tagged first; `latest` gives only the first N (True: one) of a package."""
    found = (tags.must_find if strict else tags.find)(call.connection, tag, event)
    query = _query(event, inherit, latest, package, owner, type)
    rows = _tagged(call, found["id"], query, extra) if found else []
    return [row for row in rows if row["package_name"].lower().startswith((prefix or "").lower())]


@method("listTaggedRPMS")
def list_tagged_rpms(
    call: Call,
    tag: NameOrId,
    event: int | None = None,
    inherit: bool = False,
    latest: bool | int | None = False,
    package: str | None = None,
    arch: str | list[str] | None = None,
    rpmsigs: bool = False,
    owner: str | None = None,
    type: str | None = None,
    strict: bool = True,
    extra: bool = True,
    draft: bool | None = None,
) -> list[list[dict[str, Any]]]:
    """Give the RPMs of a tag's builds and these builds; nothing at all of a tag that is not there."""
    found = (tags.must_find if strict else tags.find)(call.connection, tag, event)
    query = _query(event, inherit, latest, package, owner, type)
    return _tagged_rpms(call, found["id"], query, arch, rpmsigs=rpmsigs, extra=extra) if found else []


@method("getLatestBuilds")
def get_latest_builds(
    call: Call,
    tag: NameOrId,
    event: int | None = None,
    package: str | None = None,
    type: str | None = None,
    draft: bool | None = None,
) -> list[dict[str, Any]]:
    """List the latest build of each package, inherited ones included; a deleted tag, or an unknown id, has none."""
    tag_id = tag if isinstance(tag, int) else lookup.must_find(call.connection, "tags", tag)["id"]
    return _tagged(call, tag_id, _query(event, True, True, package, None, type))


@method("getLatestRPMS")
def get_latest_rpms(
    call: Call,
    tag: NameOrId,
    package: str | None = None,
    arch: str | list[str] | None = None,
    event: int | None = None,
    rpmsigs: bool = False,
    type: str | None = None,
    draft: bool | None = None,
) -> list[list[dict[str, Any]]]:
    """Give the RPMs of the latest builds, inherited ones included, and these builds."""
    tag_id = tag if isinstance(tag, int) else lookup.must_find(call.connection, "tags", tag)["id"]
    return _tagged_rpms(call, tag_id, _query(event, True, True, package, None, type), arch, rpmsigs=rpmsigs)


@method("untaggedBuilds")
def untagged_builds(
    call: Call, name: str | None = None, queryOpts: dict[str, Value] | None = None, draft: bool | None = None
) -> Value:
    """List complete builds that are in no tag."""
    return options.shape(listing.untagged(call.connection, name), queryOpts)


@method("queryHistory")
def query_history(call: Call, tables: list[str] | None = None, **kwargs: Value) -> dict[str, list[dict[str, Any]]]:
    """Give when builds were tagged and untagged, by build, package, tag or user, all or what is (not) `active` now.

    Other tables have no history here. A hub passes over what it does not know: `koji untag-build` asks for a `pkg`.
    """
    unknown = sorted(set(kwargs) - {"build", "package", "tag", "user", "active", "queryOpts", "pkg"})
    if unknown:
        raise koji.GenericError(f"queryHistory by {', '.join(unknown)} is not available on this hub")
    if tables is not None and "tag_listing" not in tables:
        return {table: [] for table in tables}
    return {"tag_listing": listing.history(call.connection, **_history_filter(call, kwargs))}


def _query(
    event: int | None,
    inherit: bool,
    latest: bool | int | None,
    package: str | None,
    owner: str | None,
    btype: str | None,
) -> listing.Query:
    return listing.Query(event, inherit, int(latest or 0), package or None, owner or None, btype)


def _tagged(call: Call, tag_id: int, query: listing.Query, extra: bool = False) -> list[dict[str, Any]]:
    rows = listing.tagged_builds(call.connection, tag_id, query)
    return [{**row, "extra": _must_find(call, row["id"])["extra"]} for row in rows] if extra else rows


def _tagged_rpms(
    call: Call, tag_id: int, query: listing.Query, arch: str | list[str] | None, *, rpmsigs: bool, extra: bool = True
) -> list[list[dict[str, Any]]]:
    arches = [arch] if isinstance(arch, str) else arch
    rpms, found = listing.tagged_rpms(call.connection, tag_id, query, arches or None)
    signed = [{**rpm, "sigkey": ""} for rpm in rpms] if rpmsigs else rpms
    return [signed if extra else [{key: rpm[key] for key in rpm if key != "extra"} for rpm in signed], found]


def _history_filter(call: Call, wanted: dict[str, Value]) -> dict[str, int | None]:
    connection, active = call.connection, wanted.get("active")
    build, package, tag, user = (wanted.get(key) for key in ("build", "package", "tag", "user"))
    return {
        "build_id": None if build is None else _must_find(call, build)["id"],
        "package_id": None if package is None else lookup.must_find(connection, "packages", package)["id"],
        "tag_id": None if tag is None else lookup.must_find(connection, "tags", tag)["id"],
        "user_id": None if user is None else lookup.user(connection, user)["id"],
        "active": None if active is None else bool(active),
    }


def _must_find(call: Call, build: BuildRef) -> dict[str, Any]:
    return builds.must_find(call.connection, build)


def _must_list(call: Call, tag: dict[str, Any], build: dict[str, Any], *, force: bool) -> None:
    entry = packages.config(call.connection, tag["id"], build["package_id"])
    if entry is not None and not entry["blocked"]:
        return
    if not (force and call.has()):
        problem = "not in list for" if entry is None else "blocked in"
        raise koji.TagError(f"Package {build['name']} {problem} {tag['name']}")
    packages.add(call.connection, tag["id"], build["package_id"], call.login().user_id)
