"""Why a Koji build failed, for people: the task that failed, Koji's fault, and the end of the log that explains it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mbs.errors import HubRefused
from mbs.koji.faults import KojiValue, accepted
from mbs.koji.session import Hub, call
from mbs.koji.tasks import TaskInfo, TaskState, culprit

TAIL_LINES = 40
TAIL_BYTES = 32 * 1024
REASON_LENGTH = 500

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
"""Terminal colours and control characters of a package's build must not act in a reader's terminal."""


LogTail: TypeAlias = tuple[str | None, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class FailureReport:
    """Everything a person needs to know of a failed build."""

    package: str
    arch: str
    build_task_id: int
    task: TaskInfo
    """The task that failed: the arch's child, a sibling, or the build itself."""
    host: str | None
    reason: str
    """Koji's own words."""
    log: str | None = None
    """Name of the log that `tail` is the end of."""
    tail: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """One sentence: what failed, where, why."""
        where = f" on {self.host}" if self.host else ""
        what = f"{self.task.method} task {self.task.id}"
        verb = "was canceled" if self.task.state is TaskState.CANCELED else "failed"
        return f"{self.package} ({self.task.label or self.arch}): Koji's {what}{where} {verb}: {self.reason}"

    def __str__(self) -> str:
        """The summary and the end of the log."""
        if not self.tail:
            return self.summary
        return "\n".join((self.summary, f"--- the last {len(self.tail)} lines of {self.log}", *self.tail))


def report_failure(
    hub: Hub, build: TaskInfo, children: Sequence[TaskInfo], *, package: str, arch: str
) -> FailureReport:
    """Find out why a build failed. Asks the hub a handful of calls; what cannot be had is left out."""
    task = culprit(build, children, arch)
    host, result, outputs = hub.multicall(
        (
            call("getHost", task.host_id if task.host_id is not None else 0),
            call("getTaskResult", task.id, raise_fault=False),
            call("listTaskOutput", task.id, stat=True),
        )
    )
    reason = _reason(result)
    log, tail = _tail(hub, task, reason, outputs if isinstance(outputs, dict) else {})
    return FailureReport(
        package=package,
        arch=arch,
        build_task_id=build.id,
        task=task,
        host=host["name"] if isinstance(host, dict) else None,
        reason=reason,
        log=log,
        tail=tail,
    )


def choose_log(reason: str, sizes: Mapping[str, int]) -> str | None:
    """Choose the log that explains a failure; `sizes` gives the bytes of each file.

    mock says which one: status 30 is a build root that could not be made. Where the build never began, build.log is
    empty; where the sources could not be had, only checkout.log speaks.
    """
    order = (
        ("root.log", "build.log") if "root.log" in reason and "build.log" not in reason else ("build.log", "root.log")
    )
    return next((name for name in (*order, "checkout.log") if sizes.get(name)), None)


def _reason(result: KojiValue) -> str:
    if isinstance(result, HubRefused):
        return _clean(result.text)
    fault = result.get("faultString", "") if isinstance(result, dict) else ""
    text = _clean(str(fault).strip()) or "Koji gives no reason"
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]}..."


def _tail(
    hub: Hub, task: TaskInfo, reason: str, outputs: Mapping[str, KojiValue]
) -> tuple[str | None, tuple[str, ...]]:
    sizes = {name: int(stat["st_size"]) for name, stat in outputs.items()}
    log = choose_log(reason, sizes)
    if log is None:
        return None, ()
    start = max(0, sizes[log] - TAIL_BYTES)
    (content,) = hub.multicall([call("downloadTaskOutput", task.id, log, offset=start, size=TAIL_BYTES)])
    if isinstance(content, HubRefused):
        return None, ()
    text = base64.b64decode(accepted(content)).decode(errors="replace")
    return log, tuple(_clean(line) for line in text.splitlines()[-TAIL_LINES:])


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)
