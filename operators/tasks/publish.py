"""The end of a module build: documents, import into Koji, a person's approval, ready; or the record of its failure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from airflow.configuration import conf
from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from mbs.model.plan import BuildPlan
from mbs.model.quoting import code, plain
from mbs.model.states import ModuleState
from mbs.planning import notes
from mbs.planning.ids import FINAL_MODULEMD, IMPORT_BUILD, NOTE
from mbs.planning.notes import Failure
from mbs.planning.permissions import Approvers
from mbs.steps.build import by_task, mark_ready, record_failure, result, submitters
from mbs.steps.publish import import_build, make_documents
from operators.hooks import READY_MODULES, REGISTRY, registry, settings, stream_asset
from operators.tasks.base import FAILURE, RETRIES, RETRY_DELAY, ModuleBuildOperator, failed_tasks

MADE = "made"
"""XCom of the final documents: how many `rpms` they list by arch, and perhaps a `warning`."""

IMPORTED = "imported"
"""XCom of the import: the tag for the compose, by the build in Koji."""


class FinalModulemdOperator(ModuleBuildOperator):
    """Make the final modulemd of every arch, and keep it in the registry (§16.5)."""

    ui_color = "#e6f4ea"

    def work(self, context: Context) -> None:
        """Make the documents from what is in the module's tag now."""
        with self.hub() as hub:
            made = make_documents(hub, self.registry, self.plan)
        context["ti"].xcom_push(MADE, {"rpms": made.rpms, "warning": made.warning})
        for documents in made.documents:
            counts = ", ".join(f"{len(document.rpms)} on {document.arch}" for document in documents.arches)
            self.log.info("%s: artifacts: %s.", documents.name, counts or "none")
        if made.warning:
            self.log.warning("%s", made.warning)


class ImportBuildOperator(ModuleBuildOperator):
    """Import the module build into Koji, with its -devel twin, and tag both for the compose (§16.1 to §16.3).

    The module build is done then. Scratch builds are done without.
    """

    ui_color = "#e6f4ea"

    def work(self, context: Context) -> None:
        """Import and tag what is not imported or tagged."""
        with self.hub() as hub:
            imported = import_build(hub, self.registry, self.plan, by=self.by, log=self.log_line)
        if imported:
            context["ti"].xcom_push(IMPORTED, imported)


class ApproveOperator(ApprovalOperator):
    """Ask a person whether the module build may become ready; a refusal fails it (setting `ready_needs_approval`).

    It is imported and tagged already, and no other module is built against it before it is ready. Who may answer is
    what the settings say when it is asked, and again when it is answered: Airflow takes an answer of anybody where
    nobody is named, and of whoever was named then. An answer of somebody else changes nothing, and it is asked again.
    """

    template_fields: Sequence[str] = ()  # what comes from a document is no template
    ui_color = "#e6f4ea"

    def __init__(self, *, plan: BuildPlan, registry_conn_id: str = REGISTRY, **kwargs: Any) -> None:
        # A worker that is lost, or an answer within the second in which the question is put, only means to ask again.
        kwargs.setdefault("retries", RETRIES)
        kwargs.setdefault("retry_delay", RETRY_DELAY)
        self.plan = plan
        self.registry_conn_id = registry_conn_id
        body = f"Built for {', '.join(map(code, plan.arches))}; the packages are in Koji's tag {code(plan.koji_tag)}."
        super().__init__(subject=f"Is {plain(str(plan.nsvc))} ready?", body=body, fail_on_reject=True, **kwargs)

    def execute(self, context: Context) -> Any:  # noqa: ANN401 # Airflow's form
        """Say where everybody looks what is waited for, and ask."""
        approvers = self._approvers()
        if approvers.nobody:
            self._fail(context, approvers.nobody)
        self.assigned_users = [{"id": each.id, "name": each.name} for each in approvers.named]
        waits = f"Waits for {approvers} to approve it: {answer_url(context)}"
        self.log.info("%s", waits)
        registry(self.registry_conn_id).builds.explain(
            self.plan.build_id, ModuleState.DONE, waits, by_task(self.task_id)
        )
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:  # noqa: ANN401 # Airflow's form
        """Go on, or fail for good and leave the reason for `record_failure`; ask again after a stranger's answer."""
        user: Mapping[str, Any] = event.get("responded_by_user") or {}
        name = plain(str(user.get("name") or user.get("id") or "Somebody"))
        approvers = self._approvers()
        if "error" not in event and not approvers.may_answer(user):
            self.log.warning("%s answered, and may not: only %s may approve it.", name, approvers)
            return self.execute(context)
        try:
            return super().execute_complete(context, event)
        except HITLRejectException:
            self._fail(context, f"{name} did not approve it.")

    def _approvers(self) -> Approvers:
        """Give who may approve by the settings of now."""
        current = settings()
        barred = () if current.approval_by_submitter else submitters(registry(self.registry_conn_id), self.plan)
        return Approvers.of(current.approvers, barred)

    def _fail(self, context: Context, reason: str) -> None:
        failure = Failure(time.time(), reason, self.task_id)
        context["ti"].xcom_push(FAILURE, failure.stored())
        raise AirflowFailException(reason) from None


def answer_url(context: Context) -> str:
    """Give the page of the UI on which the question is answered."""
    ti, base = context["ti"], conf.get("api", "base_url", fallback="")
    start = base.rstrip("/") if base.startswith("http") else settings().api_url.rstrip("/")
    run, task = quote(ti.run_id, safe=""), quote(ti.task_id, safe="")
    return f"{start}/dags/{quote(ti.dag_id, safe='')}/runs/{run}/tasks/{task}/required_actions"


class MarkReadyOperator(ModuleBuildOperator):
    """Take the module build to ready, and tell Airflow; a scratch build ends in done.

    The event goes to two assets: `name:stream`, for whoever follows one stream, and one for all modules. Its extra
    names the build.
    """

    ui_color = "#e6f4ea"

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        outlets = [] if plan.scratch else [stream_asset(plan.nsvc.name, plan.nsvc.stream), READY_MODULES]
        super().__init__(plan=plan, outlets=outlets, **kwargs)

    def work(self, context: Context) -> None:
        """Take the steps that are left; one that was taken before is not taken again."""
        end = mark_ready(self.registry, self.plan, by=self.by)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"nsvc": str(self.plan.nsvc), "build_id": self.plan.build_id}
        self.log.info("Module build %s is %s.", self.plan.nsvc, end.label)
        made, imported = _left(context, FINAL_MODULEMD, MADE), _left(context, IMPORT_BUILD, IMPORTED)
        found = result(self.registry, self.plan, end, made=made, imported=imported)
        context["ti"].xcom_push(NOTE, notes.ended_well(found))


def _left(context: Context, task_id: str, key: str) -> dict[str, Any]:
    """Give what another task has left; nothing where it ran before there was such a thing."""
    found = context["ti"].xcom_pull(task_ids=[task_id], key=key)
    return next((value for value in found if value), {})


class RecordFailureOperator(ModuleBuildOperator):
    """Record that the module build failed, and why; then fail, so that the run is failed and can be retried.

    It runs when any task above it failed, and is skipped otherwise. It always fails: a task that succeeded would make
    the run a success, and "clear failed" would leave it alone.
    """

    ui_color = "#fce8e6"

    def __init__(self, *, plan: BuildPlan, **kwargs: Any) -> None:
        kwargs.setdefault("trigger_rule", "one_failed")
        super().__init__(plan=plan, **kwargs)

    def execute(self, context: Context) -> None:
        """Record the reasons of all tasks that failed, in the registry and in the note of the run."""
        failures = failures_of(context)
        reason = notes.reasons(failures)
        record_failure(self.registry, self.plan.build_id, reason, by=self.by)
        context["ti"].xcom_push(NOTE, notes.failed(failures))
        self.fail(context, reason)


def failures_of(context: Context) -> list[Failure]:
    """Give why the tasks of this run failed, the first first, once each: arches fail together with their build.

    A task without a word was ended by a person, or lost.
    """
    tasks = failed_tasks(context)
    left = context["ti"].xcom_pull(task_ids=tasks, key=FAILURE) if tasks else []
    found = [Failure.read(stored) for stored in left if stored]
    first = {one.cause: one for one in sorted(found, key=lambda one: one.at, reverse=True)}
    silent = sorted(set(tasks) - {one.task for one in found})
    reasons = sorted(first.values(), key=lambda one: one.at)
    return [*reasons, _without_a_word(silent)] if silent or not reasons else reasons


def _without_a_word(tasks: list[str]) -> Failure:
    named = ", ".join(tasks) or "a task"
    said = f"{named} failed without a reason of its own: marked failed by a person, or lost. Its log may tell more."
    return Failure(time.time(), said)
