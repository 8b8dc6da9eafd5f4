"""The command line `mbs`."""

from __future__ import annotations

from mbs.cli.main import main

__all__ = ["main"]
