"""The assets that module builds leave: Airflow tells of every event to whoever schedules by them."""

from __future__ import annotations

from urllib.parse import quote

from airflow.sdk import Asset

READY_MODULES = Asset(name="modules ready", uri="module-build://ready")
"""All modules; an event is a module build that became ready."""


def stream_asset(name: str, stream: str) -> Asset:
    """Give the asset of one stream; an event is a build of it that became ready."""
    return Asset(name=f"{name}:{stream}", uri=f"module-build://stream/{quote(name)}/{quote(stream, safe='')}")
