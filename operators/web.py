"""The REST API within Airflow's API server, which mounts `application`.

It is made when it is asked first: Airflow imports its plugins in every process, and no other needs FastAPI; and wrong
settings of ours take nothing else of Airflow down. They are looked at again after a while.
"""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from mbs.model.errors import MbsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

UNUSABLE = "The settings of this service are not valid. Its administrator finds what is wrong with `mbs doctor`."
"""All that strangers are told of it."""

AGAIN = 10.0
"""Seconds until an application that could not be made is tried again."""


class Application:
    """An ASGI application that is made at its first request, in the process that it is asked in."""

    def __init__(self) -> None:
        self._made: ASGIApp | None = None
        self._again = 0.0
        self._making = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the first ones wait in threads, for settings may be what commands print."""
        if self._is_due():
            await anyio.to_thread.run_sync(self._make)
        if self._made is not None:
            await self._made(scope, receive, send)

    def _is_due(self) -> bool:
        return self._made is None or bool(self._again and time.monotonic() > self._again)

    def _make(self) -> None:
        from mbs.web.answers import refusal  # noqa: PLC0415 - as the module says
        from mbs.web.app import create_app  # noqa: PLC0415

        with self._making:
            if not self._is_due():
                return
            try:
                self._made, self._again = create_app(_services()), 0.0
            except MbsError as error:
                log.error("The REST API cannot be served: %s", error)
                self._made = refusal(503, UNUSABLE, headers={"Retry-After": str(round(AGAIN))})
                self._again = time.monotonic() + AGAIN


def _services() -> Any:  # noqa: ANN401 - its type is imported with FastAPI
    from airflow.configuration import conf  # noqa: PLC0415 - as the module says

    from mbs.web.auth.configured import authenticators  # noqa: PLC0415 - as the module says
    from mbs.web.services import Services  # noqa: PLC0415
    from operators import hooks  # noqa: PLC0415
    from operators.login import AirflowLogin  # noqa: PLC0415
    from operators.runs import AirflowRuns  # noqa: PLC0415

    settings = hooks.settings()
    public_url = conf.get("api", "base_url", fallback="")
    return Services(
        settings=settings,
        registry=hooks.registry,
        hub=lambda: hooks.KojiHook().get_impatient_conn(),
        runs=AirflowRuns(),
        authenticators=authenticators(settings, airflow=AirflowLogin(), public_url=public_url),
    )


application = Application()
