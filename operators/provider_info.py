"""What Airflow asks an installed provider for: connection types, settings, links."""

from __future__ import annotations


def get_provider_info() -> dict[str, object]:
    """Describe the provider (entry point `apache_airflow_provider`)."""
    return {
        "package-name": "airflow-module-build-service",
        "name": "Module Build Service",
        "description": "Builds RPM modules in Koji.",
    }
