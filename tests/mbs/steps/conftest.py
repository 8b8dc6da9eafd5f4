"""A submission at hand, for what records one."""

from __future__ import annotations

from tests.mbs.planning.conftest import permissive, prepared, provider, scm, scm_data

__all__ = ["permissive", "prepared", "provider", "scm", "scm_data"]
