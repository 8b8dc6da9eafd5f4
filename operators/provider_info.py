"""What Airflow asks an installed provider for: connection types and settings."""

from __future__ import annotations

from typing import Any

from mbs.settings.secrets import NAMES
from mbs.settings.sources import SECTION


def get_provider_info() -> dict[str, Any]:
    """Describe the provider (entry point `apache_airflow_provider`)."""
    return {
        "package-name": "airflow-module-build-service",
        "name": "Module Build Service",
        "description": "Builds RPM modules in Koji.",
        "connection-types": [_koji()],
        "config": {SECTION: {"description": "docs/reference/settings.md has them all.", "options": _secrets()}},
    }


def _secrets() -> dict[str, Any]:
    """Tell Airflow which settings it is not to show."""
    secret = {"type": "string", "version_added": None, "example": None, "default": "", "sensitive": True}
    return {name: {"description": "A secret of the REST API.", **secret} for name in NAMES}


def _koji() -> dict[str, Any]:
    """The form of the connection type `koji`; what is not a field of every connection goes into its extra."""
    return {
        "connection-type": "koji",
        "hook-class-name": "operators.hooks.KojiHook",
        "hook-name": "Koji",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port"],
            "relabeling": {"host": "Hub URL", "login": "User"},
            "placeholders": {"host": "https://koji.example.org/kojihub", "login": "mbs"},
        },
        "conn-fields": {
            "authentication": _field(
                "Authentication",
                "password needs user and password, kerberos principal and keytab, ssl a certificate.",
                enum=["password", "kerberos", "ssl", "none"],
                default="password",
            ),
            "web_url": _field("Web URL", "Koji's web pages; beside the hub where empty.", format="url"),
            "files_url": _field("Files URL", "Koji's files (kojifiles); beside the hub where empty.", format="url"),
            "principal": _field("Kerberos principal", "e.g. mbs/host.example.org@EXAMPLE.ORG"),
            "keytab": _field("Keytab", "Path on every worker and scheduler."),
            "certificate": _field("Client certificate", "Path of a PEM file with certificate and key."),
            "server_ca": _field("Server CA", "Path of the CA's certificates, where the system's do not do."),
            "timeout": _field("Timeout", "Seconds that one request may take.", type="number", default=60, minimum=1),
        },
    }


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    kind = schema.pop("type", ["string", "null"])
    return {"label": label, "description": description, "schema": {"type": kind, **schema}}
