"""Users, permissions and sessions."""

from __future__ import annotations

from typing import Any

import koji

from devhub import events, lookup, sessions
from devhub.lookup import NameOrId
from devhub.methods.registry import Call, method
from devhub.values import Value


@method("login", writes=True)
def login(
    call: Call,
    user: str,
    password: str,
    opts: dict[str, Value] | None = None,
    renew: bool = False,
    exclusive: bool = False,
) -> dict[str, Any]:
    """Make a session and give its id and key."""
    if call.session is not None:
        raise koji.AuthError("Already logged in")
    return sessions.login(call.connection, user, password)


@method("logout", writes=True)
def logout(call: Call, session_id: int | None = None) -> None:
    """End the caller's session, or another of theirs (an admin: anybody's)."""
    session = call.session
    if session is None:
        raise koji.AuthError("Not logged in")
    if session_id is not None and session_id != session.id:
        row = call.connection.execute("SELECT user_id FROM sessions WHERE id = ?", (session_id,)).fetchone()
        if row is None or (row["user_id"] != session.user_id and not call.has()):
            raise koji.ActionNotAllowed("only admins or owner may logout other session")
    sessions.close(call.connection, session.id if session_id is None else session_id)


@method("getLoggedInUser")
def get_logged_in_user(call: Call) -> dict[str, Any] | None:
    """Give the caller, or nil when nobody is logged in."""
    if call.session is None:
        return None
    user = get_user(call, call.session.user_id) or {}
    return {**user, "authtype": koji.AUTHTYPES["NORMAL"], "krb_principal": None}


@method("getSessionInfo")
def get_session_info(call: Call, details: bool = False, user_id: NameOrId | None = None) -> dict[str, Any] | None:
    """Give the caller's session, or nil; `details` adds its id. Those of a user are not listed here."""
    session = call.session
    if session is None:
        return None
    more = {"hostip": "127.0.0.1", "id": session.id} if details else {}
    return {
        **more,
        "user_id": session.user_id,
        "authtype": koji.AUTHTYPES["NORMAL"],
        "callnum": None,
        "exclusive": None,
        "expired": False,
        "master": None,
        "renew_time": None,
        "renew_ts": None,
        "start_time": events.stamp(session.start_time),
        "start_ts": session.start_time,
        "update_time": events.stamp(session.update_time),
        "update_ts": session.update_time,
    }


@method("getUser")
def get_user(
    call: Call,
    userInfo: NameOrId | None = None,
    strict: bool = False,
    krb_princs: bool = True,
    groups: bool = False,
) -> dict[str, Any] | None:
    """Give a user, or the caller; nil when there is none."""
    ref = call.session.user_id if userInfo is None and call.session else userInfo
    if ref is None:
        raise koji.GenericError("No user provided")
    found = lookup.find(call.connection, "users", ref)
    if found is None:
        if strict:
            raise koji.GenericError(f"No such user: {ref!r}")
        return None
    query = "SELECT id, name, status, usertype FROM users WHERE id = ?"
    row = dict(call.connection.execute(query, (found["id"],)).fetchone())
    return {**row, **({"krb_principals": []} if krb_princs else {}), **({"groups": []} if groups else {})}


@method("createUser", writes=True)
def create_user(call: Call, username: str, status: int | None = None, krb_principal: str | None = None) -> int:
    """Enter a user, who cannot log in before a password is set on the hub's machine; for admins."""
    call.require("admin")
    return sessions.create_user(call.connection, username, None)


@method("getUserPerms")
def get_user_perms(call: Call, userID: NameOrId | None = None, with_groups: bool = True) -> list[str]:
    """List a user's permissions, or the caller's."""
    user = get_user(call, userID, strict=True) or {}
    return sessions.permissions(call.connection, user["id"])


@method("getUserPermsInheritance")
def get_user_perms_inheritance(call: Call, userID: NameOrId) -> dict[str, list[None]]:
    """Give a user's permissions, each with the groups that it comes from: nil is the user."""
    return {name: [None] for name in get_user_perms(call, userID)}


@method("getPerms")
def get_perms(call: Call) -> list[str]:
    """List the caller's permissions."""
    return call.permissions


@method("getAllPerms")
def get_all_perms(call: Call) -> list[dict[str, Any]]:
    """List the permissions that there are."""
    rows = call.connection.execute("SELECT id, name, description FROM permissions ORDER BY id")
    return [dict(row) for row in rows]


@method("hasPerm")
def has_perm(call: Call, perm: str, strict: bool = False) -> bool:
    """Whether the caller has just this permission; an admin need not have it."""
    if strict and lookup.find(call.connection, "permissions", perm) is None:
        raise koji.GenericError(f"No such permission {perm} defined")
    return perm in call.permissions


@method("grantPermission", writes=True)
def grant_permission(
    call: Call, userinfo: NameOrId, permission: str, create: bool = False, description: str | None = None
) -> None:
    """Give a user a permission; for admins."""
    call.require("admin")
    if description is not None and not create:
        raise koji.GenericError("Description should be specified only with create.")
    sessions.grant(call.connection, userinfo, permission, create)
    if description is not None:
        query = "UPDATE permissions SET description = ? WHERE name = ?"
        call.connection.execute(query, (str(description), permission))


@method("revokePermission", writes=True)
def revoke_permission(call: Call, userinfo: NameOrId, permission: str) -> None:
    """Take a permission from a user; for admins."""
    call.require("admin")
    user = lookup.user(call.connection, userinfo)
    found = lookup.must_find(call.connection, "permissions", permission)
    query = "DELETE FROM user_perms WHERE user_id = ? AND perm_id = ?"
    if not call.connection.execute(query, (user["id"], found["id"])).rowcount:
        raise koji.GenericError(f"user {userinfo} does not have permission: {found['name']}")
