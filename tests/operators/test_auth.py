"""The roles of one machine, as Airflow asks for them."""

from __future__ import annotations

import configparser

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.sdk._shared.module_loading import import_string

from operators.auth import ServiceAuthManager
from tests.conftest import ROOT

BUILD = "greeter.1.20.c0ffee42"


@pytest.fixture(scope="module")
def manager() -> ServiceAuthManager:
    return ServiceAuthManager()  # type: ignore[no-untyped-call]


def may(
    manager: ServiceAuthManager, role: str, method: str, entity: DagAccessEntity | None, dag_id: str | None = BUILD
) -> bool:
    user = SimpleAuthManagerUser(username="pat", role=role)
    details = DagDetails(id=dag_id) if dag_id else None
    return manager.is_authorized_dag(method=method, user=user, access_entity=entity, details=details)  # type: ignore[arg-type]


def test_airflow_cfg_names_the_auth_manager() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "airflow.cfg")
    assert import_string(parser["core"]["auth_manager"]) is ServiceAuthManager


def test_a_packager_submits_modules_and_reads_everything(manager: ServiceAuthManager) -> None:
    assert may(manager, "user", "POST", DagAccessEntity.RUN, "submit_module")
    for entity in (None, *DagAccessEntity):
        assert may(manager, "user", "GET", entity)
        assert may(manager, "user", "GET", entity, None)


@pytest.mark.parametrize(
    "entity", [None, *(entity for entity in DagAccessEntity if entity is not DagAccessEntity.HITL_DETAIL)]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_packager_touches_no_build_task_or_xcom(
    manager: ServiceAuthManager, method: str, entity: DagAccessEntity | None
) -> None:
    assert not may(manager, "user", method, entity)
    assert not may(manager, "user", method, entity, None)
    if (method, entity) != ("POST", DagAccessEntity.RUN):
        assert not may(manager, "user", method, entity, "submit_module")


def test_whoever_is_asked_may_answer(manager: ServiceAuthManager) -> None:
    assert may(manager, "user", "PUT", DagAccessEntity.HITL_DETAIL)
    assert not may(manager, "viewer", "PUT", DagAccessEntity.HITL_DETAIL)


@pytest.mark.parametrize("role", ["op", "admin"])
def test_release_engineers_clear_and_cancel(manager: ServiceAuthManager, role: str) -> None:
    assert may(manager, role, "PUT", DagAccessEntity.TASK_INSTANCE)
    assert may(manager, role, "POST", DagAccessEntity.RUN)
