"""What people ask for through the UI's forms: a module build, an import. Thin: read the form, call `mbs`, answer.

A refusal fails the task for good. Every problem is a line of its log and of the run's note (`operators.notes`), and an
item of an XCom for `mbs submit`; nothing has been recorded then. What merely does not answer (git, the registry) is
retried by Airflow.

Who asks is the user to whom Airflow gave the run (for `airflow dags trigger` the one of the operating system), never a
field of the form. A run of nobody is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from mbs import notes
from mbs.errors import InvalidRequest, MbsError, NotAuthorized, Refused
from mbs.forms import BUILDS, PROBLEMS, SubmittedBuild
from mbs.koji.facts import KojiFacts
from mbs.quoting import printable, told
from mbs.registry import BuildFilter, Outcome, Page, Recorded, Registry
from mbs.registry.imports import messages
from mbs.scm.url import ScmUrl, submitted_url
from mbs.settings import Settings
from mbs.submission.planner import ImportOrder, read_in_sandbox
from mbs.submission.submit import submit
from operators.hook import CONNECTION as KOJI
from operators.hook import KojiHook
from operators.identifiers import NOTE, dag_id
from operators.registry import CONNECTION, registry
from operators.settings import settings
from operators.task_log import sentence_of


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

    def __init__(self, *, registry_conn_id: str = CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.registry_conn_id = registry_conn_id

    def execute(self, context: Context) -> object:
        """Do what is asked, or refuse it with every reason."""
        fields = {name: value for name, value in context["params"].items() if value not in (None, "", {}, [])}
        since = context["dag_run"].start_date if context["ti"].try_number > 1 else None
        try:
            answer = self.answer(fields, asking_user(context), since)
        except Refused as refusal:
            problems = told(refusal.problems)
            context["ti"].xcom_push(PROBLEMS, problems)
            context["ti"].xcom_push(NOTE, notes.refusal(problems))
            raise AirflowFailException("Refused: " + "\n".join(problems)) from None
        except (MbsError, AirflowTaskTimeout) as error:  # tried again perhaps, and then forgotten
            context["ti"].xcom_push(NOTE, notes.unanswered(sentence_of(error) or str(error)))
            raise
        for message in answer.messages:
            self.log.info("%s", printable(message))
        context["ti"].xcom_push(NOTE, notes.answer(answer.messages))
        for key, value in answer.xcoms.items():
            context["ti"].xcom_push(key, value)
        return answer.result

    def answer(self, fields: Mapping[str, Any], user: str, since: datetime | None) -> Answer:
        """Do what the filled-in fields ask for, where this user may; raise Refused otherwise.

        `since` is when the run began, where this is not its first try: the one before may have been killed after it
        had done everything.
        """
        raise NotImplementedError


class SubmitModuleOperator(RequestOperator):
    """Read, check and expand a modulemd, and record its module builds; gives their numbers in the registry."""

    def __init__(self, *, koji_conn_id: str = KOJI, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.koji_conn_id = koji_conn_id

    def answer(self, fields: Mapping[str, Any], user: str, since: datetime | None) -> Answer:
        """Submit what the form asks for; each new module build gets its DAG within seconds."""
        check_submitter(user, settings())
        builds = registry(self.registry_conn_id)
        done = recorded_since(builds, fields, user, since) if since else ()
        if not done:
            done = self._submit(builds, fields, user)
        return Answer(
            [f"{one.build.nsvc} (number {one.build.id}) {_outcome(one)}." for one in done],
            [one.build.id for one in done],
            {BUILDS: [_submitted(one) for one in done]},
        )

    def _submit(self, builds: Registry, fields: Mapping[str, Any], user: str) -> tuple[Recorded, ...]:
        current = settings()
        with KojiHook(self.koji_conn_id).get_conn() as hub:
            return submit(
                fields,
                user,
                registry=builds,
                settings=current,
                hub=KojiFacts(hub),
                may_choose_owner=user in current.allowed_users_to_choose_owner,
            )


class ImportModuleOperator(RequestOperator):
    """Register a base module, or a module that was finished elsewhere (MBS §6.4, §3.13)."""

    def answer(
        self,
        fields: Mapping[str, Any],
        user: str,
        since: datetime | None,  # noqa: ARG002 - to import twice is to import once
    ) -> Answer:
        """Import the pasted documents, or those at an SCM URL: all or, with `skip_invalid`, those that can be."""
        current, skip = settings(), bool(fields.get("skip_invalid"))
        check_importer(user, current)
        found = read_in_sandbox(ImportOrder(_document(fields, current), current, skip, fields.get("koji_tag_template")))
        done, refused = registry(self.registry_conn_id).import_modules(
            found.modules, by=user, base_module_names=current.base_module_names, skip_invalid=skip
        )
        skipped = [f"Skipped: {problem}" for problem in (*found.problems, *refused)]
        said = messages(done, found.filled, len(found.refused) + len(refused))
        names = [str(one.build.nsvc) for one in done]
        return Answer([*reversed(said), *skipped, *found.remarks], names[0] if len(names) == 1 else names)


def asking_user(context: Context) -> str:
    """Give the user whom Airflow gave the run to; raise NotAuthorized where it names none."""
    user: str | None = context["dag_run"].triggering_user_name
    if not user:
        raise NotAuthorized("Airflow does not say who started this run. Submit while logged in, as a named user.")
    return user


def check_submitter(user: str, current: Settings) -> None:
    """Refuse who may not submit.

    Airflow tells a task who triggered it but not the user's groups. So where `allowed_groups` restricts submission,
    the form is for `allowed_users` alone.
    """
    if current.allowed_groups and user not in current.allowed_users:
        raise NotAuthorized(
            f"{user} is not among the users who may submit here. Ask for a place in the setting allowed_users: it "
            "counts alone, since a form is not told who is in allowed_groups."
        )


def check_importer(user: str, current: Settings) -> None:
    """Refuse who may not import: what is imported can name any Koji tag for others to be built with (MBS §3.13)."""
    if user not in current.allowed_users_to_import_module:
        raise NotAuthorized(
            f"{user} is not among the users who may import modules here. Ask for a place in the setting "
            "allowed_users_to_import_module, or have an administrator run `mbs import`."
        )


def recorded_since(builds: Registry, fields: Mapping[str, Any], user: str, since: datetime) -> tuple[Recorded, ...]:
    """Find what a try of the same request has recorded; all of its builds or none, as recording is one transaction."""
    wanted = BuildFilter(owner=fields.get("owner", user), submitted_after=since, scratch=bool(fields.get("scratch")))
    found = builds.find(wanted, Page(size=100, order_by=(("id", False),))).items
    source = fields.get("modulemd")
    return tuple(
        Recorded(build, Outcome.NEW)
        for build in found
        if build.scmurl == fields.get("scmurl") and (source is None or builds.source_modulemd(build.id) == source)
    )


def _submitted(recorded: Recorded) -> SubmittedBuild:
    build = recorded.build
    return SubmittedBuild(id=build.id, nsvc=str(build.nsvc), dag_id=dag_id(build.nsvc), outcome=_outcome(recorded))


def _outcome(recorded: Recorded) -> str:
    said = {
        Outcome.NEW: "is submitted",
        Outcome.RESUMED: "had failed and goes on",
        Outcome.EXISTING: f"exists already ({recorded.build.state.name.lower()}) and was left alone",
    }
    return said[recorded.outcome]


def _document(fields: Mapping[str, Any], current: Settings) -> str | ScmUrl:
    scmurl, text = fields.get("scmurl"), fields.get("modulemd")
    if bool(scmurl) == bool(text):
        raise InvalidRequest("Give either an SCM URL or a document.")
    return str(text) if text else submitted_url(str(scmurl), current.scm_rules)
