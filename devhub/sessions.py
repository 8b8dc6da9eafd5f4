"""Who calls: passwords, sessions with their call numbers, permissions.

A session's key travels with every call and only its hash is stored. The number of a call is stored together with what
the call changed, so a repeated number after a change means that the answer was lost: RetryError, do not do it again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any

import koji

from devhub import lookup
from devhub.database import Connection

_SCRYPT: dict[str, Any] = {"n": 2**12, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class Session:
    """The session of one call; `callnum` is the number the caller gave it, if any."""

    id: int
    user_id: int
    user_name: str
    callnum: int | None
    permissions: tuple[str, ...]
    start_time: float
    update_time: float


def hash_password(password: str) -> str:
    """Give what is stored of a password: salt and scrypt hash."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


def login(connection: Connection, user: str, password: str) -> dict[str, Any]:
    """Make a session and give its id and key; raise AuthError for a wrong name or password alike."""
    row = connection.execute("SELECT id, password, status, name FROM users WHERE name = ?", (user,)).fetchone()
    stored = row["password"] if row and row["password"] else _DUMMY
    if not _matches(stored, str(password)) or stored is _DUMMY:
        raise koji.AuthError("invalid username or password")
    if row["status"] != koji.USER_STATUS["NORMAL"]:
        raise koji.AuthError(f"logins by {row['name']} are not allowed")
    key = secrets.token_urlsafe(24)
    now = time.time()
    cursor = connection.execute(
        "INSERT INTO sessions (user_id, key_hash, start_time, update_time) VALUES (?, ?, ?, ?)",
        (row["id"], _key_hash(key), now, now),
    )
    return {"session-id": cursor.lastrowid, "session-key": key, "header-auth": True}


def resume(
    connection: Connection, session_id: int, key: str, callnum: int | None, *, expired_ok: bool
) -> Session | None:
    """Give the session that a call belongs to, or None for an expired one where that is allowed (to log in again).

    Raises AuthError for a closed or wrong one, AuthExpired, and SequenceError for a call number from the past.
    """
    row = connection.execute(
        "SELECT sessions.*, users.name AS user_name, users.status FROM sessions"
        " JOIN users ON users.id = user_id WHERE sessions.id = ? AND NOT closed",
        (session_id,),
    ).fetchone()
    if row is None or not hmac.compare_digest(row["key_hash"], _key_hash(key)):
        raise koji.AuthError("Invalid session or bad credentials")
    if row["expired"]:
        if expired_ok:
            return None
        raise koji.AuthExpired(f'session "{session_id}" has expired')
    if row["status"] != koji.USER_STATUS["NORMAL"]:
        raise koji.AuthError(f"logins by {row['user_name']} are not allowed")
    if callnum is not None and row["callnum"] is not None and row["callnum"] > callnum:
        raise koji.SequenceError(f"{row['callnum']} > {callnum} (session {session_id})")
    return Session(
        id=session_id,
        user_id=row["user_id"],
        user_name=row["user_name"],
        callnum=callnum,
        permissions=tuple(permissions(connection, row["user_id"])),
        start_time=row["start_time"],
        update_time=row["update_time"],
    )


def record_call(connection: Connection, session: Session, method: str) -> None:
    """Note the number of a call in the transaction of its changes; raise RetryError if it has been noted before."""
    stored = connection.execute("SELECT callnum FROM sessions WHERE id = ?", (session.id,)).fetchone()["callnum"]
    if session.callnum is not None and stored == session.callnum:
        call = f"unable to retry call {session.callnum} (method {method}) for session {session.id}"
        raise koji.RetryError(call)
    connection.execute(
        "UPDATE sessions SET callnum = coalesce(?, callnum), update_time = ? WHERE id = ?",
        (session.callnum, time.time(), session.id),
    )


def close(connection: Connection, session_id: int) -> None:
    """End a session for good."""
    connection.execute("UPDATE sessions SET closed = 1, expired = 1 WHERE id = ?", (session_id,))


def permissions(connection: Connection, user_id: int) -> list[str]:
    """Give the names of a user's permissions."""
    rows = connection.execute(
        "SELECT name FROM user_perms JOIN permissions ON permissions.id = perm_id WHERE user_id = ? ORDER BY name",
        (user_id,),
    )
    return [row["name"] for row in rows]


def grant(connection: Connection, user: lookup.NameOrId, permission: str, create: bool = False) -> None:
    """Give a user a permission; an unknown one is entered if told so, otherwise refused."""
    user_id = lookup.user(connection, user)["id"]
    if create:
        lookup.find_or_create(connection, "permissions", lookup.check_name(permission))
    perm_id = lookup.must_find(connection, "permissions", permission)["id"]
    if permission in permissions(connection, user_id):
        raise koji.GenericError(f"user {user} already has permission: {permission}")
    connection.execute("INSERT INTO user_perms VALUES (?, ?)", (user_id, perm_id))


def create_user(connection: Connection, name: str, password: str | None, usertype: str = "NORMAL") -> int:
    """Enter a user and give the id; without a password nobody can log in as them."""
    if lookup.find(connection, "users", lookup.check_user_name(name)):
        raise koji.GenericError(f"user already exists: {name}")
    cursor = connection.execute(
        "INSERT INTO users (name, password, usertype) VALUES (?, ?, ?)",
        (name, hash_password(password) if password else None, koji.USERTYPES[usertype]),
    )
    return int(cursor.lastrowid or 0)


def _matches(stored: str, password: str) -> bool:
    salt, digest = stored.split(":")
    found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()
    return hmac.compare_digest(found, digest)


def _key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


_DUMMY = hash_password("")
"""Compared with where there is no such user, so that the answer takes as long."""
