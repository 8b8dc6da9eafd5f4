"""What people ask for through the UI's forms: a module build, an import. Thin: read the form, call `mbs`, answer.

A refusal fails the task for good. Every problem is a line of its log and of the run's note
(`operators.listeners.notes`), and an item of an XCom for scripts; nothing has been recorded then. What merely
does not answer (git, the registry) is retried by Airflow, until the deadline. A run is one submission: whatever try of
it comes through, it is recorded once.

Who asks is the user to whom Airflow gave the run (for `airflow dags trigger` the one of the operating system), never a
field of the form. A run of nobody is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context, Param
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from mbs.model.errors import Infrastructure, MbsError, NotAuthorized, Refused, TimedOut
from mbs.model.naming import BUILDS, PROBLEMS
from mbs.model.quoting import printable
from mbs.model.users import User
from mbs.planning import notes
from mbs.planning.fields import Field, Kind
from mbs.planning.ids import NOTE
from mbs.planning.permissions import check_importer, check_submitter
from mbs.steps.submit import read_import, register, submit, submitted
from operators.hooks import KOJI, REGISTRY, KojiHook, registry, settings
from operators.listeners.task_log import sentence_of

GRACE = timedelta(seconds=90)
"""What a submission may take beyond its deadline: one last answer of Koji, and the recording."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the form answers."""

    messages: list[str]
    """Sentences for the user."""
    result: object
    """What the task returns."""
    xcoms: Mapping[str, object] = field(default_factory=dict)


class RequestOperator(BaseOperator):
    """Answers a form; subclasses do in `answer` what it asks for."""

    def __init__(self, *, registry_conn_id: str = REGISTRY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.registry_conn_id = registry_conn_id

    def execute(self, context: Context) -> object:
        """Do what is asked, or refuse it with every reason."""
        fields = {name: value for name, value in context["params"].items() if value not in (None, "", {}, [])}
        try:
            answer = self.answer(fields, asking_user(context), _key(context))
        except Refused as refusal:
            raise _refused(context, refusal) from None
        except (MbsError, AirflowTaskTimeout) as error:
            if isinstance(error, Infrastructure) and _is_too_late(context):
                raise _refused(context, _given_up(error)) from None
            context["ti"].xcom_push(NOTE, notes.unanswered(sentence_of(error) or str(error)))
            raise  # tried again perhaps, and then forgotten
        for message in answer.messages:
            self.log.info("%s", printable(message))
        context["ti"].xcom_push(NOTE, notes.answer(answer.messages))
        for key, value in answer.xcoms.items():
            context["ti"].xcom_push(key, value)
        return answer.result

    def answer(self, fields: Mapping[str, Any], user: str, key: str) -> Answer:
        """Do what the filled-in fields ask for, where this user may; raise Refused otherwise.

        `key` is the run's: an earlier try of it may have been killed after it had done everything.
        """
        raise NotImplementedError


class SubmitModuleOperator(RequestOperator):
    """Read, check and expand a modulemd, and record its module builds; gives their numbers in the registry."""

    def __init__(self, *, koji_conn_id: str = KOJI, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.koji_conn_id = koji_conn_id

    def answer(self, fields: Mapping[str, Any], user: str, key: str) -> Answer:
        """Submit what the form asks for; each new module build gets its DAG within seconds."""
        current = settings()
        asking = _of_a_form(user)
        check_submitter(asking, current)
        with KojiHook(self.koji_conn_id).facts() as hub:
            done = submit(fields, asking, registry=registry(self.registry_conn_id), settings=current, hub=hub, key=key)
        builds = [submitted(one) for one in done]
        said = [f"{one['nsvc']} (number {one['id']}) {one['outcome']}." for one in builds]
        return Answer(said, [one["id"] for one in builds], {BUILDS: builds})


class ImportModuleOperator(RequestOperator):
    """Register a base module, or a module that was finished elsewhere (MBS §6.4, §3.13)."""

    def answer(
        self,
        fields: Mapping[str, Any],
        user: str,
        key: str,  # noqa: ARG002 - to import twice is to import once
    ) -> Answer:
        """Import the pasted documents, or those at an SCM URL: all or, with `skip_invalid`, those that can be."""
        current, skip = settings(), bool(fields.get("skip_invalid"))
        asking = _of_a_form(user)
        check_importer(asking, current)
        found = read_import(fields, current)
        modules = registry(self.registry_conn_id)
        done = register(found, asking, registry=modules, settings=current, skip_invalid=skip)
        return Answer(list(done.messages), done.nsvcs[0] if len(done.nsvcs) == 1 else list(done.nsvcs))


def params(fields: Iterable[Field]) -> dict[str, Param]:
    """Give the params of a form's DAG: its fields in their order."""
    return {one.name: _param(one) for one in fields if one.in_form}


def _param(one: Field) -> Param:
    kind, default = _PARAMS.get(one.kind, ({"type": ["null", "string"]}, None))
    schema: dict[str, Any] = {**kind, "title": one.title}
    if one.choices:
        schema["enum"] = [None, *one.choices]
    if one.section:
        schema["section"] = one.section
    return Param(default, description=f"{one.text}: `{one.example}`" if one.example else one.text, **schema)


_PARAMS: Mapping[Kind, tuple[Mapping[str, Any], object]] = {
    Kind.DOCUMENT: ({"type": ["null", "string"], "format": "multiline"}, None),
    Kind.FLAG: ({"type": "boolean"}, False),
    Kind.STREAMS: ({"type": ["null", "object"]}, {}),
    Kind.REFS: ({"type": ["null", "object"]}, {}),
}
"""JSON schema and default of a field; any other is a text that may be missing."""


def patience(submissions: int = 1) -> timedelta:
    """Give the execution_timeout of a task with so many submissions: their deadlines come first."""
    return submissions * (timedelta(seconds=settings().submission_deadline) + GRACE)


def asking_user(context: Context) -> str:
    """Give the user whom Airflow gave the run to; raise NotAuthorized where it names none."""
    user: str | None = context["dag_run"].triggering_user_name
    if not user:
        raise NotAuthorized("Airflow does not say who started this run. Submit while logged in, as a named user.")
    return user


def _of_a_form(name: str) -> User:
    """Give the user, whose groups a form is not told."""
    return User(name=name, groups=None, way="form")


def _key(context: Context) -> str:
    """Name what a run asks for; its other tries, and the run when it is cleared, have the same name."""
    run = context["dag_run"]
    return f"{run.dag_id} {run.run_id} {run.run_after.isoformat()}"


def _refused(context: Context, refusal: Refused) -> AirflowFailException:
    """Tell every problem, and give the error that ends the task for good."""
    problems = refusal.lines
    context["ti"].xcom_push(PROBLEMS, problems)
    context["ti"].xcom_push(NOTE, notes.refusal(problems))
    return AirflowFailException("Refused: " + "\n".join(problems))


def _is_too_late(context: Context) -> bool:
    """Say whether all tries of a run together have had the time of a submission."""
    began: datetime | None = context["dag_run"].start_date
    return began is not None and (datetime.now(UTC) - began).total_seconds() > settings().submission_deadline


def _given_up(error: Infrastructure) -> TimedOut:
    """Refuse what has been tried until the deadline."""
    tried = f"It was tried for {settings().submission_deadline:g} seconds (setting submission_deadline)"
    return TimedOut(f"{error} {tried}. Nothing was recorded.")
