"""Runs the tasks of one machine: a process for each, which the scheduler starts and knows."""

from __future__ import annotations

import gc
import signal
from collections.abc import Sequence
from importlib import import_module
from multiprocessing import Process
from typing import TYPE_CHECKING
from weakref import WeakSet

from airflow.executors.base_executor import BaseExecutor, get_execution_api_server_url
from airflow.executors.local_executor import LocalExecutor
from airflow.executors.workloads import ExecuteTask

from operators.executors.internals import local_log

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecutorWorkload
    from airflow.models.taskinstance import TaskInstance

TITLE = "airflow worker -- LocalExecutor"

_started: WeakSet[ProcessExecutor] = WeakSet()


def sentinels() -> list[int]:
    """Give what becomes readable when a process of this scheduler ends (`multiprocessing.connection.wait`)."""
    return [sentinel for executor in _started for sentinel in executor.sentinels]


class ProcessExecutor(LocalExecutor):
    """A LocalExecutor whose workers are known by what they run, so that none that dies takes a task with it.

    LocalExecutor's own take their tasks from a queue: one that is killed before its task has reported to run leaves it
    queued for ever, and one that is killed while it waits keeps the queue's lock from all others.
    """

    def start(self) -> None:
        """Import once what every task needs."""
        import_module("airflow.sdk.execution_time.supervisor")
        self._processes: list[tuple[ExecutorWorkload, Process]] = []
        _started.add(self)

    @property
    def sentinels(self) -> list[int]:
        """What becomes readable when a process ends."""
        return [process.sentinel for _, process in self._processes]

    def get_task_log(self, ti: TaskInstance, try_number: int) -> tuple[list[str], list[str]]:
        """Give the source of a running task's log where it is on this machine."""
        return local_log(ti, try_number)

    def sync(self) -> None:
        """Report what has ended."""
        alive = {process: process.is_alive() for _, process in self._processes}
        ended = [(workload, process) for workload, process in self._processes if not alive[process]]
        self._processes = [(workload, process) for workload, process in self._processes if alive[process]]
        for workload, process in ended:
            self._report(workload, process.exitcode or 0)
            process.close()

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Forget a task that did not come to run in time (`[scheduler] task_queued_timeout`), and end its process."""
        self.queued_tasks.pop(ti.key, None)
        for workload, process in self._processes:
            if workload.key == ti.key:
                process.kill()
        self._processes = [(workload, process) for workload, process in self._processes if workload.key != ti.key]
        self.running.discard(ti.key)

    def end(self) -> None:
        """Wait for the tasks that run."""
        for _, process in self._processes:
            process.join()
        self.sync()

    def _process_workloads(self, workload_list: Sequence[ExecutorWorkload]) -> None:
        for workload in workload_list:
            for queue in (self.queued_tasks, self.queued_callbacks, self.queued_connection_tests):
                queue.pop(workload.key, None)  # type: ignore[arg-type] # it is in the one that has such keys
            if workload.running_state is not None:
                self.change_state(workload.key, workload.running_state, remove_running=False)
            self.running.add(workload.key)
            process = Process(target=run, args=(workload, get_execution_api_server_url(self.conf)))
            process.start()
            self._processes.append((workload, process))

    def _report(self, workload: ExecutorWorkload, exit_code: int) -> None:
        """Tell the scheduler of an end, unless the task has waited meanwhile and runs again.

        A task whose process was killed is not reported as failed: where it ran, the scheduler misses its heartbeats;
        where it did not, it comes back to `revoke_task`.
        """
        if any(other.key == workload.key for other, _ in self._processes):
            return
        if exit_code < 0 and isinstance(workload, ExecuteTask):
            self.log.warning("The process of %s was killed by signal %d.", workload.key, -exit_code)
            self.running.discard(workload.key)
            return
        state = workload.failure_state if exit_code else workload.success_state
        self.change_state(workload.key, state, f"its process ended with {exit_code}" if exit_code else None)


def run(workload: ExecutorWorkload, server: str) -> None:
    """Run a task in this process, which an interrupt of the scheduler does not end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # what is the scheduler's is not looked through in here, and so stays shared with it
    title = f"{TITLE}: {workload.display_name}"
    BaseExecutor.run_workload(workload, server=server, proctitle=title, subprocess_logs_to_stdout=True)
