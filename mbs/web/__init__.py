"""The REST API: MBS's, which its clients cannot tell from MBS's own, and beyond it version 3.

`create_app` makes the application of what it works with (`Services`). It knows no Airflow: a plugin mounts it in
Airflow's API server, `mbs serve` runs it alone.
"""

from __future__ import annotations

from mbs.web.app import create_app
from mbs.web.services import Services

__all__ = ["Services", "create_app"]
