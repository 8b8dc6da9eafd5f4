"""A submission whose document is read in a sandbox: the same plans, and nothing recorded where it ends badly."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from devhub.examples import publish
from mbs.model.errors import Refused, TimedOut, Unprocessable
from mbs.model.nsvc import NSVC
from mbs.modulemd.changes import Changes, apply, edit
from mbs.modulemd.reader import read_stream
from mbs.modulemd.registered import imported
from mbs.planning.hub import HubFacts
from mbs.planning.planner import ImportRequest, PlanRequest, plan_in_sandbox, read_in_sandbox
from mbs.planning.request import read_request
from mbs.planning.sandboxed import drafts
from mbs.registry import Allocation, Registry
from mbs.registry.stored import RegistryStore
from mbs.scm.repository import GitScm
from mbs.settings import Settings
from mbs.steps.submit import submit
from tests.conftest import ROOT
from tests.mbs.planning.conftest import DOCUMENT, GTK, PLATFORM, Prepare

EXAMPLE_PLATFORM = (ROOT / "examples" / "platform" / "platform.yaml").read_text()
HUB = HubFacts({"module-f40-build": ("x86_64", "aarch64")}, {"greet": 12.0}, {})


@pytest.fixture
def filled(registry: Registry) -> Registry:
    for text in (EXAMPLE_PLATFORM, PLATFORM, GTK.format(stream=1), GTK.format(stream=2)):
        registry.import_modules([imported(read_stream(text), ["platform"])], base_module_names=["platform"])
    return registry


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, str]:
    return dict(publish(ROOT / "examples", tmp_path / "git"))


@pytest.fixture
def local(tmp_path: Path) -> Settings:
    git = f"file://{tmp_path}/git"
    return Settings(
        scmurls=(f"{git}/modules/",),
        allow_local_scmurls=True,
        yaml_submit_allowed=True,
        rpms_default_repository=f"{git}/rpms/",
        modules_default_repository=f"{git}/modules/",
        default_branch="main",
        allow_stream_override_from_scm=True,
    )


def test_a_plan_of_the_sandbox_is_the_plan_made_at_hand(
    filled: Registry, sources: dict[str, str], local: Settings
) -> None:
    request = read_request({"scmurl": sources["modules/greeter"], "branch": "main"}, "pat", local)
    order, store = PlanRequest(request, local), RegistryStore(filled.engine, local.base_module_names)
    planned = plan_in_sandbox(order, store, HUB)
    assert planned == drafts(order, store, HUB, GitScm(local.git))
    assert planned[0].plan.arches == ("x86_64", "aarch64")


def test_a_submission_is_recorded_from_the_sandbox(filled: Registry, sources: dict[str, str], local: Settings) -> None:
    data = {"scmurl": sources["modules/greeter"], "branch": "main"}
    (recorded,) = submit(data, "pat", registry=filled, settings=local, hub=HUB)
    plan = filled.documents.plan(recorded.build.id)
    assert plan.source_modulemd == (ROOT / "examples/modules/greeter/greeter.yaml").read_text()
    assert plan.koji_tag == recorded.build.koji_tag
    assert read_stream(plan.modulemd).context == recorded.build.nsvc.context


def test_a_refusal_has_every_problem_with_its_line(filled: Registry, local: Settings) -> None:
    text = DOCUMENT.replace("summary: Example", "summary: [Example]").replace(
        "license: {module: [MIT]}", "license: MIT"
    )
    with pytest.raises(Refused) as refused:
        submit({"modulemd": text, "module_name": "app"}, "pat", registry=filled, settings=local)
    assert [problem.line for problem in refused.value.problems]
    assert all(problem.line for problem in refused.value.problems)


def test_an_import_read_in_the_sandbox_is_the_import(local: Settings) -> None:
    (module,) = read_in_sandbox(ImportRequest(GTK.format(stream=1), local)).modules
    assert module == imported(read_stream(GTK.format(stream=1)), ["platform"])
    assert module.document.text == read_stream(GTK.format(stream=1)).text


def test_plans_that_take_too_much_memory_are_refused_and_not_recorded(registry: Registry, local: Settings) -> None:
    """A document of 1.9 MB for forty platforms: small enough for every other limit."""
    streams = [f"f{number}" for number in range(1, 41)]
    for stream in streams:
        text = PLATFORM.replace("f28", stream)
        registry.import_modules([imported(read_stream(text), ["platform"])], base_module_names=["platform"])
    document = DOCUMENT.replace("description: Example", f"description: {'long ' * 380_000}")
    document = re.sub(
        r"buildrequires: .*\n.*requires: .*", f"buildrequires: {{platform: [{', '.join(streams)}]}}", document
    )
    document = re.sub(r"  components:\n    rpms:\n.*\n.*\n", "", document)
    before = registry.builds.find().total
    with pytest.raises(Unprocessable, match=r"128 MB of memory|together are too large"):
        submit(
            {"modulemd": document, "module_name": "app"},
            "pat",
            registry=registry,
            settings=replace(local, submission_memory=128 * 2**20),
        )
    assert registry.builds.find().total == before


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A git server that takes connections and never answers; gives its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[Any] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept())
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_a_git_server_that_never_answers_is_named_at_the_deadline(
    filled: Registry, silent_server: str, local: Settings
) -> None:
    url = f"http://{silent_server}/modules/app"
    impatient = replace(local, allow_custom_scmurls=True, submission_deadline=4.0)
    before = filled.builds.find().total
    with pytest.raises(TimedOut, match=f"longer than 4 seconds .* while reading {url}"):
        submit({"scmurl": f"{url}?#{'c' * 40}", "branch": "main"}, "pat", registry=filled, settings=impatient)
    assert filled.builds.find().total == before


def test_the_hooks_of_a_repository_do_not_run(
    filled: Registry, sources: dict[str, str], local: Settings, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    names = (
        "pre-receive",
        "post-checkout",
        "post-update",
        "reference-transaction",
        "fsmonitor-watchman",
        "pre-auto-gc",
    )
    for repository in (tmp_path / "git").glob("*/*"):
        hooks = next(path for path in (repository / ".git", repository) if (path / "HEAD").exists()) / "hooks"
        hooks.mkdir(exist_ok=True)
        for name in names:
            (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
            (hooks / name).chmod(0o755)
    data = {"scmurl": sources["modules/greeter"], "branch": "main"}
    assert submit(data, "pat", registry=filled, settings=local, hub=HUB)
    assert not mark.exists()


def test_who_has_the_registry_never_loads_a_parser() -> None:
    """Neither where the forms' DAGs are parsed nor where their tasks run."""
    code = (
        "import sys; import dags.submit_module, dags.import_module, dags.rebuild_dependants\n"
        "from mbs.settings import Settings; from mbs.planning.planner import ImportRequest, read_in_sandbox\n"
        f"print(read_in_sandbox(ImportRequest({EXAMPLE_PLATFORM!r}, Settings())).modules[0].nsvc)\n"
        "print([name for name in ('gi', 'solv') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.stdout.splitlines()[-2:] == ["platform:f40:1:00000000", "[]"], done.stderr


@pytest.mark.parametrize("context", ["9c690d0e", "00000000", "12345678", "1e234567", "null", "A_b"])
def test_a_draft_gets_the_number_of_a_scratch_build_as_libmodulemd_writes_it(prepared: Prepare, context: str) -> None:
    data = {
        "modulemd": DOCUMENT.replace(
            "description: Example", "description: |\n    Quoted:\n\n      context: 9c690d0e\n"
        ),
        "module_name": "app",
        "scratch": True,
    }
    draft = prepared(data).builds[0].draft()
    text = edit(draft.plan.modulemd, Changes(context=context))
    draft = structs.replace(
        draft, plan=structs.replace(draft.plan, nsvc=structs.replace(draft.plan.nsvc, context=context), modulemd=text)
    )
    nsvc = NSVC("app", "master", draft.plan.nsvc.version, f"{context}_12")
    named = draft.named(Allocation(7, 5, nsvc))
    assert named.modulemd == apply(read_stream(text), Changes(context=nsvc.context)).text
    assert named.koji_tag.startswith("scrmod-app-master-")
    assert named.publication.release == f"{nsvc.version}.{nsvc.context}"
