"""Users, permissions and sessions."""

from __future__ import annotations

from typing import Any

import koji

from devhub import events, lookup, sessions
from devhub.lookup import NameOrId
from devhub.methods import options
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
    return {**(get_user(call, call.session.user_id) or {}), "authtype": koji.AUTHTYPES["NORMAL"]}


@method("getSessionInfo")
def get_session_info(call: Call, details: bool = False, user_id: NameOrId | None = None) -> dict[str, Any] | None:
    """Give the caller's session, or nil."""
    session = call.session
    if session is None:
        return None
    return {
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


@method("showSession")
def show_session(call: Call) -> str:
    """Describe the caller's session in words."""
    session = call.session
    return "session: not logged in" if session is None else f"session {session.id} of {session.user_name}"


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
    found = None if ref is None else lookup.find(call.connection, "users", ref)
    if found is None:
        if strict:
            raise koji.GenericError(f"No such user: {ref!r}")
        return None
    query = "SELECT id, name, status, usertype FROM users WHERE id = ?"
    row = dict(call.connection.execute(query, (found["id"],)).fetchone())
    return {**row, "krb_principals": [], "krb_principal": None} if krb_princs else row


@method("listUsers")
def list_users(
    call: Call,
    userType: int = koji.USERTYPES["NORMAL"],
    prefix: str | None = None,
    queryOpts: dict[str, Value] | None = None,
) -> Value:
    """List the users of a type."""
    query = "SELECT id, name, status, usertype FROM users WHERE usertype = ? ORDER BY id"
    rows = [dict(row) for row in call.connection.execute(query, (userType,))]
    named = [row for row in rows if row["name"].startswith(prefix or "")]
    return options.shape([{**row, "krb_principals": []} for row in named], queryOpts)


@method("createUser", writes=True)
def create_user(call: Call, username: str, status: int | None = None, krb_principal: str | None = None) -> int:
    """Enter a user, who cannot log in before a password is set on the hub's machine; for admins."""
    call.require("admin")
    return sessions.create_user(call.connection, username, None)


@method("getUserPerms")
def get_user_perms(call: Call, userID: NameOrId | None = None, with_groups: bool = True) -> list[str]:
    """List a user's permissions."""
    user = lookup.user(call.connection, call.login().user_id if userID is None else userID)
    return sessions.permissions(call.connection, user["id"])


@method("getPerms")
def get_perms(call: Call) -> list[str]:
    """List the caller's permissions."""
    return call.permissions


@method("getAllPerms")
def get_all_perms(call: Call) -> list[dict[str, Any]]:
    """List the permissions that there are."""
    rows = call.connection.execute("SELECT id, name, description FROM permissions ORDER BY id")
    return [dict(row) for row in rows]


@method("getPerm")
def lookup_perm(call: Call, info: NameOrId, strict: bool = False) -> dict[str, Any] | None:
    """Give a permission, or nil."""
    return (lookup.must_find if strict else lookup.find)(call.connection, "permissions", info)


@method("hasPerm")
def has_perm(call: Call, perm: str, strict: bool = False) -> bool:
    """Whether the caller has a permission."""
    return call.has(perm)


@method("grantPermission", writes=True)
def grant_permission(
    call: Call, userinfo: NameOrId, permission: str, create: bool = False, description: str | None = None
) -> None:
    """Give a user a permission; for admins."""
    call.require("admin")
    sessions.grant(call.connection, userinfo, permission, create)


@method("revokePermission", writes=True)
def revoke_permission(call: Call, userinfo: NameOrId, permission: str) -> None:
    """Take a permission from a user; for admins."""
    call.require("admin")
    user = lookup.user(call.connection, userinfo)
    found = lookup.must_find(call.connection, "permissions", permission)
    query = "DELETE FROM user_perms WHERE user_id = ? AND perm_id = ?"
    if not call.connection.execute(query, (user["id"], found["id"])).rowcount:
        raise koji.GenericError(f"user {user['name']} does not have permission: {permission}")
