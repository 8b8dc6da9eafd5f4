"""What an end of a task is in Airflow."""

from __future__ import annotations

import pytest

from mbs.model.nsvc import NSVC
from mbs.planning.notes import Failure
from mbs.steps.tasks import FAILURE, End, Failed, Interrupted, Skipped, Succeeded
from operators import hooks
from operators.executors.ends import announced_by, assets_of, last_words, left_by, state_of
from operators.executors.messages import Facts

FAILED = Failed(Failure(1.0, "It is broken."), {"made": 1})


@pytest.mark.parametrize(
    ("end", "state", "left", "words"),
    [
        (Succeeded({"made": 1}), "success", {"made": 1}, []),
        (Skipped("Not for s390x."), "skipped", {}, [("info", "Not for s390x.")]),
        (FAILED, "failed", {"made": 1, FAILURE: FAILED.failure.stored()}, [("error", "It is broken.")]),
        (Interrupted("It is away."), "up_for_retry", {}, [("error", "It is away.")]),
    ],
)
def test_an_end_has_its_state_what_it_leaves_and_last_words(
    end: End, state: str, left: dict[str, object], words: list[tuple[str, str]]
) -> None:
    facts = Facts(5, may_retry=True, started=1.0, run_started=None)
    assert (state_of(end, facts), left_by(end), list(last_words(end))) == (state, left, words)


def test_what_may_not_be_tried_again_has_failed() -> None:
    assert state_of(Interrupted("It is away."), Facts(5, may_retry=False, started=1.0, run_started=None)) == "failed"


def test_a_module_that_is_ready_changes_the_assets_that_the_dags_follow() -> None:
    assets = [hooks.stream_asset("perl", "5.36"), hooks.READY_MODULES]
    assert assets_of(NSVC("perl", "5.36", 1, "c0ffee42")) == tuple((asset.name, asset.uri) for asset in assets)
    assert announced_by(Succeeded(announces={"nsvc": "it"})) == {"nsvc": "it"}
    assert announced_by(FAILED) is None
