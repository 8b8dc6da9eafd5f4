"""The hub itself, its hosts and channels, and what is uploaded to it."""

from __future__ import annotations

from typing import Any

import koji

from devhub import events, lookup, policy, sessions, uploads
from devhub.lookup import NameOrId
from devhub.methods import options
from devhub.methods.registry import Call, method
from devhub.values import Value

KOJI_VERSION = "1.35.3"
"""The release whose behaviour was recorded, and is kept here."""


@method("getKojiVersion")
def get_koji_version(call: Call) -> str:
    """Give the release of Koji that this hub behaves like."""
    return KOJI_VERSION


@method("getAPIVersion")
def get_api_version(call: Call) -> int:
    """Give the version of the API."""
    return 1


@method("evalPolicy")
def eval_policy(call: Call, name: str, data: dict[str, Value]) -> str:
    """Give what a policy says to the user that the data names (by default the caller)."""
    user = data.get("user_id")
    permissions = call.permissions
    if user is not None:
        permissions = sessions.permissions(call.connection, lookup.user(call.connection, user)["id"])
    return policy.answer(name, policy.open_to_all(call.settings.seed.get("policy", {})), permissions)


@method("echo")
def echo(call: Call, *args: Value) -> list[Value]:
    """Give back what was sent."""
    return list(args)


@method("mavenEnabled")
def maven_enabled(call: Call) -> bool:
    """Whether Maven builds are possible: no."""
    return False


@method("getMavenBuild")
def get_maven_build(call: Call, buildInfo: Value, strict: bool = False) -> None:
    """Give the Maven data of a build: there is none."""


@method("getWinBuild")
def get_win_build(call: Call, buildInfo: Value, strict: bool = False) -> None:
    """Give the Windows data of a build: there is none."""


@method("listHosts")
def list_hosts(
    call: Call,
    arches: str | list[str] | None = None,
    channelID: NameOrId | None = None,
    ready: bool | None = None,
    enabled: bool | None = None,
    userID: NameOrId | None = None,
    queryOpts: dict[str, Value] | None = None,
) -> Value:
    """List the builders of all or some arches, of a channel, ready ones, enabled ones, that of a user."""
    if arches is not None and not arches:
        raise koji.GenericError("arches option cannot be empty")
    wanted = [arches] if isinstance(arches, str) else arches
    user_id = None if userID is None else lookup.user(call.connection, userID)["id"]
    has_hosts = channelID is None or _has_hosts(lookup.must_find(call.connection, "channels", channelID)["name"])
    rows = [_host(dict(row)) for row in call.connection.execute("SELECT * FROM hosts ORDER BY id")]
    chosen = [
        row
        for row in rows
        if has_hosts
        and (enabled is None or row["enabled"] == enabled)
        and (ready is None or row["ready"] == ready)
        and (user_id is None or row["user_id"] == user_id)
        and (wanted is None or set(wanted) & set(row["arches"].split()))
    ]
    return options.shape(chosen, queryOpts)


@method("getHost")
def get_host(call: Call, hostInfo: NameOrId, strict: bool = False, event: int | None = None) -> dict[str, Any] | None:
    """Give a builder, or nil."""
    found = lookup.find(call.connection, "hosts", hostInfo)
    if found is None:
        if strict:
            raise koji.GenericError(f"Invalid hostInfo: {hostInfo}")
        return None
    return _host(dict(call.connection.execute("SELECT * FROM hosts WHERE id = ?", (found["id"],)).fetchone()))


@method("getLastHostUpdate")
def get_last_host_update(call: Call, hostID: int, ts: bool = False) -> str | float | None:
    """Give when a builder was last heard of, as text or (`ts`) in seconds; nil if never."""
    row = call.connection.execute("SELECT update_time FROM hosts WHERE id = ?", (hostID,)).fetchone()
    seconds = row["update_time"] if row else None
    return seconds if ts else events.stamp(seconds)


@method("listChannels")
def list_channels(
    call: Call, hostID: NameOrId | None = None, event: int | None = None, enabled: bool | None = None
) -> list[dict[str, Any]]:
    """List the channels, all or those of a builder."""
    if hostID:
        get_host(call, hostID, strict=isinstance(hostID, str))
    elif event:
        raise koji.GenericError("list_channels with event and not host is not allowed.")
    rows = [_channel(dict(row)) for row in call.connection.execute("SELECT * FROM channels ORDER BY id")]
    chosen = [row for row in rows if not hostID or _has_hosts(row["name"])]
    return [row for row in chosen if enabled is None or row["enabled"] == enabled]


@method("getChannel")
def get_channel(call: Call, channelInfo: NameOrId, strict: bool = False) -> dict[str, Any] | None:
    """Give a channel, or nil."""
    found = lookup.find(call.connection, "channels", channelInfo)
    if found is None:
        if strict:
            raise koji.GenericError("query returned no rows")
        return None
    return _channel(dict(call.connection.execute("SELECT * FROM channels WHERE id = ?", (found["id"],)).fetchone()))


@method("checkUpload")
def check_upload(
    call: Call,
    path: str,
    name: str,
    verify: str | None = None,
    tail: int | None = None,
    volume: str | None = None,
) -> dict[str, Any] | None:
    """Give size and time (and with `verify` a checksum) of an uploaded file, or nil."""
    return uploads.check(call.settings, path, name, verify, tail)


def _has_hosts(channel: str) -> bool:
    """Whether a channel has the builders in it: all of them are in these two."""
    return channel in ("default", "createrepo")


def _host(row: dict[str, Any]) -> dict[str, Any]:
    keys = ("id", "user_id", "name", "arches", "capacity", "task_load")
    return {
        **{key: row[key] for key in keys},
        "enabled": bool(row["enabled"]),
        "ready": bool(row["ready"]),
        "update_ts": row["update_time"],
        "comment": None,
        "description": None,
    }


def _channel(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "name": row["name"], "enabled": bool(row["enabled"]), "description": None, "comment": None}
