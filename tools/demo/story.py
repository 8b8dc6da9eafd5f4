"""The steps of the demo: publish the examples, register the platform, submit a module, follow it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devhub.examples import publish
from mbs.model.plan import BuildPlan
from mbs.planning.ids import dag_id
from mbs.registry import Registry, engine_for
from tools.airflow_api import FINISHED, AirflowApi, ApiError
from tools.stack import secrets
from tools.stack.hub import PLATFORM_TAG, Hub
from tools.stack.layout import Layout, checkout
from tools.stack.problem import StackProblem

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Followed:
    """A module build whose DAG has a run."""

    build_id: int
    plan: BuildPlan
    dag_id: str
    run_id: str


def api_of(layout: Layout) -> AirflowApi:
    """Give Airflow's API as the administrator of the stack."""
    return AirflowApi(layout.ui_url, "admin", secrets.password(layout, "admin"))


def registry_of(layout: Layout) -> Registry:
    """Give the registry of the stack."""
    return Registry(engine_for(layout.database_url("mbs")))


def publish_examples(layout: Layout) -> None:
    """Make or update the git repositories of the examples."""
    publish(checkout() / "examples", layout.examples)


def commit_of_now(repository: Path, branch: str) -> str:
    """Add a commit without changes to a module's stream branch, and give it: a new version to build."""
    base = _git(repository, "rev-parse", "--verify", "main")
    known = _git(repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
    when = f"{int(time.time())} +0000"
    author = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _person(when).items()}
    parents = [word for parent in dict.fromkeys((known, base)) if parent for word in ("-p", parent)]
    commit = _git(repository, "commit-tree", f"{base}^{{tree}}", *parents, "-m", "Build again", **author)
    _git(repository, "update-ref", f"refs/heads/{branch}", commit)
    _git(repository, "update-server-info")  # for those who fetch it over plain HTTP
    return commit


def import_platform(api: AirflowApi, hub: Hub) -> None:
    """Register the base module of the examples through the form, with the tag that it has on this hub."""
    document = (checkout() / "examples" / "platform" / "platform.yaml").read_text()
    document = document.replace(f"koji_tag: {PLATFORM_TAG}\n", f"koji_tag: {hub.platform_tag}\n")
    run = _form(api, "import_module", {"modulemd": document})
    _succeeded(api, "import_module", run)


def commit_module(layout: Layout, name: str, branch: str) -> str:
    """Add a commit without changes to a module of the examples, and give its SCM URL."""
    return f"{layout.sources}modules/{name}?#{commit_of_now(layout.examples / 'modules' / name, branch)}"


def submit(api: AirflowApi, registry: Registry, layout: Layout, name: str, branch: str) -> Followed:
    """Submit a new commit of a module of the examples through the form, and give its build when its DAG runs."""
    run = _form(api, "submit_module", {"scmurl": commit_module(layout, name, branch), "branch": branch})
    _succeeded(api, "submit_module", run)
    [build_id, *_] = api.xcom("submit_module", run, "submit")
    return followed(api, registry, build_id)


def followed(api: AirflowApi, registry: Registry, build_id: int) -> Followed:
    """Wait until the DAG of a module build has its run."""
    plan = registry.documents.plan(build_id)
    name = dag_id(plan.nsvc)
    [run, *_] = api.until(lambda: api.runs(name), f"the start of {plan.nsvc}", 60)
    return Followed(build_id, plan, name, run["dag_run_id"])


def follow(api: AirflowApi, build: Followed, show: Callable[[dict[str, str | None]], None], seconds: float) -> str:
    """Show the tasks' states until the run has ended; give the state of the run. A person may think for longer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = str(api.run(build.dag_id, build.run_id)["state"])
        states = {task.task_id: task.state for task in api.tasks(build.dag_id, build.run_id).values()}
        show(states)
        if state in FINISHED:
            return state
        if "awaiting_input" in states.values():
            end = time.monotonic() + seconds
        time.sleep(POLL_SECONDS)
    raise StackProblem(f"{build.plan.nsvc} was not built within {seconds:.0f} s.")


def _form(api: AirflowApi, name: str, fields: dict[str, str]) -> str:
    """Fill in a form as soon as Airflow knows it."""
    api.until(lambda: _known(api, name), f"the DAG {name}", 90)
    return api.trigger(name, fields)


def _known(api: AirflowApi, name: str) -> bool:
    try:
        return not api.call("GET", f"dags/{name}")["is_stale"]
    except ApiError:
        return False


def _succeeded(api: AirflowApi, name: str, run_id: str) -> None:
    run = api.wait(name, run_id)
    if run["state"] != "success":
        raise StackProblem(f"{name} failed. {run['note'] or ''}")


def _person(when: str) -> dict[str, str]:
    return {"NAME": "Demo", "EMAIL": "demo@localhost", "DATE": when}


def _git(repository: Path, *arguments: str, **environment: str) -> str:
    command = ["git", "-C", str(repository), "-c", "safe.directory=*", *arguments]
    base = {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(command, env=base | environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()
