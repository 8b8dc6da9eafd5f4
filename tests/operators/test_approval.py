"""The question whether a module build is ready: who is asked, where everybody sees it, and whose answer counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskAwaitingInput
from airflow.sdk.execution_time import task_runner

from mbs.cli.registry import RegistryBuilds
from mbs.cli.watch import Snapshot, lines
from mbs.model.plan import BuildPlan
from mbs.model.states import ModuleState
from mbs.registry import Registry
from mbs.steps.tasks import FAILURE
from operators.tasks.publish import ApproveOperator
from tests.operators.conftest import AirflowRun, Allow, NewPlan


@pytest.fixture
def done(new_plan: NewPlan, registry: Registry) -> BuildPlan:
    """A module build of alice that is imported."""
    plan = new_plan(("tool", 1))
    for state in (ModuleState.BUILD, ModuleState.DONE):
        registry.builds.transition(plan.build_id, state, None, "task import")
    return plan


class Question:
    """The task, with what Airflow's supervisor hears of it."""

    def __init__(self, run: AirflowRun, plan: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run, self.asked = run, []  # type: ignore[var-annotated] # Airflow's messages
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", self, raising=False)
        self.task = ApproveOperator(task_id="publish.approve", plan=plan)

    def send(self, msg: Any) -> None:
        self.asked.append(msg)

    def context(self) -> Any:
        context = self.run.context(self.task)
        context["ti"].id = uuid4()
        return {**context, "task_instance": context["ti"]}

    def ask(self) -> list[str]:
        """Ask; give who may answer by Airflow's own check."""
        with pytest.raises(TaskAwaitingInput):
            self.task.execute(self.context())
        return [user.id for user in self.asked[-1].assigned_users]

    def answer(self, choice: str, name: str, user_id: str | None = None) -> str:
        """Answer as Airflow hands the answer on; give what comes of it."""
        user = {"id": user_id or name, "name": name}
        now = datetime.now(UTC)
        event = {"chosen_options": [choice], "params_input": {}, "responded_at": now, "responded_by_user": user}
        try:
            self.task.execute_complete(self.context(), event)
        except TaskAwaitingInput:
            return "asked again"
        except AirflowFailException as failure:
            return str(failure)
        return "approved"


@pytest.fixture
def question(run: AirflowRun, done: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> Question:
    return Question(run, done, monkeypatch)


def test_what_is_waited_for_whom_and_where_to_answer_is_told_where_one_watches(
    question: Question, done: BuildPlan, registry: Registry, allow: Allow
) -> None:
    allow(approvers="carol, dave")
    assert question.ask() == ["carol", "dave"]
    [*_, line] = lines(Snapshot(RegistryBuilds(registry).whole(done.build_id).build, ()))
    page = "/dags/module/runs/run/tasks/publish.approve/required_actions"
    assert f"{done.nsvc} is done: Waits for carol or dave to approve it: http" in line
    assert line.endswith(page)
    registry.builds.transition(done.build_id, ModuleState.READY, None, "task mark_ready")
    assert registry.builds.get(done.build_id).state_reason is None


def test_only_who_is_named_may_answer_whatever_airflow_lets_pass(question: Question, allow: Allow) -> None:
    allow(approvers="carol")
    question.ask()
    assert question.answer("Approve", "eve") == "asked again"
    assert question.answer("Reject", "eve") == "asked again"
    assert len(question.asked) == 3
    assert question.answer("Approve", "carol") == "approved"


def test_the_approvers_are_those_of_the_settings_when_it_is_answered(question: Question, allow: Allow) -> None:
    allow(approvers="carol")
    question.ask()
    allow(approvers="dave")
    assert question.answer("Approve", "carol") == "asked again"
    assert question.answer("Approve", "dave") == "approved"


def test_an_approver_is_known_by_the_number_of_his_account_where_airflow_knows_him_by_that(
    question: Question, allow: Allow
) -> None:
    allow(approvers="carol=17")
    assert question.ask() == ["17"]
    assert question.answer("Approve", "carol", "18") == "asked again"
    assert question.answer("Approve", "Carol C.", "17") == "approved"


@pytest.mark.parametrize("approvers", ["", "alice, carol"])
def test_who_submitted_it_does_not_approve_it_where_that_is_excluded(
    question: Question, allow: Allow, approvers: str, registry: Registry, done: BuildPlan
) -> None:
    allow(approvers=approvers, approval_by_submitter="False")
    assert "alice" not in question.ask()
    assert question.answer("Approve", "alice") == "asked again"
    said = registry.builds.get(done.build_id).state_reason or ""
    assert ("Waits for carol to" if approvers else "Waits for somebody other than alice to") in said
    assert question.answer("Approve", "carol") == "approved"


def test_nobody_is_waited_for_where_nobody_may_answer(question: Question, allow: Allow) -> None:
    allow(approvers="alice", approval_by_submitter="False")
    with pytest.raises(AirflowFailException, match="Nobody may approve it: alice submitted it"):
        question.task.execute(question.context())
    assert not question.asked


def test_without_settings_anybody_may_answer_whom_airflow_lets(question: Question) -> None:
    assert question.ask() == []
    assert question.answer("Approve", "alice") == "approved"


def test_a_refusal_is_final_and_told(question: Question) -> None:
    question.ask()
    assert question.answer("Reject", "carol\u202e[x](y)") == "carol\\u202e[x](y) did not approve it."
    assert question.run.xcoms["publish.approve", FAILURE]["reason"] == "carol\\u202e[x](y) did not approve it."
