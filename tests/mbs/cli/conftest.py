"""A packager's shell: a server, a user in ~/.netrc, and nothing of a stack of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest


def at_a_laptop(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be pat, who has a password for the server at a URL of this machine."""
    netrc = home / "netrc"
    netrc.write_text("machine 127.0.0.1 login pat password geheim\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("MBS_API_URL", url)
    monkeypatch.setenv("AIRFLOW_CONFIG", str(home / "none.cfg"))
    for name in ("MBS_API_TOKEN", "MBS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
