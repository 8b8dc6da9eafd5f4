"""Version 3: why a module build failed, with the lines of the logs that matter, as the registry has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi import APIRouter

from mbs.koji.pages import task_url
from mbs.model.states import ComponentState
from mbs.registry import Form
from mbs.registry.rows import ComponentRow
from mbs.web import openapi
from mbs.web.answers import Json
from mbs.web.services import Given, Services

router = APIRouter(default_response_class=Json)

_FAILED = frozenset({ComponentState.FAILED, ComponentState.CANCELED})


@router.get("/module-builds/{build_id:int}/log", **openapi.LOG)
def failure_log(build_id: int, services: Given) -> Json:
    """Tell why a module build is in its state, and of each component that failed why, where, and what its log says.

    All of it was recorded when it failed: Koji is not asked, which forgets logs and may be away.
    """
    registry = services.registry()
    with registry.transaction() as work:
        build, components = work.views.module_build(build_id, Form.SHORT), work.components.of(build_id)
    failed = [(one, one.state) for one in components if one.state is not None and one.state in _FAILED]
    return Json(
        {
            "id": build.id,
            "state": build.state,
            "state_name": build.state.label,
            "state_reason": build.state_reason,
            "components": [*_failures(failed, _web_url(services) if failed else "")],
        }
    )


def _web_url(services: Services) -> str:
    with services.hub() as hub:
        return hub.account.web_url


def _failures(failed: Iterable[tuple[ComponentRow, ComponentState]], web: str) -> Iterator[dict[str, object]]:
    for one, state in failed:
        reason, _, lines = (one.reason or "").partition("\n")
        yield {
            "package": one.name,
            "batch": one.batch + 1,
            "state": state,
            "state_name": state.label,
            "reason": reason,
            "log": lines.splitlines(),
            "task_id": one.task_id,
            "task_url": task_url(web, one.task_id) if one.task_id is not None and web else None,
        }
