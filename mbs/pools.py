"""The pool of Airflow that bounds the arch builds in Koji: made, and looked for, through Airflow's API."""

from __future__ import annotations

from http import HTTPStatus

from mbs.airflow_api import AirflowClient, ApiError
from mbs.errors import MbsError
from mbs.naming import KOJI_BUILDS

_PATH = f"pools/{KOJI_BUILDS}"
_DESCRIPTION = "Arch builds that the service keeps in Koji at a time, of all modules together."


class PoolMissing(MbsError):
    """Airflow lets no task of a pool start that does not exist, and fails none: builds would wait for ever."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(f"Airflow has no pool {KOJI_BUILDS}, so no build could start. Have `mbs pools` run first.")


def provide(client: AirflowClient, slots: int) -> str:
    """Create the pool where it is missing, see that it counts deferred tasks, and say what was done.

    The size of a pool that exists is its administrator's. Raises ApiError, AirflowAway.
    """
    found = client.get_if_found(_PATH)
    if found is None:
        pool = {"name": KOJI_BUILDS, "slots": slots, "description": _DESCRIPTION, "include_deferred": True}
        client.call("POST", "pools", json=pool)
        return f"The pool {KOJI_BUILDS} is created with {slots} slots."
    if not found["include_deferred"]:
        pool = {"pool": KOJI_BUILDS, "slots": found["slots"], "include_deferred": True}
        client.call("PATCH", _PATH, json=pool, params={"update_mask": "include_deferred"})
        return f"The pool {KOJI_BUILDS} counts deferred tasks now; without them it bounds nothing."
    return f"The pool {KOJI_BUILDS} exists with {found['slots']} slots."


def check(client: AirflowClient) -> None:
    """Raise PoolMissing where nothing that is submitted could be built; raise ApiError, AirflowAway."""
    try:
        missing = client.get_if_found(_PATH) is None
    except ApiError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return  # whoever may submit need not be allowed to see pools
    if missing:
        raise PoolMissing
