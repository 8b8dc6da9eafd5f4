"""Why Koji builds failed, for people: the task that failed, Koji's fault, and the lines of its log that matter."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from mbs.koji import excerpts
from mbs.koji.faults import KojiValue, explained
from mbs.koji.session import Hub, call
from mbs.koji.tasks import TaskInfo, TaskState, culprit
from mbs.model.errors import HubRefused
from mbs.model.quoting import printable, quoted

TAIL_LINES = 40
READ_BYTES = 128 * 1024
"""Bytes of a log that are read, from its end: the first error of a long build stands far above."""
LOGS_AT_ONCE = 20
"""Logs that are read in one request: 3 MB of an answer."""
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


@dataclass(frozen=True, slots=True)
class FailedBuild:
    """A build that failed, as one who follows an arch of it sees it."""

    build: TaskInfo
    children: Sequence[TaskInfo]
    package: str
    arch: str
    dist: str
    """What releases of the module build end in, for Koji's refusal to build a package twice."""

    @property
    def task(self) -> TaskInfo:
        """The task that tells why."""
        return culprit(self.build, self.children, self.arch)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a hub tells of a task that failed."""

    fault: str
    sizes: Mapping[str, int]
    """Bytes of its files."""


def report_failures(hub: Hub, failed: Sequence[FailedBuild]) -> list[FailureReport]:
    """Find out why builds failed; what cannot be had is left out.

    Each builder and each task is asked about once, all of them in one multicall, and of a task's logs the next is read
    only where those before say nothing. Raises HubUnavailable.
    """
    tasks = {each.task.id: each.task for each in failed}
    host_ids = sorted({task.host_id for task in tasks.values() if task.host_id is not None})
    questions = (
        (call("getTaskResult", each, raise_fault=False), call("listTaskOutput", each, stat=True)) for each in tasks
    )
    answers = hub.multicall([*(call("getHost", each) for each in host_ids), *chain.from_iterable(questions)])
    hosts = {each: host["name"] for each, host in zip(host_ids, answers, strict=False) if isinstance(host, dict)}
    facts = answers[len(host_ids) :]
    told = {each: _told(*both) for each, both in zip(tasks, zip(facts[::2], facts[1::2], strict=True), strict=True)}
    logs = _logs(hub, told)
    return [
        _report(each, told[each.task.id], hosts.get(each.task.host_id or 0), *logs[each.task.id]) for each in failed
    ]


def _report(failed: FailedBuild, told: _Told, host: str | None, log: str | None, text: Sequence[str]) -> FailureReport:
    return FailureReport(
        package=failed.package,
        arch=failed.arch,
        build_task_id=failed.build.id,
        task=failed.task,
        host=host,
        reason=quoted(explained(told.fault, package=failed.package, dist=failed.dist), REASON_LENGTH),
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


def _told(result: KojiValue, outputs: KojiValue) -> _Told:
    files = outputs if isinstance(outputs, dict) else {}
    return _Told(_fault(result), {name: int(stat["st_size"]) for name, stat in files.items()})


def _fault(result: KojiValue) -> str:
    if isinstance(result, HubRefused):
        return result.text
    fault = result.get("faultString", "") if isinstance(result, dict) else ""
    return str(fault).strip() or "Koji gives no reason"


def _logs(hub: Hub, told: Mapping[int, _Told]) -> dict[int, tuple[str | None, tuple[str, ...]]]:
    """Read of each task the log that tells the reason: the first in which something matters, else the likeliest."""
    found: dict[int, tuple[str | None, tuple[str, ...]]] = dict.fromkeys(told, (None, ()))
    left = {task_id: logs_of(each.fault, each.sizes) for task_id, each in told.items()}
    while left := {task_id: names for task_id, names in left.items() if names}:
        wanted = [(task_id, names[0], told[task_id].sizes[names[0]]) for task_id, names in left.items()]
        for (task_id, name, _), text in zip(wanted, _downloaded(hub, wanted), strict=True):
            is_telling = bool(excerpts.telling(name, text))
            if is_telling or found[task_id][0] is None:
                found[task_id] = name, text
            left[task_id] = () if is_telling else left[task_id][1:]
    return found


def _downloaded(hub: Hub, wanted: Sequence[tuple[int, str, int]]) -> Iterator[tuple[str, ...]]:
    """Read the ends of logs, given by task, name and bytes; a few at a time, for each is large."""
    calls = [
        call("downloadTaskOutput", task_id, name, offset=max(0, size - READ_BYTES), size=READ_BYTES)
        for task_id, name, size in wanted
    ]
    for start in range(0, len(calls), LOGS_AT_ONCE):
        yield from map(_lines, hub.multicall(calls[start : start + LOGS_AT_ONCE]))


def _lines(content: KojiValue) -> tuple[str, ...]:
    """Read what a hub sent of a log; terminal colours and control characters do not act on its reader."""
    if isinstance(content, HubRefused):
        return ()
    text = base64.b64decode(content).decode(errors="replace")
    return tuple(printable(_COLOUR.sub("", line)) for line in text.splitlines())


def _matter(log: str | None, text: Sequence[str]) -> Iterable[str]:
    return (excerpts.telling(log, text) or excerpts.last_lines(text)) if log else ()
