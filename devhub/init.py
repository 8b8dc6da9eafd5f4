"""Putting the first users, hosts, tags and types into an empty hub, from its YAML file."""

from __future__ import annotations

from typing import Any

from devhub import content, events, groups, lookup, packages, sessions, tags
from devhub.database import Connection, Database
from devhub.settings import Settings

PERMISSIONS = {
    "admin": "Full administrator access. Perform all actions.",
    "appliance": "Create appliance builds - deprecated.",
    "dist-repo": "Create a dist-repo.",
    "host": "Add, remove, enable, disable hosts and channels.",
    "image": "Start image tasks.",
    "image-import": "Import image archives.",
    "livecd": "Start livecd tasks.",
    "maven-import": "Import maven archives.",
    "repo": "Manage repos: newRepo, repoExpire, repoDelete, repoProblem.",
    "sign": "Import RPM signatures and write signed RPMs.",
    "tag": "Manage packages in tags: add, block, remove, and clone tags.",
    "target": "Add, edit, and remove targets.",
    "win-admin": "Start Windows builds.",
    "win-import": "Import win archives.",
    "draft-promoter": "Promote draft builds.",
}
CHANNELS = ("default", "createrepo", "maven", "livecd", "appliance", "vm", "image", "livemedia")
"""The channels of a stock hub; the builders are in the first two."""
ARCHIVE_TYPES = (
    (1, "jar", "Jar file", "jar war rar ear sar jdocbook jdocbook-style"),
    (2, "zip", "Zip file", "zip"),
    (3, "pom", "Maven Project Object Management file", "pom"),
    (4, "tar", "Tar file", "tar tar.gz tar.bz2 tar.xz tgz"),
    (5, "xml", "XML file", "xml"),
    (39, "json", "JSON data", "json"),
    (40, "txt", "Text file", "txt"),
)


def open_hub(settings: Settings) -> Database:
    """Open a hub's state, making and filling it when there is none; what a crash left half made is made whole.

    Raises `StateRefused` for a state that is not this version's.
    """
    settings.state.mkdir(parents=True, exist_ok=True)
    database = Database.open(settings.database)
    for part in ("packages", "repos", "work"):
        (settings.files / part).mkdir(parents=True, exist_ok=True)
    with database.transaction() as connection:
        if connection.execute("SELECT 1 FROM users").fetchone() is None:
            fill(connection, settings.seed)
    return database


def fill(connection: Connection, seed: dict[str, Any]) -> None:
    """Enter everything that the YAML names, and what every Koji has."""
    connection.executemany("INSERT INTO permissions (name, description) VALUES (?, ?)", PERMISSIONS.items())
    for name in CHANNELS:
        lookup.find_or_create(connection, "channels", name)
    connection.executemany("INSERT INTO archive_types VALUES (?, ?, ?, ?)", ARCHIVE_TYPES)
    for name in seed.get("btypes") or ["rpm", "module"]:
        lookup.find_or_create(connection, "btypes", name)
    for name, user in seed.get("users", {}).items():
        _user(connection, name, user or {})
    for name, host in seed.get("hosts", {}).items():
        _host(connection, name, host or {})
    for name, users in seed.get("content_generators", {}).items():
        lookup.find_or_create(connection, "content_generators", name)
        for user in users:
            content.grant(connection, lookup.user(connection, user)["id"], name)
    _tags(connection, seed.get("tags", {}))
    for name, target in seed.get("targets", {}).items():
        _target(connection, name, target)


def _user(connection: Connection, name: str, user: dict[str, Any]) -> None:
    # kojira and any user with `password: null` cannot log in; the others' passwords are their names by default.
    sessions.create_user(connection, name, user.get("password", name))
    for permission in user.get("permissions", []):
        sessions.grant(connection, name, permission, create=True)


def _host(connection: Connection, name: str, host: dict[str, Any]) -> None:
    user_id = sessions.create_user(connection, name, None, "HOST")
    connection.execute(
        "INSERT INTO hosts (user_id, name, arches, capacity) VALUES (?, ?, ?, ?)",
        (user_id, name, host.get("arches", "noarch"), host.get("capacity", 20.0)),
    )


def _tags(connection: Connection, wanted: dict[str, dict[str, Any] | None]) -> None:
    for name, tag in wanted.items():
        tag_id = tags.create(connection, name, arches=(tag or {}).get("arches", ""), perm=(tag or {}).get("perm"))
        for key, value in (tag or {}).get("extra", {}).items():
            tags.set_extra(connection, tag_id, key, value)
        events.next_one(connection)
    for name, tag in wanted.items():
        _contents(connection, tags.must_find(connection, name)["id"], tag or {})


def _contents(connection: Connection, tag_id: int, tag: dict[str, Any]) -> None:
    names = [lookup.must_find(connection, "tags", parent) for parent in tag.get("parents", [])]
    links = [
        tags.Link(tag_id, parent["id"], parent["name"], 10 * place, None, False, False, "")
        for place, parent in enumerate(names)
    ]
    tags.set_parents(connection, tag_id, links)
    for package, owner in tag.get("packages", {}).items():
        packages.add(connection, tag_id, package, lookup.user(connection, owner)["id"])
    for group, members in tag.get("groups", {}).items():
        groups.add(connection, tag_id, group, {})
        for member in members:
            groups.add_package(connection, tag_id, group, member, {})


def _target(connection: Connection, name: str, target: dict[str, str]) -> None:
    target_id = lookup.find_or_create(connection, "build_targets", name)
    ends = {key: tags.must_find(connection, target[key])["id"] for key in ("build_tag", "dest_tag")}
    events.insert(connection, "build_target_config", target_id=target_id, **ends)
