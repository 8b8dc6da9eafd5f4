"""Runs the tasks that drive Koji or wait for it: one side process holds all of them as running.

A task of a module build is not worth a process: it asks Koji for something, and then waits for minutes or hours. The
side process claims such tasks, does what they need together, and ends them (`operators.executors.side`); this executor,
within the scheduler, hands them over, says whose they are, and finds out what people do to them meanwhile.
"""

from __future__ import annotations

import getpass
import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.executors.base_executor import BaseExecutor, get_execution_api_server_url
from airflow.executors.workloads import ExecuteTask
from airflow.utils.net import get_hostname
from airflow.utils.state import TaskInstanceState

from mbs.settings.secrets import without_secrets
from operators import hooks
from operators.executors import internals
from operators.executors.internals import Fate
from operators.executors.messages import (
    Begin,
    Claimed,
    Confirm,
    Drop,
    Dropped,
    Ended,
    Ending,
    Entry,
    FromSide,
    Refused,
    Take,
    now,
)
from operators.executors.process import sentinels
from operators.executors.side_process import SideProcess
from operators.tasks.base import RETRIES

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecutorWorkload
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancekey import TaskInstanceKey

CANCELED = "Canceled: a person marked or cleared its task in Airflow while it was being built."

UNBOUNDED = 1_000_000
"""Tasks that are held at the same time: as many as their pools let begin."""

IDLE_SECONDS = 1.0
"""Longest wait for news within a loop of the scheduler: so long it may not see what a person or a parser did."""

GATHER_SECONDS = 0.15
"""What ends together is told together: each loop costs the scheduler a look at every run."""

LOOPS_SHARE = 10
"""A loop of the scheduler that took a while comes again after so many times of it, if there are only ends to tell."""

LONGEST_PACE = 2.0
"""Seconds after which ends are told in any case."""

LOOK_SECONDS = 2.0
"""Seconds between two looks at whose the tasks are; a look takes at most a fiftieth of the time."""

SIGNS = 4
"""Signs of life of each held task within `task_instance_heartbeat_timeout`; 5,000 take 0.4 s, mostly PostgreSQL's."""

MARGIN_SECONDS = 3.0
"""Seconds that the clocks of schedulers may differ, and a request may take: the tasks are ours for so much less."""

CANCEL_SECONDS = 20.0
"""Seconds that a cleared task waits for its build to be canceled before Airflow runs it again."""

RESTART_SECONDS = 5.0
"""Seconds between two starts of a side process."""

CONNECTIONS_SECONDS = 60.0
"""Seconds between two looks at the connections and settings: a side process with old ones is replaced."""


@dataclass
class Held:
    """A task that was handed over to us and has not ended."""

    key: TaskInstanceKey
    entry: Entry
    renewed: float
    """When its token was made (`time.monotonic`)."""
    ending: bool = False
    refused: bool = False
    """Whether Airflow has refused its end."""
    cleared: float | None = None
    """When it was found to be cleared (`time.monotonic`): its end is told when its build is canceled."""


class KojiExecutor(BaseExecutor):
    """Holds tasks of module builds in a side process; `executor="KojiExecutor"` names it."""

    is_local = True
    supports_callbacks = False

    def __init__(self, parallelism: int = UNBOUNDED, **kwargs: Any) -> None:
        super().__init__(parallelism=parallelism, **kwargs)
        self._held: dict[str, Held] = {}
        self._of_run: Counter[tuple[str, str]] = Counter()
        self._has_dry_run = False
        self._unsent: list[str] = []
        self._side: SideProcess | None = None
        self._begin: Begin | None = None
        self._next_start = 0.0
        self._next_look = 0.0
        self._next_life = 0.0
        self._next_begin = 0.0
        self._told = 0.0
        self._left = time.monotonic()
        self._pace = 0.0
        self._fresh = False
        self._background = ThreadPoolExecutor(1, thread_name_prefix="koji-executor")
        self._asked: Future[Begin] | None = None
        self._valid = conf.getfloat("execution_api", "jwt_expiration_time")
        self._trusted = conf.getfloat("scheduler", "scheduler_health_check_threshold")
        self._life = conf.getfloat("scheduler", "task_instance_heartbeat_timeout") / SIGNS
        self._room = conf.getint("scheduler", "max_tis_per_query")

    @property
    def slots_occupied(self) -> int:
        """Give room for one query's tasks beside the other executors': [core] parallelism counts processes, not these.

        The scheduler adds this up over all executors, and queues what is left of the parallelism.
        """
        return len(self.queued_tasks) - self._room

    @property
    def slots_available(self) -> int:
        """Give how many more tasks may be handed over; pools bound them, and nothing else."""
        return self.parallelism - len(self.queued_tasks)

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Give the source of a running task's log where it is on this machine."""
        return internals.local_log(ti, try_number)

    def start(self) -> None:
        """Begin to find out what a side process has to know."""
        self._learn()

    def sync(self) -> None:
        """Wait for news within reason, and see to the side process and to whose the tasks are."""
        self._pace = min(LOOPS_SHARE * (time.monotonic() - self._left), LONGEST_PACE)
        self._tend()
        self._send_new()
        self._wait()
        self._fresh = False
        if self._held and time.monotonic() >= self._next_look:
            self._look()
        self._left = time.monotonic()

    def _process_workloads(self, workload_list: Sequence[ExecutorWorkload]) -> None:
        for workload in workload_list:
            if not isinstance(workload, ExecuteTask):
                msg = f"The KojiExecutor runs tasks, and no {type(workload).__name__}."
                raise TypeError(msg)
            self.queued_tasks.pop(workload.key, None)
            ti = workload.ti
            token = internals.token_for(self.jwt_generator, str(ti.id))
            log = workload.log_path or internals.log_path(ti)  # type: ignore[arg-type] # it has what a path is made of
            self._hold(workload.key, Entry(str(ti.id), ti.dag_id, ti.run_id, ti.task_id, log, token))
        self._fresh = True
        self._next_look = 0.0

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Take over all tasks of a scheduler that is gone; they are told to the side process when they are recorded."""
        for ti, entry in internals.adopted(tis, self.jwt_generator):
            if entry.id not in self._held:
                ti.last_heartbeat_at = datetime.now(UTC)  # it counts as alive until its first sign
                held = self._hold(ti.key, entry)
                if ti.state == TaskInstanceState.RESTARTING:
                    held.cleared = time.monotonic()
        return [ti for ti in tis if str(ti.id) not in self._held]

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Forget a task that did not come to run in time (`[scheduler] task_queued_timeout`)."""
        self.queued_tasks.pop(ti.key, None)
        self._drop([task for task, held in self._held.items() if held.key == ti.key], cancel=None)
        self.running.discard(ti.key)

    def end(self) -> None:
        """End the side process; what it holds goes on running, and whatever scheduler comes next adopts it."""
        if self._side is not None:
            self._side.end()
            self._side = None
        self._background.shutdown()

    def terminate(self) -> None:
        """End the side process at once."""
        if self._side is not None:
            self._side.kill()
            self._side = None

    def _hold(self, key: TaskInstanceKey, entry: Entry) -> Held:
        held = self._held[entry.id] = Held(key, entry, time.monotonic())
        self._of_run[key.dag_id, key.run_id] += 1
        self.running.add(key)
        self._unsent.append(entry.id)
        return held

    def _learn(self) -> None:
        """Find out what a side process has to know, in a thread: it closes Airflow's database session of its thread."""
        self._next_begin = time.monotonic() + CONNECTIONS_SECONDS
        self._asked = self._background.submit(knowledge, get_execution_api_server_url(self.conf))

    def _tend(self) -> None:
        """Have a side process that is well and knows what is true now."""
        if self._asked is not None and self._asked.done():
            self._learned(self._asked)
            self._asked = None
        if self._asked is None and time.monotonic() >= self._next_begin:
            self._learn()
        if self._side is not None:
            self._receive()
            if not self._side.is_well():
                self.log.error(
                    "The side process %d has ended, or gives no sign of life; it is replaced.", self._side.pid
                )
                self._side.kill()
                self._side = None
        if self._side is None and self._begin is not None and time.monotonic() >= self._next_start:
            self._next_start = time.monotonic() + RESTART_SECONDS
            self._side = SideProcess(self._begin)
            self._unsent = list(self._held)
            self.log.info("The side process %d holds what drives Koji: %d tasks now.", self._side.pid, len(self._held))

    def _learned(self, answer: Future[Begin]) -> None:
        try:
            begin = answer.result()
        except Exception as error:  # noqa: BLE001 # a secrets backend may raise anything
            self.log.warning("The connections or settings of the module build service cannot be used: %s", error)
            self._next_begin = time.monotonic() + RESTART_SECONDS
            return
        if self._begin is not None and begin != self._begin and self._side is not None:
            self.log.info("Connections or settings have changed: the side process is replaced.")
            self._side.kill()
            self._side = None
        self._begin = begin

    def _send_new(self) -> None:
        """Hand over what is new, and what is left of earlier messages."""
        if self._side is None:
            return
        new = [self._held[task] for task in self._unsent if task in self._held]
        self._unsent = []
        self._side.send(*([Take([held.entry for held in new])] if new else []))
        cleared = [held.entry.id for held in new if held.cleared is not None]
        if cleared:
            self._side.send(Drop(cleared, CANCELED))

    def _wait(self) -> None:
        """Wait for what ends: no longer than the scheduler may be blind, but no loop for each end alone."""
        until = time.monotonic() + (0.0 if self._fresh else IDLE_SECONDS)
        while True:
            ready = self._ready(max(0.0, until - time.monotonic()))
            if self._receive() or ready & {*sentinels()}:
                self._gather()
                return
            if time.monotonic() >= until or (self._side is not None and self._side.is_gone):
                return

    def _gather(self) -> None:
        """Wait for what ends soon after; but not as long as a run of which nothing is held waits for the scheduler."""
        time.sleep(GATHER_SECONDS)
        self._receive()
        rest = self._told + self._pace - time.monotonic()
        if rest > 0 and not self._has_dry_run:
            time.sleep(rest)
            self._receive()
        self._has_dry_run = False
        self._told = time.monotonic()

    def _ready(self, patience: float) -> set[object]:
        """Wait until the side process says something or a process of the scheduler ends."""
        sources = [*([self._side.fileno()] if self._side else []), *sentinels()]
        if sources:
            return {*wait(sources, patience)}
        time.sleep(patience)
        return set()

    def _receive(self) -> int:
        """Take what the side process says; give how many tasks have ended."""
        before = len(self._held)
        for message in self._side.receive() if self._side is not None else ():
            self._hear(message)
        return before - len(self._held)

    def _hear(self, message: FromSide) -> None:
        match message:
            case Claimed(task, facts) if task in self._held:
                self._held[task].entry.facts = facts
            case Ending(task) if task in self._held:
                self._held[task].ending = True
            case Ended(task):
                self._release([task])
            case Refused(task) if task in self._held:
                self._refused(task)
            case Dropped(ids):
                self._told_to_run_again([task for task in ids if task in self._held])

    def _refused(self, task: str) -> None:
        """Let go what was refused before it ran; what ran and may not end is looked into."""
        if self._held[task].entry.facts is None:
            self._release([task])
        else:
            self._held[task].ending, self._held[task].refused = False, True
            self._next_look = 0.0

    def _release(self, tasks: Iterable[str]) -> None:
        for task in tasks:
            held = self._held.pop(task, None)
            if held is not None:
                self.running.discard(held.key)
                self._count_out(held.key.dag_id, held.key.run_id)
                if internals.keeps_logs_elsewhere():
                    self._background.submit(self._upload, held.entry.log)

    def _count_out(self, dag_id: str, run_id: str) -> None:
        """Notice that a run has no task that is held any more: a batch or a gate has ended."""
        self._of_run[dag_id, run_id] -= 1
        if not self._of_run[dag_id, run_id]:
            del self._of_run[dag_id, run_id]
            self._has_dry_run = True

    def _upload(self, path: str) -> None:
        try:
            internals.upload_log(path)
        except Exception:
            self.log.exception("The log %s could not be uploaded.", path)

    def _look(self) -> None:
        """Confirm what is ours, and let go what is not: the one fence against a scheduler that was cut off.

        Another scheduler adopts our tasks when our sign of life is `scheduler_health_check_threshold` seconds old, and
        not before: until then what the database calls ours is ours.
        """
        asked, began = now(), time.monotonic()
        job = int(self.job_id or 0)
        found = internals.look(job)
        if not found.is_alive and found.heartbeat is not None:
            self.log.error("Another scheduler has declared this one dead; what it took over is left to it.")
            internals.revive(job)
        self._receive()
        claimed = {
            task: held
            for task, held in self._held.items()
            if held.entry.facts is not None and not held.ending and held.cleared is None
        }
        self._let_go(job, {task: held for task, held in claimed.items() if held.refused or task not in found.running})
        self._confirm(asked, found)
        if time.monotonic() >= self._next_life and self._side is not None:
            self._next_life = time.monotonic() + self._life
            internals.give_sign_of_life(job, found.running & self._held.keys())
        self._tell_overdue()
        self._next_look = time.monotonic() + max(LOOK_SECONDS, 50 * (time.monotonic() - began))

    def _confirm(self, asked: float, found: internals.Look) -> None:
        """Tell the side process until when its tasks are ours; renew tokens that are half as old as they may be."""
        if self._side is None or not found.is_alive or found.heartbeat is None:
            return
        age = (datetime.now(UTC) - found.heartbeat).total_seconds()
        tokens: dict[str, str] = {}
        for task, held in self._held.items():
            if time.monotonic() > held.renewed + self._valid / 2:
                held.renewed = time.monotonic()
                held.entry.token = tokens[task] = internals.token_for(self.jwt_generator, task)
        self._side.send(Confirm(asked + self._trusted - age - MARGIN_SECONDS, tokens))

    def _let_go(self, job: int, lost: Mapping[str, Held]) -> None:
        if not lost:
            return
        found = internals.fates(job, {task: held.key for task, held in lost.items()})
        by_fate = {fate: [task for task, its in found.items() if its is fate] for fate in Fate}
        self._fail([task for task in by_fate[Fate.OURS] if lost[task].refused])
        self._drop(by_fate[Fate.MOVED], cancel=None)
        self._drop(by_fate[Fate.ENDED], cancel=CANCELED)
        for task in by_fate[Fate.CLEARED]:
            self._held[task].cleared = time.monotonic()
        if self._side is not None and by_fate[Fate.CLEARED]:
            self._side.send(Drop(by_fate[Fate.CLEARED], CANCELED))

    def _fail(self, tasks: Iterable[str]) -> None:
        """Have Airflow fail tasks that cannot say themselves how they ended."""
        for task in tasks:
            key = self._held[task].key
            self._release([task])
            self.fail(key, "The API server refused its end; the scheduler's log tells more.")

    def _drop(self, tasks: list[str], *, cancel: str | None) -> None:
        if tasks:
            self.log.info("No longer ours%s: %s", " (ended by a person)" if cancel else "", [*map(self._name, tasks)])
            if self._side is not None:
                self._side.send(Drop(tasks, cancel))
            self._release(tasks)

    def _name(self, task: str) -> str:
        entry = self._held[task].entry
        return f"{entry.dag_id} {entry.task_id}"

    def _tell_overdue(self) -> None:
        """Have Airflow run again what was cleared also where Koji cannot be asked to cancel it."""
        overdue = time.monotonic() - CANCEL_SECONDS
        self._told_to_run_again(
            [task for task, held in self._held.items() if held.cleared is not None and held.cleared < overdue]
        )

    def _told_to_run_again(self, tasks: Collection[str]) -> None:
        """Tell Airflow of the end of tasks that were cleared while they ran: then it runs them again."""
        keys = [self._held[task].key for task in tasks if self._held[task].cleared is not None]
        self._release(tasks)
        for key in keys:
            self.change_state(key, TaskInstanceState.SUCCESS)


def knowledge(server: str) -> Begin:
    """Give what a side process has to know. Raises what Airflow raises for connections that it does not have."""
    return Begin(
        server=server,
        api_version=internals.API_VERSION,
        host=get_hostname(),
        user=getpass.getuser(),
        pid=os.getpid(),
        logs=internals.log_folder(),
        retries=RETRIES,
        settings=without_secrets(hooks.settings_as_texts()),
        account=hooks.KojiHook().account,
        registry=hooks.registry_url(),
    )
