"""Tags: their configuration, their inheritance, and when they last changed.

    tag = must_find(connection, "f40")                      # getTag's struct, or GenericError
    for link in inheritance(connection, tag["id"]): ...     # every ancestor, nearest first

All reads take an `event` to look back to; writes happen at the running transaction's event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import koji

from devhub import events, lookup
from devhub.database import Connection
from devhub.lookup import NameOrId
from devhub.values import Value

VERSIONED_TABLES = (
    *("tag_listing", "tag_inheritance", "tag_config", "tag_packages", "tag_external_repos", "tag_extra"),
    *("group_packages", "group_config"),
)
"""The tables whose rows belong to a tag: a row that appears or ends there is a change of that tag."""


@dataclass(frozen=True, slots=True)
class Link:
    """A step of the full inheritance: from a child to a parent, with the limits that apply on the way."""

    child_id: int
    parent_id: int
    name: str
    priority: int
    maxdepth: int | None
    intransitive: bool
    noconfig: bool
    pkg_filter: str
    currdepth: int = 1
    nextdepth: int | None = None
    filter: tuple[str, ...] = ()


def find(connection: Connection, ref: NameOrId, event: int | None = None) -> dict[str, Any] | None:
    """Give getTag's struct of a tag at an event, or None."""
    found = lookup.find(connection, "tags", ref)
    row = (
        found
        and connection.execute(
            "SELECT tag_config.*, permissions.name AS perm FROM tag_config"
            " LEFT JOIN permissions ON permissions.id = perm_id"
            f" WHERE tag_id = ? AND {events.during(event)}",
            (found["id"],),
        ).fetchone()
    )
    if not found or not row:
        return None
    moment = {} if event is None else {"query_event": event}
    return {
        **moment,
        "id": found["id"],
        "name": found["name"],
        "arches": row["arches"],
        "perm": row["perm"],
        "perm_id": row["perm_id"],
        "locked": bool(row["locked"]),
        "maven_support": bool(row["maven_support"]),
        "maven_include_all": bool(row["maven_include_all"]),
        "extra": extra_of(connection, found["id"], event),
    }


def must_find(connection: Connection, ref: NameOrId, event: int | None = None) -> dict[str, Any]:
    """Give getTag's struct or raise GenericError "No such tagInfo"."""
    found = find(connection, ref, event)
    if found is None:
        raise koji.GenericError(f"No such tagInfo: {ref!r}")
    return found


def extra_of(connection: Connection, tag_id: int, event: int | None = None) -> dict[str, Value]:
    """Give a tag's own extra settings."""
    query = f"SELECT key, value FROM tag_extra WHERE tag_id = ? AND {events.during(event)}"
    rows = connection.execute(query, (tag_id,))
    return {row["key"]: json.loads(row["value"]) for row in rows if row["value"] is not None}


def arches(connection: Connection, ref: NameOrId, event: int | None = None) -> list[str]:
    """Give the arches of a tag, or those of the nearest ancestor that has some."""
    return (build_config(connection, ref, event)["arches"] or "").split()


def create(
    connection: Connection, name: str, *, arches: str | None = None, perm: NameOrId | None = None, **flags: bool
) -> int:
    """Create a tag and give its id, a deleted tag's old one; raise GenericError when the name is in use.

    A tag made without arches has none, and inherits none: only `editTag2` with nil makes it inherit them.
    """
    lookup.check_name(name)
    words = normal_arches(arches)
    if find(connection, name):
        raise koji.GenericError(f"A tag with the name {name!r} already exists")
    perm_id = None if perm is None else lookup.must_find(connection, "permissions", perm)["id"]
    tag_id = lookup.find_or_create(connection, "tags", name)
    events.insert(connection, "tag_config", tag_id=tag_id, arches=words, perm_id=perm_id, **flags)
    return tag_id


def configure(connection: Connection, tag_id: int, **changes: Value) -> None:
    """Replace columns of a tag's configuration; no event when nothing differs."""
    query = "SELECT arches, perm_id, locked, maven_support, maven_include_all FROM tag_config"
    old = dict(connection.execute(f"{query} WHERE tag_id = ? AND revoke_event IS NULL", (tag_id,)).fetchone())
    new = {**old, **changes}
    if new != old:
        events.revoke(connection, "tag_config", tag_id=tag_id)
        events.insert(connection, "tag_config", tag_id=tag_id, **new)


def rename(connection: Connection, tag_id: int, name: str) -> None:
    """Give a tag another name, which must be free."""
    if lookup.find(connection, "tags", lookup.check_name(name)):
        raise koji.GenericError(f"Name {name} already taken by tag {lookup.must_find(connection, 'tags', name)['id']}")
    connection.execute("UPDATE tags SET name = ? WHERE id = ?", (name, tag_id))


def set_extra(connection: Connection, tag_id: int, key: str, value: Value) -> None:
    """Set an extra setting of a tag; no event when it has that value."""
    old = extra_of(connection, tag_id)
    if key not in old or old[key] != value:
        _replace_extra(connection, tag_id, key, json.dumps(value))


def block_extra(connection: Connection, tag_id: int, key: str) -> None:
    """Keep an extra setting of an ancestor from being inherited."""
    _replace_extra(connection, tag_id, key, None)


def remove_extra(connection: Connection, tag_id: int, keys: list[str]) -> None:
    """Remove extra settings; raise GenericError when the tag has none of such names."""
    missing = [key for key in keys if key not in extra_of(connection, tag_id)]
    if missing:
        name = lookup.must_find(connection, "tags", tag_id)["name"]
        raise koji.GenericError(f"Tag: {name} doesn't have extra: {', '.join(missing)}")
    for key in keys:
        events.revoke(connection, "tag_extra", tag_id=tag_id, key=key)


def delete(connection: Connection, tag_id: int) -> None:
    """End everything a tag has and is; its id stays with its name, its targets go."""
    for table in VERSIONED_TABLES:
        events.revoke(connection, table, tag_id=tag_id)
    events.revoke(connection, "tag_inheritance", parent_id=tag_id)
    events.revoke(connection, "build_target_config", build_tag=tag_id)
    events.revoke(connection, "build_target_config", dest_tag=tag_id)


def normal_arches(arches: str | None) -> str:
    """Give arches as one string of words, or raise GenericError when one is no arch name; None is none."""
    return str(koji.parse_arches(arches, strict=True, allow_none=True))


def build_config(connection: Connection, ref: NameOrId, event: int | None = None) -> dict[str, Any]:
    """Give a tag's struct with arches and extra merged along its inheritance, and where they came from.

    `config_inheritance` names the ancestor of inherited arches (None: its own) and of each inherited key
    (Koji: getBuildConfig).
    """
    tag = must_find(connection, ref, event)
    sources: dict[str, Any] = {"arches": None, "extra": {}}
    blocked = _blocked_extra(connection, tag["id"], event)
    for link in inheritance(connection, tag["id"], event):
        parent = None if link.noconfig else find(connection, link.parent_id, event)
        if parent is None:
            continue
        origin = {"id": parent["id"], "name": parent["name"]}
        if tag["arches"] is None and parent["arches"] is not None:
            tag["arches"], sources["arches"] = parent["arches"], origin
        missing = {key: value for key, value in parent["extra"].items() if key not in {*tag["extra"], *blocked}}
        tag["extra"].update(missing)
        sources["extra"].update(dict.fromkeys(missing, origin))
        blocked |= _blocked_extra(connection, parent["id"], event)
    return {**tag, "config_inheritance": sources}


def parents(connection: Connection, tag_id: int, event: int | None = None) -> list[Link]:
    """Read a tag's own inheritance, by priority."""
    query = (
        "SELECT tag_id AS child_id, parent_id, name, priority, maxdepth, intransitive, noconfig, pkg_filter"
        " FROM tag_inheritance JOIN tags ON tags.id = parent_id"
        f" WHERE tag_id = ? AND {events.during(event)} ORDER BY priority"
    )
    return [_link(dict(row)) for row in connection.execute(query, (tag_id,))]


def set_parents(connection: Connection, tag_id: int, links: list[Link], anew: bool = False) -> None:
    """Make a tag's own inheritance these links, ending and adding only what differs, or (`anew`) all of it.

    Raises GenericError when two parents have the same priority.
    """
    _must_differ_in_priority(tag_id, links)
    old = {link.parent_id: link for link in parents(connection, tag_id)}
    new = {link.parent_id: link for link in links}
    for parent_id, link in old.items():
        if anew or link != new.get(parent_id):
            events.revoke(connection, "tag_inheritance", tag_id=tag_id, parent_id=parent_id)
    for parent_id, link in new.items():
        if anew or link != old.get(parent_id):
            _insert_link(connection, tag_id, link)


def inheritance(connection: Connection, tag_id: int, event: int | None = None) -> list[Link]:
    """Give every ancestor of a tag in Koji's order: depth first, by priority, without needless repeats."""
    return list(_walk(connection, _Step(tag_id, event, {}, frozenset((tag_id,)))))


def members(connection: Connection, tag_id: int, event: int | None = None) -> list[int]:
    """Give the ids of a tag and all its ancestors, each once, nearest first."""
    return list(dict.fromkeys([tag_id, *(link.parent_id for link in inheritance(connection, tag_id, event))]))


def last_change(connection: Connection, tag_id: int, before: int | None = None, inherit: bool = True) -> int | None:
    """Give the latest event that changed a tag or an ancestor, optionally only those before an event."""
    tags = members(connection, tag_id, before) if inherit else [tag_id]
    return _edge(connection, tags, "max", "<", before)


def first_change(connection: Connection, tag_id: int, after: int | None = None) -> int | None:
    """Give the first event (after another) that changed a tag or an ancestor."""
    return _edge(connection, members(connection, tag_id), "min", ">", after)


def _replace_extra(connection: Connection, tag_id: int, key: str, value: str | None) -> None:
    events.revoke(connection, "tag_extra", tag_id=tag_id, key=key)
    events.insert(connection, "tag_extra", tag_id=tag_id, key=key, value=value)


def _blocked_extra(connection: Connection, tag_id: int, event: int | None) -> set[str]:
    query = f"SELECT key FROM tag_extra WHERE tag_id = ? AND value IS NULL AND {events.during(event)}"
    return {row["key"] for row in connection.execute(query, (tag_id,))}


@dataclass(frozen=True, slots=True)
class _Step:
    """Where a walk through the inheritance stands; `seen` is shared by the whole walk."""

    tag_id: int
    event: int | None
    seen: dict[int, list[Link]]
    path: frozenset[int]
    depth: int = 1
    maxdepth: int | None = None
    noconfig: bool = False
    filters: tuple[str, ...] = ()


def _walk(connection: Connection, step: _Step) -> Iterator[Link]:
    if step.maxdepth is not None and step.maxdepth < 1:
        return
    noconfig = step.noconfig
    for link in parents(connection, step.tag_id, step.event):
        if link.parent_id in step.path or (link.intransitive and step.depth > 1):
            continue
        # Koji lets noconfig of one link hold for the later ones of the same child too.
        noconfig = noconfig or link.noconfig
        filters = (*step.filters, link.pkg_filter) if link.pkg_filter else step.filters
        met = replace(link, currdepth=step.depth, nextdepth=_next_depth(link.maxdepth, step.maxdepth), filter=filters)
        if any(_covers(previous, met, noconfig) for previous in step.seen.get(met.parent_id, [])):
            continue
        step.seen.setdefault(met.parent_id, []).append(met)
        yield met
        path, depth = step.path | {met.parent_id}, step.depth + 1
        below = _Step(met.parent_id, step.event, step.seen, path, depth, met.nextdepth, noconfig, filters)
        yield from _walk(connection, below)


def _covers(previous: Link, link: Link, noconfig: bool) -> bool:
    deep_enough = previous.nextdepth is None or (link.nextdepth is not None and previous.nextdepth >= link.nextdepth)
    return deep_enough and not previous.filter and not (previous.noconfig and not noconfig)


def _next_depth(own: int | None, limit: int | None) -> int | None:
    if own is None:
        return None if limit is None else limit - 1
    return own if limit is None else min(own, limit) - 1


def _edge(connection: Connection, tags: list[int], function: str, comparison: str, bound: int | None) -> int | None:
    ids = ",".join(str(int(tag)) for tag in tags)
    found: list[int] = []
    for table in VERSIONED_TABLES:
        for column in ("create_event", "revoke_event"):
            limit = "" if bound is None else f" AND {column} {comparison} {int(bound)}"
            query = f"SELECT {function}({column}) FROM {table} WHERE tag_id IN ({ids}){limit}"
            value = connection.execute(query).fetchone()[0]
            if value is not None:
                found.append(value)
    if not found:
        return None
    return max(found) if function == "max" else min(found)


def _must_differ_in_priority(tag_id: int, links: list[Link]) -> None:
    by_priority: dict[int, list[int]] = {}
    for link in links:
        by_priority.setdefault(link.priority, []).append(link.parent_id)
    for priority, same in by_priority.items():
        if len(same) > 1:
            problem = f"Multiple parent tags ({same}) cannot have the same priority value ({priority})"
            raise koji.GenericError(f"{problem} on child tag {tag_id}")


def _insert_link(connection: Connection, tag_id: int, link: Link) -> None:
    events.insert(
        connection,
        "tag_inheritance",
        tag_id=tag_id,
        parent_id=link.parent_id,
        priority=link.priority,
        maxdepth=link.maxdepth,
        intransitive=link.intransitive,
        noconfig=link.noconfig,
        pkg_filter=link.pkg_filter,
    )


def _link(row: dict[str, Any]) -> Link:
    return Link(**{**row, "intransitive": bool(row["intransitive"]), "noconfig": bool(row["noconfig"])})
