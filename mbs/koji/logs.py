"""Why a Koji build failed, for people: the task that failed, Koji's fault, and the lines of its log that matter."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mbs.koji import excerpts
from mbs.koji.faults import KojiValue, explained
from mbs.koji.session import Hub, call
from mbs.koji.tasks import TaskInfo, TaskState, culprit
from mbs.model.errors import HubRefused
from mbs.model.quoting import printable, quoted

TAIL_LINES = 40
READ_BYTES = 128 * 1024
"""Bytes of a log that are read, from its end: the first error of a long build stands far above."""
REASON_LENGTH = 500
LINE_LENGTH = 200

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LOG_NAMED = re.compile(r"\b([a-z_]+\.log)\b")


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
    """One sentence: Koji's words, or what they mean."""
    log: str | None = None
    """Name of the log that `tail` is the end of."""
    tail: tuple[str, ...] = ()
    """Its last lines, without what mock says of itself."""
    lines: tuple[str, ...] = ()
    """What matters in that log."""

    @property
    def failed_arch(self) -> str:
        """Where it failed: an arch, or `srpm`."""
        return self.task.label or self.arch

    @property
    def summary(self) -> str:
        """One sentence: what failed, where, why."""
        where = f" on {self.host}" if self.host else ""
        what = f"{self.task.method} task {self.task.id}"
        # Of a canceled task Koji says no more than that it is canceled.
        end = "was canceled." if self.task.state is TaskState.CANCELED else f"failed: {self.reason}"
        return f"{self.package} ({self.failed_arch}): Koji's {what}{where} {end}"

    def __str__(self) -> str:
        """The summary and the lines that matter, each on a line of its own."""
        return "\n".join((self.summary, *(f"  {line}" for line in self.lines)))


def report_failure(
    hub: Hub, build: TaskInfo, children: Sequence[TaskInfo], *, package: str, arch: str, dist: str
) -> FailureReport:
    """Find out why a build failed. Asks the hub a handful of calls; what cannot be had is left out.

    `dist` is what releases of the module build end in, for Koji's refusal to build a package twice.
    """
    task = culprit(build, children, arch)
    host, result, outputs = hub.multicall(
        (
            call("getHost", task.host_id if task.host_id is not None else 0),
            call("getTaskResult", task.id, raise_fault=False),
            call("listTaskOutput", task.id, stat=True),
        )
    )
    fault = _fault(result)
    log, text = _log(hub, task, fault, outputs if isinstance(outputs, dict) else {})
    return FailureReport(
        package=package,
        arch=arch,
        build_task_id=build.id,
        task=task,
        host=host["name"] if isinstance(host, dict) else None,
        reason=quoted(explained(fault, package=package, dist=dist), REASON_LENGTH),
        log=log,
        tail=excerpts.without_mock(text)[-TAIL_LINES:],
        lines=tuple(quoted(line, LINE_LENGTH) for line in _matter(log, text)),
    )


def logs_of(fault: str, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Give the logs that may explain a failure, the likeliest first; `sizes` gives the bytes of each file.

    Koji names them: mock's status 30, for one, is a build root that could not be made. Where the build never began,
    build.log is empty; where the sources could not be had, only checkout.log speaks.
    """
    named = _LOG_NAMED.findall(fault)
    usual = sorted(excerpts.KNOWN, key=lambda name: named.index(name) if name in named else len(named))
    return tuple(name for name in usual if sizes.get(name))


def _fault(result: KojiValue) -> str:
    if isinstance(result, HubRefused):
        return result.text
    fault = result.get("faultString", "") if isinstance(result, dict) else ""
    return str(fault).strip() or "Koji gives no reason"


def _log(hub: Hub, task: TaskInfo, fault: str, outputs: Mapping[str, KojiValue]) -> tuple[str | None, tuple[str, ...]]:
    """Read the log that tells the reason: the first in which something is known to matter, else the likeliest."""
    sizes = {name: int(stat["st_size"]) for name, stat in outputs.items()}
    names = logs_of(fault, sizes)
    wanted = (
        call("downloadTaskOutput", task.id, name, offset=max(0, sizes[name] - READ_BYTES), size=READ_BYTES)
        for name in names
    )
    texts = {name: _lines(content) for name, content in zip(names, hub.multicall(wanted) if names else (), strict=True)}
    for name, text in texts.items():
        if excerpts.telling(name, text):
            return name, text
    return next(iter(texts.items()), (None, ()))


def _lines(content: KojiValue) -> tuple[str, ...]:
    """Read what a hub sent of a log; terminal colours and control characters do not act on its reader."""
    if isinstance(content, HubRefused):
        return ()
    text = base64.b64decode(content).decode(errors="replace")
    return tuple(printable(_COLOUR.sub("", line)) for line in text.splitlines())


def _matter(log: str | None, text: Sequence[str]) -> Iterable[str]:
    return (excerpts.telling(log, text) or excerpts.last_lines(text)) if log else ()
