"""Keys and passwords, made once per checkout with the system's random numbers and readable by their owner only."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.fernet import Fernet

from tools.stack.layout import Layout

USERS = ("admin", "packager", "viewer")
"""As in airflow.cfg, simple_auth_manager_users."""


def generate(layout: Layout) -> None:
    """Write what is missing of var/secrets."""
    layout.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    _once(layout.secrets / "fernet_key", lambda: Fernet.generate_key().decode())
    _once(layout.secrets / "api_secret_key", secrets.token_hex)
    _once(layout.secrets / "jwt_secret", lambda: secrets.token_hex(64))
    _once(_password_file(layout), lambda: json.dumps({user: secrets.token_urlsafe(9) for user in USERS}))


def password(layout: Layout, user: str) -> str:
    """Give the password of a user of the UI."""
    return str(json.loads(_password_file(layout).read_text())[user])


def keep_connections(layout: Layout, connections: Mapping[str, object]) -> None:
    """Write Airflow's connections where `mbs doctor` looks for the hub: Airflow itself tells no passwords."""
    path = layout.secrets / "connections.json"
    path.unlink(missing_ok=True)
    _once(path, lambda: json.dumps(connections))


def _password_file(layout: Layout) -> Path:
    return layout.secrets / "passwords.json"


def _once(path: Path, make: Callable[[], str]) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
