"""Whatever the OpenAPI document lets one ask, the answer is one that it names, and no fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from mbs.koji.session import IMPATIENT, HubAccount, HubSession
from mbs.registry import Registry, engine_for
from mbs.settings import Settings
from mbs.web import Services, create_app
from tests.conftest import PostgresUrl, RunningHub
from tests.mbs.web import seven
from tests.mbs.web.conftest import PACKAGER, Introduced, RecordedRuns
from tools import api_reference

EXAMPLES = 50
"""Requests to each route."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]


@pytest.fixture(scope="module")
def document(postgres_url: PostgresUrl, running_hub: RunningHub) -> Iterator[schemathesis.BaseSchema]:
    """The document of an application with builds and a hub, where each route may be asked for."""
    engine = engine_for(postgres_url())
    registry = Registry(engine)
    seven.fill(registry)
    services = Services(
        settings=Settings(allowed_groups_to_import_module=("packager",), yaml_submit_allowed=True),
        registry=lambda: registry,
        hub=lambda: HubSession(HubAccount(running_hub.url), delays=IMPATIENT),
        runs=RecordedRuns(),
        authenticators=(Introduced(),),
    )
    yield schemathesis.openapi.from_asgi("/openapi.json", create_app(services))
    engine.dispose()


ROUTES = [
    (path, method)
    for path, methods in api_reference.document()["paths"].items()
    for method in methods
    if "events" not in path  # that one goes on for a minute
]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_no_route_fails_or_answers_what_it_does_not_say(
    document: schemathesis.BaseSchema, path: str, method: str, mode: GenerationMode
) -> None:
    answered = set()

    @given(case=document[path][method].as_strategy(generation_mode=mode), number=integers(1, 9))
    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    def ask(case: schemathesis.Case[Any], number: int) -> None:
        if mode is GenerationMode.POSITIVE:  # ids that there are, for once
            case.path_parameters |= dict.fromkeys(case.path_parameters.keys() - {"version"}, number)
        answer = case.call_and_validate(headers=PACKAGER, checks=CHECKS)
        answered.add(answer.status_code)

    ask()
    assert 200 in answered or method != "get" or mode is GenerationMode.NEGATIVE
