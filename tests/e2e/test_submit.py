"""`mbs submit`, as a packager types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mbs.cli.airflow import AirflowClient, run_path
from mbs.cli.server import ApiError, Login
from mbs.registry import BuildFilter, ModuleState
from tests.e2e.world import World, module
from tools.stack import secrets

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def submit(world: World, tmp_path: Path, user: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the command with this user's password in a netrc file."""
    netrc = tmp_path / f"netrc-{user}"
    netrc.write_text(f"machine localhost login {user} password {secrets.password(world.layout, user)}\n")
    netrc.chmod(0o600)
    environment = os.environ | {
        "NETRC": str(netrc),
        "MBS_API_URL": world.layout.ui_url,
        "MBS_DATABASE_URL": world.layout.database_url("mbs"),
        "AIRFLOW_CONFIG": "/nonexistent",
    }
    command = [str(Path(sys.executable).with_name("mbs")), "submit", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_a_packager_submits_from_the_terminal_and_watches_the_build_to_its_end(world: World, tmp_path: Path) -> None:
    world.packages("typed")
    document = tmp_path / "typed.yaml"
    document.write_text(module("typed", {"typed": {}}))
    done = submit(world, tmp_path, "packager", document, "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    [build] = world.registry.builds.find(BuildFilter(name="typed")).items
    assert (build.state, build.owner) == (ModuleState.READY, "packager")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith(f"{build.nsvc} is submitted: {world.layout.ui_url}/dags/typed.1.")
    assert last == f"{build.nsvc} is ready"


def test_what_is_refused_is_a_line_for_each_problem(world: World, tmp_path: Path) -> None:
    document = tmp_path / "twice.yaml"
    document.write_text(module("twice", {"nowhere": {}}).replace("f40", "f39"))
    done = submit(world, tmp_path, "packager", document, "--owner", "robin")
    assert (done.returncode, done.stdout) == (1, "")
    assert "'owner'" in done.stderr
    done = submit(world, tmp_path, "packager", document)
    assert (done.returncode, done.stdout) == (1, "")
    assert "platform" in done.stderr
    assert "Traceback" not in done.stderr
    refused = submit(world, tmp_path, "viewer", document)
    assert refused.returncode == 1
    assert "viewer may not submit modules" in refused.stderr


def test_a_packager_touches_no_task_of_a_build(world: World) -> None:
    packager = AirflowClient(world.layout.ui_url, Login("packager", secrets.password(world.layout, "packager")))
    [run] = packager.call("GET", "dags/import_module/dagRuns?limit=1")["dag_runs"]
    path = run_path("import_module", run["dag_run_id"])
    attempts: list[tuple[str, str, dict[str, object]]] = [
        ("POST", "dags/import_module/clearTaskInstances", {"dry_run": False, "dag_run_id": run["dag_run_id"]}),
        ("POST", "dags/import_module/dagRuns", {"conf": {}, "logical_date": None}),
        ("PATCH", path, {"state": "failed"}),
        ("PATCH", f"{path}/taskInstances/import", {"new_state": "failed"}),
        ("POST", f"{path}/taskInstances/import/xcomEntries", {"key": "note", "value": "mine"}),
        ("PATCH", "dags/submit_module", {"is_paused": True}),
    ]
    for method, place, body in attempts:
        with pytest.raises(ApiError) as refused:
            packager.call(method, place, json=body)
        assert (method, place, refused.value.status) == (method, place, 403)


def test_the_doctor_finds_nothing_wrong_with_the_local_stack(world: World) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"AIRFLOW_HOME": str(world.layout.home), "MBS_API_URL": world.layout.ui_url}
    command = [str(Path(sys.executable).with_name("mbs")), "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert ", 0 wrong," in done.stdout
