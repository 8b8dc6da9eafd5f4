"""Tags and their inheritance."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import koji

from devhub import builds, events, lookup, tags
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value

CHANGED_FIELDS = ("parent_id", "priority", "maxdepth", "intransitive", "noconfig", "pkg_filter")
LINK_FIELDS = ("child_id", "parent_id", "name", "priority", "maxdepth", "intransitive", "noconfig", "pkg_filter")


@method("getTag")
def get_tag(
    call: Call, tagInfo: NameOrId, strict: bool = False, event: int | str | None = None, blocked: bool = False
) -> dict[str, Any] | None:
    """Give a tag, or nil; as it was at `event` if given ("auto": as it was last, where it was deleted)."""
    finder = tags.must_find if strict else tags.find
    if event != "auto":
        return finder(call.connection, tagInfo, None if event is None else int(event))
    deleted = _deleted(call, tagInfo)
    found = finder(call.connection, tagInfo, None if deleted is None else deleted - 1)
    return found if deleted is None or found is None else {**found, "revoke_event": deleted}


@method("listTags")
def list_tags(
    call: Call,
    build: builds.BuildRef | None = None,
    package: NameOrId | None = None,
    perms: bool = True,
    queryOpts: dict[str, Value] | None = None,
    pattern: str | None = None,
) -> Value:
    """List the tags, those a build is in, or those that list a package (then with its entry in each)."""
    if build is not None and package is not None:
        raise koji.GenericError("only one of build and package may be specified")
    values: dict[str, Value] = {"pattern": None if pattern is None else options.like(pattern)}
    more, joins, conditions = "", "", ["tag_config.revoke_event IS NULL"]
    if build is not None:
        values["build"] = _build_id(call, build)
        conditions.append(
            "tags.id IN (SELECT tag_id FROM tag_listing WHERE build_id = :build AND revoke_event IS NULL)"
        )
    elif package is not None:
        values["package"] = _package_id(call, package)
        more = ", owner AS owner_id, users.name AS owner_name, blocked, extra_arches"
        joins = " JOIN tag_packages ON tag_packages.tag_id = tags.id JOIN users ON users.id = owner"
        conditions.append("package_id = :package AND tag_packages.revoke_event IS NULL")
    rows = call.connection.execute(
        f"SELECT tags.id, tags.name, arches, {'perm_id, permissions.name AS perm, ' if perms else ''}locked,"
        f" maven_support, maven_include_all{more} FROM tag_config JOIN tags ON tags.id = tag_config.tag_id"
        f" LEFT JOIN permissions ON permissions.id = perm_id{joins} WHERE {' AND '.join(conditions)}"
        " AND (:pattern IS NULL OR tags.name LIKE :pattern ESCAPE '\\') ORDER BY tags.id",
        values,
    )
    return options.shape([_with_booleans(dict(row)) for row in rows], queryOpts)


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
    if maven_support or maven_include_all:
        raise koji.GenericError("Maven support not enabled")
    above = tags.find(connection, parent) if parent else None
    tag_id = tags.create(connection, name, arches=arches, perm=perm, locked=bool(locked))
    if parent and above is None:
        raise koji.GenericError(f"Parent tag '{parent}' could not be found")
    if above:
        tags.set_parents(connection, tag_id, [tags.Link(tag_id, above["id"], above["name"], 0, None, False, False, "")])
    for key, value in (extra or {}).items():
        tags.set_extra(connection, tag_id, key, value)
    return tag_id


@method("editTag2", writes=True)
def edit_tag(call: Call, tagInfo: NameOrId, **kwargs: Value) -> None:
    """Change a tag: name, arches (nil: its parents'), perm, locked, extra (merged), remove_extra, block_extra."""
    call.require("tag")
    connection = call.connection
    if {"maven_support", "maven_include_all"} & kwargs.keys():
        raise koji.GenericError("Maven support not enabled")
    tag = tags.must_find(connection, tagInfo)
    changes: dict[str, Value] = {key: kwargs[key] for key in ("arches", "locked") if key in kwargs}
    if changes.get("arches"):
        changes["arches"] = tags.normal_arches(changes["arches"])
    if "perm" in kwargs or "perm_id" in kwargs:
        perm = kwargs.get("perm_id", kwargs.get("perm"))
        changes["perm_id"] = None if perm is None else lookup.must_find(connection, "permissions", perm)["id"]
    if kwargs.get("name") and kwargs["name"] != tag["name"]:
        tags.rename(connection, tag["id"], kwargs["name"])
    tags.configure(connection, tag["id"], **changes)
    _edit_extra(call, tag, kwargs)


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
    """Add, change or (`delete link`) remove parents of a tag; `clear` removes those not given.

    A change must have all fields of a link, and a parent that exists; with `clear` all links are made anew.
    """
    tag_id = lookup.must_find(call.connection, "tags", tag)["id"]
    call.require("tag")
    changes = data if isinstance(data, list) else [data]
    parents = [_parent(call, change) for change in changes]
    links = {} if clear else {link.parent_id: link for link in tags.parents(call.connection, tag_id)}
    for change, parent in zip(changes, parents, strict=True):
        if change.get("delete link"):
            links.pop(parent["id"], None)
        else:
            given = {key: change[key] for key in CHANGED_FIELDS[1:]}
            links[parent["id"]] = tags.Link(tag_id, parent["id"], parent["name"], **given)
    tags.set_parents(call.connection, tag_id, list(links.values()), anew=clear)


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


def _edit_extra(call: Call, tag: dict[str, Any], changes: dict[str, Value]) -> None:
    extra, removed, blocked = (changes.get(key) or empty for key, empty in EXTRA_CHANGES.items())
    both = sorted(set(extra).intersection([*removed, *blocked]))
    if both:
        raise koji.GenericError(f"Can not both add/update and remove tag-extra: '{both[0]}'")
    for key, value in extra.items():
        tags.set_extra(call.connection, tag["id"], key, value)
    for key in blocked:
        tags.block_extra(call.connection, tag["id"], key)
    if removed:
        tags.remove_extra(call.connection, tag["id"], removed)


EXTRA_CHANGES: dict[str, Any] = {"extra": {}, "remove_extra": [], "block_extra": []}


def _parent(call: Call, change: dict[str, Value]) -> dict[str, Any]:
    """Give the tag that a change of the inheritance is about, once the change has all that it needs."""
    for field in CHANGED_FIELDS[:1] if change.get("delete link") else CHANGED_FIELDS:
        if field not in change:
            raise koji.GenericError(f"No value for {field}")
    return tags.must_find(call.connection, change["parent_id"])


def _deleted(call: Call, tag: NameOrId) -> int | None:
    """Give the event of a tag's deletion, None for one that is or never was."""
    found = lookup.find(call.connection, "tags", tag)
    if found is None or tags.find(call.connection, found["id"]) is not None:
        return None
    query = "SELECT max(revoke_event) AS event FROM tag_config WHERE tag_id = ?"
    event: int | None = call.connection.execute(query, (found["id"],)).fetchone()["event"]
    return event


def _build_id(call: Call, build: builds.BuildRef) -> int:
    found = builds.get(call.connection, build)
    if found is None:
        raise koji.GenericError(f"No such build: {build}")
    return int(found["id"])


def _package_id(call: Call, package: NameOrId) -> int:
    found = lookup.find(call.connection, "packages", package)
    if found is None:
        raise koji.GenericError(f"No such package: {package}")
    return int(found["id"])


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
    flags = ("locked", "maven_support", "maven_include_all", "blocked")
    return {**row, **{key: bool(row[key]) for key in flags if key in row}}
