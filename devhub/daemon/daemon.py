"""The daemon: one loop that hands out tasks, moves parents on and stores results, and threads that only work.

Every decision is one transaction on stored state, so the daemon may be killed at any line. Waiting costs nothing: a
parent, a modelled latency and a repository that is not there yet are entries that the loop looks at, never a blocked
thread.
"""

import logging
import shutil
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import koji

from devhub import builds, tasks
from devhub.builder.process import Canceled, kill_orphans
from devhub.daemon import build, facts, injected, newrepo, stages
from devhub.daemon.facts import Host
from devhub.daemon.settings import BuilderSettings
from devhub.daemon.stages import Attempt
from devhub.database import Connection, Database
from devhub.settings import Settings
from devhub.tasks import Task

_LOG = logging.getLogger(__name__)
_BUILDS = ("buildSRPMFromSCM", "rebuildSRPM", "buildArch")
_REPOS = ("createrepo",)
_WEIGHTS = {"build": 0.2, "newRepo": 0.1, "buildArch": 1.5, "createrepo": 1.5}
_LATENCY = {"buildSRPMFromSCM": "srpm", "rebuildSRPM": "srpm", "buildArch": "build", "createrepo": "repo"}
_CLEANING = 10.0  # seconds, at most, between two looks at the lifetimes of repositories


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended: a result, the code and text of a fault, or nothing at all because it was stopped."""

    result: Any = None
    fault: tuple[int, str] | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt on its way, with the host whose slot it holds; it ends no earlier than `due` (monotonic seconds)."""

    attempt: Attempt
    host: int
    due: float
    future: "Future[Outcome]"

    @property
    def over(self) -> bool:
        """Whether its outcome may be stored."""
        return self.future.done() and (time.monotonic() >= self.due or self.attempt.canceled.is_set())


class Daemon:
    """Builders, repository makers and kojira of one hub; `start` and `stop` may be called from any thread."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Take the hub's settings; raises `SettingsRefused` when what they say of builders cannot be used."""
        self._database = database
        self._settings = BuilderSettings.of(settings)
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="devhub-daemon", daemon=True)
        self._workers = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="devhub-builder")
        self._running: dict[int, Running] = {}
        self._seen: dict[int, str] = {}
        self._cleaned = 0.0
        self._steps: dict[str, Callable[[Connection, Task], object]] = {
            "build": partial(build.advance, top=self._settings.files, policies=self._settings.policies),
            "newRepo": partial(newrepo.advance, top=self._settings.files),
            "tagBuild": build.tag_build,
            "waitrepo": newrepo.wait_for_repo,
        }

    def start(self) -> None:
        """Take up what an earlier run left unfinished and begin to work."""
        kill_orphans(self._settings.scratch)
        shutil.rmtree(self._settings.scratch, ignore_errors=True)
        self._settings.scratch.mkdir(parents=True, exist_ok=True)
        with self._database.transaction() as connection:
            for task in tasks.in_state(connection, tasks.OPEN, tasks.ASSIGNED):
                if task.method in stages.STAGES:
                    tasks.release(connection, task.id)
        self._thread.start()

    def stop(self) -> None:
        """Stop working, killing what runs; unfinished tasks are taken up by the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        for running in self._running.values():
            running.attempt.canceled.set()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the loop outlives whatever one turn meets
                _LOG.exception("A turn of the builders failed; it is tried again")
                self._stopping.wait(1)
            self._wake.wait(self._settings.poll)

    def _turn(self) -> None:
        """Do whatever can be done now."""
        self._stop_canceled()
        for running in [running for running in self._running.values() if running.over]:
            self._store(running)
        self._serve_requests()
        self._hand_out()
        self._advance()

    def _stop_canceled(self) -> None:
        """Stop attempts whose task is not open any more: it was canceled over their heads."""
        connection = self._database.reader()
        for task_id, running in self._running.items():
            task = tasks.get(connection, task_id)
            if task is None or task.state != tasks.OPEN:
                running.attempt.canceled.set()

    def _store(self, running: Running) -> None:
        """Store the outcome of an attempt; a lost builder's task is free again."""
        task, outcome = running.attempt.task, running.future.result()
        with self._database.transaction() as connection:
            if running.attempt.injected.lose or outcome.stopped:
                tasks.release(connection, task.id)
            elif outcome.fault:
                tasks.fail(connection, task.id, *outcome.fault)
            else:
                tasks.close(connection, task.id, outcome.result)
            if running.attempt.buildroot is not None:
                builds.retire_buildroot(connection, running.attempt.buildroot)
        del self._running[task.id]

    def _serve_requests(self) -> None:
        """Do what kojira does for the hub."""
        waiting = self._database.reader().execute("SELECT 1 FROM repo_requests WHERE active LIMIT 1").fetchone()
        due = time.monotonic() >= self._cleaned
        if waiting or due:
            with self._database.transaction() as connection:
                newrepo.serve_requests(connection)
                if due:
                    newrepo.clean(connection, self._settings)
                    facts.report(connection)
        if due:
            lifetime = min(self._settings.repo_expires, self._settings.repo_deleted)
            self._cleaned = time.monotonic() + min(_CLEANING, max(lifetime, self._settings.poll))

    def _hand_out(self) -> None:
        """Give free tasks to hosts with a free slot, the most urgent first; parents need no slot."""
        if not self._database.reader().execute("SELECT 1 FROM tasks WHERE state = ? LIMIT 1", (tasks.FREE,)).fetchone():
            return
        with self._database.transaction() as connection:
            hosts = facts.hosts(connection)
            if hosts:
                self._open_parents(connection, hosts[0])
            given = self._assignments(connection, hosts)
            attempts = [(self._begin(connection, task, host), host) for task, host in given]
        for attempt, host in attempts:
            if attempt is not None:
                self._launch(attempt, host)

    def _open_parents(self, connection: Connection, host: Host) -> None:
        while task := tasks.claim(connection, host_id=host.id, arches=["noarch"], methods=self._steps):
            tasks.set_weight(connection, task.id, _WEIGHTS.get(task.method, 1.0))
            tasks.set_waiting(connection, task.id, task.method in ("build", "newRepo"))

    def _assignments(self, connection: Connection, hosts: list[Host]) -> list[tuple[Task, int]]:
        """Claim tasks one per host in turn, so that noarch tasks spread, until slots or tasks are used up."""
        given: list[tuple[Task, int]] = []
        for methods, limit in ((_BUILDS, self._settings.builders), (_REPOS, self._settings.repo_builders)):
            free = {host.id: limit - self._busy(host.id, methods) for host in hosts}
            open_hosts = hosts
            while open_hosts := [host for host in open_hosts if free[host.id] > 0]:
                open_hosts = [host for host in open_hosts if self._claim(connection, host, methods, given)]
                for host in open_hosts:
                    free[host.id] -= 1
        return given

    def _claim(
        self, connection: Connection, host: Host, methods: tuple[str, ...], given: list[tuple[Task, int]]
    ) -> bool:
        task = tasks.claim(connection, host_id=host.id, arches=host.arches, methods=methods)
        if task is not None:
            given.append((task, host.id))
        return task is not None

    def _busy(self, host: int, methods: tuple[str, ...]) -> int:
        ours = [running for running in self._running.values() if running.host == host]
        return sum(running.attempt.task.method in methods for running in ours)

    def _begin(self, connection: Connection, task: Task, host: int) -> Attempt | None:
        """Begin an attempt, or fail a task whose request makes no sense: it must not hold up the others."""
        try:
            return self._attempt(connection, task, host)
        except (koji.GenericError, LookupError, TypeError, ValueError) as error:
            tasks.fail(connection, task.id, *facts.fault_of(error, traceback.format_exc()))
            return None

    def _attempt(self, connection: Connection, task: Task, host: int) -> Attempt:
        """Store what belongs to the beginning of an attempt: its weight, its build root, the faults that it uses up."""
        tasks.set_weight(connection, task.id, _WEIGHTS.get(task.method, 1.0))
        arch = task.label if task.method == "buildArch" else task.arch
        repo_id, buildroot = stages.repo_of(task), None
        if repo_id is not None:
            buildroot = builds.begin_buildroot(
                connection, task_id=task.id, arch=arch or task.arch, host_id=host, repo_id=repo_id
            )
        stage = _LATENCY[task.method]
        faults = injected.take(connection, stages.package_of(task), arch or task.arch, stage)
        return Attempt(task, self._database, self._settings, buildroot, faults)

    def _launch(self, attempt: Attempt, host: int) -> None:
        task = attempt.task
        key = f"{stages.package_of(task)}/{task.label}"
        latency = self._settings.latency.seconds(_LATENCY[task.method], key) + attempt.injected.slow
        future = self._workers.submit(_work, attempt)
        future.add_done_callback(lambda _: self._wake.set())
        self._running[task.id] = Running(attempt, host, time.monotonic() + latency, future)

    def _advance(self) -> None:
        """Move on every parent with news from its children."""
        states = self._parents()
        news = [task_id for task_id, state in states.items() if self._seen.get(task_id) != state]
        for task_id in news:
            self._step(task_id)
        self._seen = states
        if news:
            self._wake.set()

    def _parents(self) -> dict[int, str]:
        """Open parents with the states of their children, and for those that wait for something else the time."""
        places = ",".join("?" * len(self._steps))
        rows = self._database.reader().execute(
            "SELECT tasks.id, tasks.method, group_concat(child.id || ':' || child.state) AS children FROM tasks"
            f" LEFT JOIN tasks AS child ON child.parent = tasks.id WHERE tasks.state = ? AND tasks.method IN ({places})"
            " GROUP BY tasks.id ORDER BY tasks.priority, tasks.id",
            (tasks.OPEN, *self._steps),
        )
        now = str(int(time.monotonic() / max(self._settings.poll, 0.5)))
        return {row["id"]: now if row["method"] == "waitrepo" else row["children"] or "" for row in rows}

    def _step(self, task_id: int) -> None:
        """Take one step with a parent; what goes wrong ends it with a fault."""
        try:
            with self._database.transaction() as connection:
                task = tasks.get(connection, task_id)
                if task is not None and task.state == tasks.OPEN:
                    self._steps[task.method](connection, task)
                    self._rest(connection, task_id)
        except sqlite3.Error:
            raise  # nothing was stored; the next turn tries again
        except Exception as error:  # noqa: BLE001 - whatever it is, the task must end with it
            self._abandon(task_id, facts.fault_of(error, traceback.format_exc()))

    def _rest(self, connection: Connection, task_id: int) -> None:
        """A task that has ended waits no longer."""
        task = tasks.get(connection, task_id)
        if task is not None and task.finished:
            tasks.set_waiting(connection, task_id, False)

    def _abandon(self, task_id: int, fault: tuple[int, str]) -> None:
        clean_up = {"build": build.abandon, "newRepo": newrepo.abandon}
        with self._database.transaction() as connection:
            task = tasks.get(connection, task_id)
            if task is not None and tasks.fail(connection, task_id, *fault) and task.method in clean_up:
                clean_up[task.method](connection, task)


def _work(attempt: Attempt) -> Outcome:
    """Run a stage in a worker's thread; answers how it ended and raises nothing."""
    try:
        return Outcome(result=stages.STAGES[attempt.task.method](attempt))
    except Canceled:
        return Outcome(stopped=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the task must end with it
        return Outcome(fault=facts.fault_of(error, traceback.format_exc()))
