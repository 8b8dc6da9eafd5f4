"""Secrets that a command prints, so that they stand in no file of settings."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import fields, replace

from mbs.model.errors import Problem
from mbs.settings import InvalidSettings, Settings

NAMES = tuple(each.name for each in fields(Settings) if not each.repr)
"""The settings that are secrets; beside each stands one for its command."""
SECONDS = 10.0
"""For which a command may run."""


def with_secrets(settings: Settings) -> Settings:
    """Run the commands of the secrets that are not there; raise InvalidSettings with what went wrong, and no more.

    Only who needs the secrets does so: they need not be on every machine.
    """
    problems: list[Problem] = []

    def told(name: str, secret: str, command: str) -> str:
        try:
            return secret if secret or not command else _printed(command)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problems.append(Problem(f"prints no secret ({type(error).__name__})", f"{name}_cmd"))
            return ""

    complete = replace(
        settings,
        oidc_client_secret=told("oidc_client_secret", settings.oidc_client_secret, settings.oidc_client_secret_cmd),
        proxy_secret=told("proxy_secret", settings.proxy_secret, settings.proxy_secret_cmd),
        ldap_password=told("ldap_password", settings.ldap_password, settings.ldap_password_cmd),
    )
    if problems:
        raise InvalidSettings(tuple(problems))
    return complete


def without_secrets(values: Mapping[str, str]) -> dict[str, str]:
    """Give the texts of settings that may be handed to a process that does not need the others."""
    return {name: text for name, text in values.items() if name not in NAMES}


def _printed(command: str) -> str:
    """Give what a command prints, without the end of its last line; raise ValueError for nothing."""
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=SECONDS)
    if not (secret := done.stdout.strip()):
        raise ValueError
    return secret
