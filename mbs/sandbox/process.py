"""The outside of a sandbox: starts it, answers its questions, and ends it with everything it has started."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec
import psutil

import mbs
from mbs.model import errors
from mbs.model.errors import Infrastructure, MbsError, Refused
from mbs.sandbox.limits import Defect, Limits, died, too_late, too_long, too_much
from mbs.sandbox.wire import Deadline, Ended, Kind, Message, NoMessage, OutOfTime, give, hear

log = logging.getLogger(__name__)

Questions = Mapping[str, Callable[..., object]]
"""What a sandbox may ask, by name; arguments are texts, or tuples of texts."""

_PASSED_ON = (
    "GI_TYPELIB_PATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
)
"""Variables that a sandbox gets: where libraries, git and its servers are. No connection, no password."""

_NO_MESSAGE = "The process that worked on the document sent what is no message."
_LAST_WORDS = 4096
"""Bytes of what it wrote to standard error."""
_DYING = 5.0
"""Seconds in which a sandbox that closed its socket has to end."""


def run(work: str, request: object, questions: Questions, limits: Limits) -> object:
    """Do `work` (`module:function`, called with the request and a `Parent`) in a sandbox; give its result, as JSON.

    A refusal or something that is away comes out as the exception that it was inside. Raises TimedOut, Unprocessable
    where it ends by a limit or a crash, `Stopped` where somebody killed it, `Defect`; and what answering raises.
    """
    with tempfile.TemporaryDirectory(prefix="mbs-sandbox-", ignore_cleanup_errors=True) as directory:
        deadline = Deadline(limits.seconds)
        with _started(Path(directory), limits) as child:
            try:
                give(child.pipe, (work, request), deadline)
                return child.talk(questions, deadline)
            except OutOfTime:
                raise too_late(limits, child.doing) from None
            except NoMessage:
                raise Defect(_NO_MESSAGE) from None
            except Ended:
                raise child.death() from None


@dataclass
class _Child:
    """A running sandbox."""

    process: subprocess.Popen[bytes]
    pipe: socket.socket
    errors: IO[bytes]
    limits: Limits
    doing: str = field(default="")
    """What it said last that it does."""

    def talk(self, questions: Questions, deadline: Deadline) -> object:
        """Answer its questions until it tells how it ended."""
        while True:
            message = hear(self.pipe, deadline)
            if message.kind == Kind.ASK:
                give(self.pipe, _answer(message, questions), deadline)
            elif message.kind == Kind.DOING:
                self.doing = message.text
            elif message.kind == Kind.WARN:
                log.warning("%s", message.text)
            elif message.kind == Kind.DONE:
                return message.value
            else:
                raise _error(message, self.limits)

    def death(self) -> MbsError:
        """Wait for the end of a sandbox that is not there any more, and say what it means."""
        peak = _waited_for(self.process, Deadline(_DYING))
        if peak is None:
            return Defect(_NO_MESSAGE)
        self.errors.seek(max(0, self.errors.seek(0, os.SEEK_END) - _LAST_WORDS))
        return died(self.process.returncode, self.errors.read().decode("utf-8", "replace"), peak, self.limits)


@contextlib.contextmanager
def _started(directory: Path, limits: Limits) -> Iterator[_Child]:
    """Start a fresh interpreter, which knows nothing of this process; it is gone when the block is left."""
    ours, theirs = socket.socketpair()
    with ours, (directory / "errors").open("w+b") as errors_of_child:
        with theirs:
            command = [sys.executable, "-P", "-m", "mbs.sandbox.child"]
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid()), msgspec.json.encode(limits)],
                cwd=directory,
                env=_environment(directory),
                stdin=subprocess.DEVNULL,
                stdout=errors_of_child,
                stderr=errors_of_child,
                pass_fds=[theirs.fileno()],
            )
        try:
            yield _Child(process, ours, errors_of_child, limits)
        finally:
            _end(process)


def _environment(directory: Path) -> dict[str, str]:
    """Give the environment: the same code, a folder of its own, few arenas (threads reserve 64 MB for each)."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "PYTHONPATH": str(Path(mbs.__file__).parents[1]),
        "TMPDIR": str(directory),
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a sandbox and all it has started; it is stopped first, so that it starts nothing meanwhile."""
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        process.kill()
    process.wait()


def _waited_for(process: subprocess.Popen[bytes], deadline: Deadline) -> int | None:
    """Wait for a process and give its peak memory in bytes; None where it is still there at the deadline.

    Until it runs its own program a process counts the memory of the one that started it: no more than that is 0. It is
    asked for by hand since wait4 alone tells the memory, and takes no time limit.
    """
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(OutOfTime):
        while deadline.left():
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return usage.ru_maxrss * 1024 if usage.ru_maxrss > inherited else 0
            time.sleep(0.01)
    return None


def _answer(message: Message, questions: Questions) -> object:
    """Answer a question; one that is none is no message."""
    if message.text not in questions:
        raise NoMessage
    return questions[message.text](*message.arguments)


def _error(message: Message, limits: Limits) -> MbsError:
    """Give the exception that a message tells of."""
    if message.kind == Kind.REFUSED:
        return _known(message.text, Refused)(*message.problems)
    if message.kind == Kind.AWAY:
        return _known(message.text, Infrastructure)(str(message.value))
    if message.kind == Kind.TOO_MUCH:
        return too_much(limits)
    if message.kind == Kind.TOO_LONG:
        return too_long()
    return Defect(f"The service failed on the document, which is a defect of it:\n{message.text}")


def _known(name: str, kind: type[MbsError]) -> type[MbsError]:
    """Find an exception of ours by its name; one that is not of this kind is taken as the kind itself."""
    found = getattr(errors, name, kind)
    return found if isinstance(found, type) and issubclass(found, kind) else kind
