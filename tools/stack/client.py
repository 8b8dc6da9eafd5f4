"""What one does with a stack that runs: submit, fill in forms, follow module builds, look at tasks and their logs.

stack = RunningStack(layout())
stack.publish_examples()
stack.import_platform()
build = stack.example("greeter", "1")
stack.follow(build, print, seconds=600)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import koji

from devhub.examples import commit_again, publish
from mbs.cli.airflow import FINISHED, AirflowClient, run_path
from mbs.cli.api import Api
from mbs.cli.server import ApiError, Login
from mbs.koji.faults import KojiValue
from mbs.model.plan import BuildPlan
from mbs.planning.ids import dag_id
from mbs.registry import Registry, engine_for
from tools.stack import StackProblem, secrets
from tools.stack.hub import PLATFORM_TAG
from tools.stack.layout import Layout, checkout

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """A task instance."""

    task_id: str
    state: str | None
    start: str | None
    end: str | None
    tries: int


class AirflowApi(AirflowClient):
    """Airflow behind a URL, as one user who operates it: what `mbs` asks it, and tasks, logs, clearing and marking."""

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Give the runs of a DAG; none where Airflow does not know it yet."""
        answer = self.get_if_found(f"dags/{dag_id}/dagRuns")
        return list(answer["dag_runs"]) if answer else []

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Task]:
        """Give all task instances of a run by task id."""
        found: list[dict[str, Any]] = []
        total = 1
        while len(found) < total:
            page: Mapping[str, int] = {"limit": 500, "offset": len(found)}
            answer = self.call("GET", f"{run_path(dag_id, run_id)}/taskInstances", params=page)
            found += answer["task_instances"]
            total = answer["total_entries"]
        return {
            it["task_id"]: Task(it["task_id"], it["state"], it["start_date"], it["end_date"], it["try_number"])
            for it in found
        }

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Give the log of one try of a task as text."""
        lines = self._log(dag_id, run_id, task_id, attempt)
        return "\n".join(str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in lines)

    def defects(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> list[Any]:
        """Give the lines of the log of one try of a task that have a traceback."""
        lines = self._log(dag_id, run_id, task_id, attempt)
        return [line for line in lines if isinstance(line, dict) and line.get("error_detail")]

    def _log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> list[Any]:
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{attempt}"
        return list(self.call("GET", path, params={"full_content": "true"})["content"])

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Do what "clear failed" of a run does in the UI."""
        body = {"dry_run": False, "only_failed": True, "reset_dag_runs": True, "dag_run_id": run_id}
        self.call("POST", f"dags/{dag_id}/clearTaskInstances", json=body)

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run as failed or successful."""
        self.call("PATCH", run_path(dag_id, run_id), json={"state": state})

    def fill_in(self, form: str, fields: Mapping[str, str]) -> str:
        """Start a form as soon as Airflow knows it, and give the id of its run, which has succeeded.

        Raises StackProblem with the note of a run that has failed.
        """
        self.until(lambda: self._knows(form), f"the DAG {form}", 90)
        run_id = self.trigger(form, fields)
        run = self.wait(form, run_id)
        if run["state"] != "success":
            raise StackProblem(f"{form} failed. {run['note'] or ''}")
        return run_id

    def _knows(self, name: str) -> bool:
        try:
            return not self.call("GET", f"dags/{name}")["is_stale"]
        except ApiError:
            return False


@dataclass(frozen=True, slots=True)
class FollowedBuild:
    """A module build whose DAG has a run."""

    build_id: int
    plan: BuildPlan
    dag_id: str
    run_id: str


@dataclass(frozen=True)
class RunningStack:
    """A stack with its parts within reach; nothing is asked before it is needed."""

    layout: Layout

    @cached_property
    def api(self) -> AirflowApi:
        """Airflow, as the administrator."""
        return AirflowApi(self.layout.ui_url, Login("admin", secrets.password(self.layout, "admin")))

    @cached_property
    def service(self) -> Api:
        """The service's own REST API, as the administrator."""
        return Api(self.layout.ui_url, self.api.login)

    @cached_property
    def registry(self) -> Registry:
        """The registry."""
        return Registry(engine_for(self.layout.database_url("mbs")))

    @cached_property
    def hub(self) -> KojiValue:
        """An anonymous session of the hub."""
        return koji.ClientSession(self.layout.hub.url)

    def publish_examples(self) -> None:
        """Make or update the git repositories of the examples."""
        publish(checkout() / "examples", self.layout.examples)

    def import_platform(self) -> None:
        """Register the base module of the examples through the form, with the tag that it has on this hub."""
        document = (checkout() / "examples" / "platform" / "platform.yaml").read_text()
        ours = f"koji_tag: {self.layout.hub.platform_tag}\n"
        self.api.fill_in("import_module", {"modulemd": document.replace(f"koji_tag: {PLATFORM_TAG}\n", ours)})

    def commit(self, module: str, branch: str) -> str:
        """Add a commit without changes to a module of the examples, and give its SCM URL."""
        commit = commit_again(self.layout.examples / "modules" / module, branch)
        return f"{self.layout.sources}modules/{module}?#{commit}"

    def example(self, module: str, branch: str) -> FollowedBuild:
        """Submit a new commit of a module of the examples, and give its build when its DAG runs."""
        return self.submit({"scmurl": self.commit(module, branch), "branch": branch})

    def submit(self, fields: Mapping[str, str]) -> FollowedBuild:
        """Submit a module over the REST API, and give its build, the first of several, when its DAG runs."""
        [build, *_] = self.service.submit(fields)
        return self.followed(build.id)

    def followed(self, build_id: int) -> FollowedBuild:
        """Wait until the DAG of a module build has its run."""
        plan = self.registry.documents.plan(build_id)
        name = dag_id(plan.nsvc)
        [run, *_] = self.api.until(lambda: self.api.runs(name), f"the start of {plan.nsvc}", 60)
        return FollowedBuild(build_id, plan, name, run["dag_run_id"])

    def follow(self, build: FollowedBuild, show: Callable[[dict[str, str | None]], None], seconds: float) -> str:
        """Show the tasks' states until the run has ended; give the state of the run. A person may think for longer.

        A loop of our own: every look is shown. Raises StackProblem for a run that takes too long.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = str(self.api.run(build.dag_id, build.run_id)["state"])
            states = {task.task_id: task.state for task in self.api.tasks(build.dag_id, build.run_id).values()}
            show(states)
            if state in FINISHED:
                return state
            if "awaiting_input" in states.values():
                end = time.monotonic() + seconds
            time.sleep(POLL_SECONDS)
        raise StackProblem(f"{build.plan.nsvc} was not built within {seconds:.0f} s.")

    def resize_pool(self, slots: int) -> None:
        """Set the number of arch builds that may be in Koji."""
        pool = {"pool": "koji_builds", "slots": slots, "include_deferred": False}
        self.api.call("PATCH", "pools/koji_builds", json=pool, params={"update_mask": "slots"})
