"""Waits that end by time: the hub is away for too long, the build takes too long."""

from __future__ import annotations

import json
import time

import pytest

from operators.triggers import GAVE_UP, HubTrigger, TasksTrigger
from tests.operators.conftest import event_of


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """A connection to a hub that does not answer."""
    monkeypatch.setenv("AIRFLOW_CONN_NOBODY", json.dumps({"conn_type": "koji", "host": "http://127.0.0.1:1/kojihub"}))
    return "nobody"


def test_a_hub_that_stays_away_ends_the_waiting_with_a_reason(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__MBS__KOJI_AWAY_TIMEOUT", "0.5")
    event = event_of(HubTrigger(koji_conn_id=nobody, deadline=time.time() + 60))
    assert event.payload["kind"] == GAVE_UP
    assert "was away for" in event.payload["reason"]


def test_a_wait_has_an_end_of_its_own_too(nobody: str) -> None:
    event = event_of(TasksTrigger(koji_conn_id=nobody, koji_task_ids=[1], deadline=time.time() + 0.5))
    assert event.payload == {"kind": GAVE_UP, "reason": "It took longer than it may."}


def test_a_wait_whose_time_was_over_during_a_restart_ends_at_once(nobody: str) -> None:
    event = event_of(TasksTrigger(koji_conn_id=nobody, koji_task_ids=[1], deadline=time.time() - 60))
    assert event.payload["kind"] == GAVE_UP
