"""Tags and their inheritance."""

from __future__ import annotations

import fnmatch
from dataclasses import asdict, replace
from typing import Any

import koji

from devhub import builds, events, lookup, tags
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value

LINK_FIELDS = ("child_id", "parent_id", "name", "priority", "maxdepth", "intransitive", "noconfig", "pkg_filter")


@method("getTag")
def get_tag(
    call: Call, tagInfo: NameOrId, strict: bool = False, event: int | None = None, blocked: bool = False
) -> dict[str, Any] | None:
    """Give a tag, or nil; at `event` if given."""
    return (tags.must_find if strict else tags.find)(call.connection, tagInfo, event)


@method("getTagID")
def get_tag_id(call: Call, info: NameOrId, strict: bool = False, create: bool = False) -> int | None:
    """Give a tag's id, or nil."""
    finder = lookup.must_find if strict else lookup.find
    found = finder(call.connection, "tags", info)
    return found["id"] if found else None


@method("listTags")
def list_tags(
    call: Call,
    build: builds.BuildRef | None = None,
    package: NameOrId | None = None,
    perms: bool = True,
    queryOpts: dict[str, Value] | None = None,
    pattern: str | None = None,
) -> Value:
    """List the tags, those a build is in, or those that list a package."""
    connection = call.connection
    condition, values = "", {}
    if build is not None:
        listed = "SELECT tag_id FROM tag_listing WHERE build_id = :build AND revoke_event IS NULL"
        condition, values = f" AND tags.id IN ({listed})", {"build": builds.must_find(connection, build)["id"]}
    elif package is not None:
        listed = "SELECT tag_id FROM tag_packages WHERE package_id = :package AND revoke_event IS NULL"
        condition = f" AND tags.id IN ({listed})"
        values = {"package": lookup.must_find(connection, "packages", package)["id"]}
    rows = connection.execute(
        "SELECT tags.id, tags.name, arches, perm_id, permissions.name AS perm, locked, maven_support, maven_include_all"
        " FROM tag_config JOIN tags ON tags.id = tag_id LEFT JOIN permissions ON permissions.id = perm_id"
        f" WHERE revoke_event IS NULL{condition} ORDER BY tags.id",
        values,
    )
    found = [_with_booleans(dict(row)) for row in rows if pattern is None or fnmatch.fnmatchcase(row["name"], pattern)]
    return options.shape(found, queryOpts)


@method("createTag", writes=True)
def create_tag(
    call: Call,
    name: str,
    parent: NameOrId | None = None,
    arches: str | None = None,
    perm: NameOrId | None = None,
    locked: bool = False,
    maven_support: bool = False,
    maven_include_all: bool = False,
    extra: dict[str, Value] | None = None,
) -> int:
    """Create a tag and give its id."""
    call.require("tag")
    connection = call.connection
    lookup.check_name(name)
    above = None if parent is None else tags.find(connection, parent)
    if parent is not None and above is None:
        raise koji.GenericError(f"Parent tag '{parent}' could not be found")
    flags = {"locked": locked, "maven_support": maven_support, "maven_include_all": maven_include_all}
    tag_id = tags.create(connection, name, arches=arches or "", perm=perm, **flags)
    if above:
        tags.set_parents(connection, tag_id, [tags.Link(tag_id, above["id"], above["name"], 0, None, False, False, "")])
    for key, value in (extra or {}).items():
        tags.set_extra(connection, tag_id, key, value)
    return tag_id


EDITABLE = ("arches", "locked", "maven_support", "maven_include_all")


@method("editTag2", writes=True)
def edit_tag(call: Call, tagInfo: NameOrId, **kwargs: Value) -> None:
    """Change a tag: name, arches, perm, locked, extra (merged), remove_extra, maven_support, maven_include_all."""
    call.require("tag")
    connection = call.connection
    tag = tags.must_find(connection, tagInfo)
    if kwargs.get("name", tag["name"]) != tag["name"]:
        tags.rename(connection, tag["id"], kwargs["name"])
    changes = {key: kwargs[key] for key in EDITABLE if key in kwargs}
    if "arches" in changes:
        changes["arches"] = tags.normal_arches(changes["arches"])
    if "perm" in kwargs or "perm_id" in kwargs:
        perm = kwargs.get("perm", kwargs.get("perm_id"))
        changes["perm_id"] = None if perm is None else lookup.must_find(connection, "permissions", perm)["id"]
    tags.configure(connection, tag["id"], **changes)
    _edit_extra(call, tag, kwargs.get("extra") or {}, kwargs.get("remove_extra") or [])


@method("deleteTag", writes=True)
def delete_tag(call: Call, tagInfo: NameOrId) -> None:
    """Delete a tag with all that it lists."""
    call.require("tag")
    tags.delete(call.connection, tags.must_find(call.connection, tagInfo)["id"])


@method("getInheritanceData")
def get_inheritance_data(call: Call, tag: NameOrId, event: int | None = None) -> list[dict[str, Any]]:
    """Give a tag's own parents, by priority."""
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    return [_link(link) for link in tags.parents(call.connection, tag_id, event)]


@method("setInheritanceData", writes=True)
def set_inheritance_data(call: Call, tag: NameOrId, data: Value, clear: bool = False) -> None:
    """Add, change or (`delete link`) remove parents of a tag; `clear` removes those not given."""
    call.require("tag")
    connection = call.connection
    tag_id = lookup.must_find(connection, "tags", tag)["id"]
    links = {} if clear else {link.parent_id: link for link in tags.parents(connection, tag_id)}
    for change in data if isinstance(data, list) else [data]:
        if change.get("delete link"):
            links.pop(change["parent_id"], None)
        else:
            links[change["parent_id"]] = _changed(call, tag_id, change, links.get(change["parent_id"]))
    tags.set_parents(connection, tag_id, list(links.values()))


@method("getFullInheritance")
def get_full_inheritance(
    call: Call, tag: NameOrId, event: int | None = None, reverse: bool = False
) -> list[dict[str, Any]]:
    """Give every ancestor of a tag in the order in which they count; `reverse` gives its descendants."""
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    if reverse:
        return _descendants(call, tag_id, event)
    return [{**asdict(link), "filter": list(link.filter)} for link in tags.inheritance(call.connection, tag_id, event)]


@method("getBuildConfig")
def get_build_config(call: Call, tag: NameOrId, event: int | None = None) -> dict[str, Any]:
    """Give a tag with arches and extra merged along its inheritance."""
    return tags.build_config(call.connection, tag, event)


@method("getTagExternalRepos")
def get_tag_external_repos(
    call: Call, tag_info: NameOrId | None = None, repo_info: NameOrId | None = None, event: int | None = None
) -> list[dict[str, Any]]:
    """List the external repositories of tags; this hub builds from none, so usually none."""
    wanted_tag = None if tag_info is None else tags.must_find(call.connection, tag_info, event)["id"]
    wanted_repo = None if repo_info is None else lookup.must_find(call.connection, "external_repos", repo_info)["id"]
    rows = call.connection.execute(
        "SELECT external_repo_id, external_repos.name AS external_repo_name, url, tag_id, tags.name AS tag_name,"
        " priority, merge_mode, arches FROM tag_external_repos"
        " JOIN external_repos ON external_repos.id = external_repo_id"
        " JOIN tags ON tags.id = tag_id WHERE (?1 IS NULL OR tag_id = ?1) AND (?2 IS NULL OR external_repo_id = ?2)"
        f" AND {events.during(event)} ORDER BY priority",
        (wanted_tag, wanted_repo),
    )
    return [dict(row) for row in rows]


@method("getExternalRepoList")
def get_external_repo_list(call: Call, tag_info: NameOrId, event: int | None = None) -> list[dict[str, Any]]:
    """List the external repositories of a tag and its ancestors, each once."""
    tag_id = tags.must_find(call.connection, tag_info, event)["id"]
    found: dict[int, dict[str, Any]] = {}
    for member in tags.members(call.connection, tag_id, event):
        for repo in get_tag_external_repos(call, member, None, event):
            found.setdefault(repo["external_repo_id"], repo)
    return list(found.values())


def _edit_extra(call: Call, tag: dict[str, Any], extra: dict[str, Value], removed: list[str]) -> None:
    both = sorted(set(extra).intersection(removed))
    if both:
        raise koji.GenericError(f"Can not both add/update and remove tag-extra: '{both[0]}'")
    for key, value in extra.items():
        tags.set_extra(call.connection, tag["id"], key, value)
    for key in removed:
        tags.remove_extra(call.connection, tag["id"], key)


def _changed(call: Call, tag_id: int, change: dict[str, Value], old: tags.Link | None) -> tags.Link:
    parent = lookup.must_find(call.connection, "tags", change["parent_id"])
    if old is None and "priority" not in change:
        raise koji.GenericError(f"no priority for the new parent {parent['name']} of tag {tag_id}")
    base = old or tags.Link(tag_id, parent["id"], parent["name"], 0, None, False, False, "")
    given = {key: change[key] for key in LINK_FIELDS[3:] if key in change}
    return replace(base, **given)


def _descendants(call: Call, tag_id: int, event: int | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    level, depth, seen = [tag_id], 1, {tag_id}
    while level:
        rows = [row for parent in level for row in _children(call, parent, event) if row["tag_id"] not in seen]
        found += [{**row, "currdepth": depth, "nextdepth": None, "filter": []} for row in rows]
        level = [row["tag_id"] for row in rows if not row["intransitive"]]
        seen.update(row["tag_id"] for row in rows)
        depth += 1
    return found


def _children(call: Call, parent_id: int, event: int | None) -> list[dict[str, Any]]:
    rows = call.connection.execute(
        "SELECT tag_id, parent_id, name, priority, maxdepth, intransitive, noconfig, pkg_filter FROM tag_inheritance"
        f" JOIN tags ON tags.id = tag_id WHERE parent_id = ? AND {events.during(event)} ORDER BY tag_id",
        (parent_id,),
    )
    return [
        {**row, "intransitive": bool(row["intransitive"]), "noconfig": bool(row["noconfig"])} for row in map(dict, rows)
    ]


def _link(link: tags.Link) -> dict[str, Any]:
    return {key: getattr(link, key) for key in LINK_FIELDS}


def _with_booleans(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{key: bool(row[key]) for key in ("locked", "maven_support", "maven_include_all")}}
