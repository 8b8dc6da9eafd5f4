"""supervisord, which runs the processes of the stack: its configuration, and what it is asked and told.

It starts anew what ends, stops whole process groups and rotates the logs (https://supervisord.org).
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from tools.stack import StackProblem, processes
from tools.stack.layout import Layout, checkout

if TYPE_CHECKING:
    from tools.stack.services import Service

ANSWER_SECONDS = 10
"""How long supervisord may take to answer after its start."""

HEAD = """\
[supervisord]
nodaemon = true
silent = true
user = {user}
logfile = %(ENV_MBS_STACK)s/var/log/supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = %(ENV_MBS_STACK)s/var/stack/supervisord.pid
childlogdir = %(ENV_MBS_STACK)s/var/log

[unix_http_server]
file = %(ENV_MBS_STACK)s/var/stack/control
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

# Stopped first, all at the same time; then PostgreSQL.
[group:service]
programs = {programs}
priority = 2
"""

PROGRAM = """
[program:{name}]
command = {command}
priority = 1
autorestart = true
startretries = 1000000
stopsignal = {stop_signal}
stopasgroup = {as_group}
killasgroup = true
stopwaitsecs = {seconds}
redirect_stderr = true
stdout_logfile = %(ENV_MBS_STACK)s/var/log/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""

FIRST = "postgres"
"""The program that is stopped last."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process as supervisord has it."""

    pid: int
    """0 while there is none."""
    runs: bool


def launch(layout: Layout, services: Sequence[Service]) -> None:
    """Start supervisord with these services, in a session of its own that outlives the command which starts it."""
    shutil.rmtree(layout.run, ignore_errors=True)
    for directory in (layout.run, layout.logs):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = _configuration_file(layout)
    configuration.write_text(text(layout, services))
    with (layout.logs / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tools.stack.keeper", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=checkout(),
            env=layout.environment(),
            umask=0o077,
            start_new_session=True,
        )
    _session_file(layout).write_text(json.dumps([keeper.pid, psutil.Process(keeper.pid).create_time()]))
    _await_answer(layout)


def text(layout: Layout, services: Sequence[Service]) -> str:
    """Give the configuration; paths are left to supervisord's own expansion, which takes any."""
    variables = "".join(f"# {name}={value}\n" for name, value in sorted(layout.own_variables().items()))
    user = pwd.getpwuid(os.geteuid()).pw_name
    head = HEAD.format(user=user, programs=",".join(service.name for service in services if service.name != FIRST))
    return variables + head + "".join(_program(service) for service in services)


def runs_as_described(layout: Layout, services: Sequence[Service]) -> bool:
    """Tell whether supervisord runs, and with these services in this environment."""
    return answers(layout) and _configuration_file(layout).read_text() == text(layout, services)


def answers(layout: Layout) -> bool:
    """Tell whether supervisord runs."""
    with suppress(OSError, Fault):
        _server(layout).getState()
        return True
    return False


def programs(layout: Layout) -> dict[str, Program]:
    """Give the programs by name; raise OSError where supervisord does not answer."""
    found: list[dict[str, Any]] = _server(layout).getAllProcessInfo()
    return {each["name"]: Program(each["pid"], each["statename"] in {"RUNNING", "STARTING"}) for each in found}


def process(layout: Layout, name: str) -> psutil.Process:
    """Give the process of a program that runs."""
    return psutil.Process(programs(layout)[name].pid)


def start(layout: Layout, name: str) -> None:
    """Start a program that was stopped."""
    _server(layout).startProcess(_full_name(name))


def stop(layout: Layout, name: str) -> None:
    """Stop a program until it is started."""
    _server(layout).stopProcess(_full_name(name))


def shut_down(layout: Layout) -> None:
    """Stop all programs and supervisord, and what else is left of the session in which they were started."""
    with suppress(OSError, Fault):
        _server(layout).shutdown()
        psutil.wait_procs(leftovers(layout), timeout=3 * processes.STOP_SECONDS)
    processes.end(leftovers(layout))
    shutil.rmtree(layout.run, ignore_errors=True)


def leftovers(layout: Layout) -> list[psutil.Process]:
    """Give the stack's processes, supervisord's too, however they may have lost their parents."""
    try:
        session, created = json.loads(_session_file(layout).read_text())
    except (OSError, ValueError):
        return []
    return [process for process in processes.of_session(session, created) if process.pid != os.getpid()]


def note_start(layout: Layout, name: str, when: datetime) -> None:
    """Note that a program is started now."""
    with _starts_file(layout, name).open("a") as file:
        file.write(f"{when.isoformat()}\n")


def starts(layout: Layout, name: str) -> list[datetime]:
    """Give the times at which a program was started since the stack was."""
    with suppress(FileNotFoundError):
        return [datetime.fromisoformat(line) for line in _starts_file(layout, name).read_text().splitlines()]
    return []


def note_prepared(layout: Layout) -> None:
    """Note that the databases are as the programs expect them; these wait for it."""
    _prepared_file(layout).touch()


def is_prepared(layout: Layout) -> bool:
    """Tell whether the databases are as the programs expect them."""
    return _prepared_file(layout).exists()


def log_tail(layout: Layout, name: str, lines: int = 15) -> str:
    """Give the last lines of the output of a program."""
    path = layout.logs / f"{name}.log"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def _program(service: Service) -> str:
    words = (sys.executable, "-m", "tools.stack.begin", service.name, ",".join(service.needs), *service.command)
    return PROGRAM.format(
        name=service.name,
        command=shlex.join(words).replace("%", "%%"),
        stop_signal=service.stop_signal,
        # PostgreSQL ends its own children; each of them would take its signal as a client's wish.
        as_group="false" if service.name == FIRST else "true",
        seconds=processes.STOP_SECONDS,
    )


def _await_answer(layout: Layout) -> None:
    """Wait with a loop of our own: every process of the stack imports this module when it begins, and no more."""
    end = time.monotonic() + ANSWER_SECONDS
    while not answers(layout):
        if time.monotonic() > end:
            raise StackProblem(f"supervisord does not answer:\n{log_tail(layout, 'keeper')}")
        time.sleep(0.1)


def _server(layout: Layout) -> Any:  # noqa: ANN401 - any method of supervisord's
    transport = SupervisorTransport(None, None, f"unix://{layout.run / 'control'}")
    return ServerProxy("http://127.0.0.1", transport=transport).supervisor


def _full_name(name: str) -> str:
    return name if name == FIRST else f"service:{name}"


def _configuration_file(layout: Layout) -> Path:
    return layout.run / "supervisord.conf"


def _session_file(layout: Layout) -> Path:
    return layout.run / "session.json"


def _prepared_file(layout: Layout) -> Path:
    return layout.run / "prepared"


def _starts_file(layout: Layout, name: str) -> Path:
    return layout.run / f"{name}.starts"
