"""The routes about how modules are built and end: final documents, rebuild strategies."""

from __future__ import annotations

from threading import BoundedSemaphore

from fastapi import APIRouter

from mbs.model.plan import Strategy
from mbs.registry import Form
from mbs.settings import Settings
from mbs.steps.publish import arch_documents
from mbs.web import openapi
from mbs.web.answers import Json
from mbs.web.services import Given, place

router = APIRouter(default_response_class=Json)

_MAKING = BoundedSemaphore(2)
"""Documents that are not kept yet are made of what Koji has, in a sandbox: two at a time, whoever asks."""

_DESCRIPTIONS = {
    Strategy.ALL: "All components will be rebuilt",
    Strategy.CHANGED_AND_AFTER: "All components that have changed and those in subsequent batches will be rebuilt",
    Strategy.ONLY_CHANGED: "All changed components will be rebuilt",
}


@router.get("/final-modulemd/{build_id:int}", **openapi.FINAL)
def final_modulemd(build_id: int, services: Given) -> Json:
    """Give the documents by arch as they are imported, or would be now."""
    registry = services.registry()
    registry.views.module_build(build_id, Form.SHORT)  # that there is one
    said = "As many final documents are being made as may be at a time. Ask again in a few seconds."
    with place(_MAKING, said), services.anonymous_hub() as hub:
        return Json(arch_documents(hub, registry, build_id))


@router.get("/rebuild-strategies/", **openapi.STRATEGIES)
def rebuild_strategies(services: Given) -> Json:
    """List how much of a module may be built again, and what is done where nothing is asked for."""
    return Json({"items": [_strategy(services.settings, one) for one in sorted(Strategy)]})


def _strategy(settings: Settings, strategy: Strategy) -> dict[str, object]:
    is_default = strategy.value == settings.rebuild_strategy
    may_choose = settings.rebuild_strategy_allow_override and strategy.value in settings.rebuild_strategies_allowed
    return {
        "name": strategy.value,
        "description": _DESCRIPTIONS[strategy],
        "allowed": is_default or may_choose,
        "default": is_default,
    }
