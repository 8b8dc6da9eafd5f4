"""Work for a sandbox that goes wrong in every way there is."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from gi.repository import GLib

from mbs.model.errors import InvalidModulemd, Problem, ScmUnavailable
from mbs.sandbox.child import Parent
from mbs.sandbox.wire import LONGEST


def echo(order: object, _: Parent) -> object:
    return order


def ask(order: tuple[str, list[Any]], parent: Parent) -> object:
    question, arguments = order
    return parent.ask(question, *arguments)


def environment(_: object, __: Parent) -> object:
    return dict(os.environ)


def warn(line: str, _: Parent) -> object:
    logging.getLogger("anybody").warning("%s", line)
    return None


def refuse(_: object, __: Parent) -> object:
    raise InvalidModulemd(Problem("bad", "data.name", 3), "worse")


def silence(_: object, __: Parent) -> object:
    raise ScmUnavailable("nobody answers")


def fail(_: object, __: Parent) -> object:
    return dict[str, str]()["a key"]


def eat_memory(_: object, __: Parent) -> object:
    return sum(len(piece) for piece in [bytearray(2**20) for _ in range(4096)])


def eat_memory_in_a_library(_: object, __: Parent) -> object:
    return GLib.Bytes.new(b"x" * 2**26) and [GLib.malloc(2**26) for _ in range(100)]


def eat_memory_beside(_: object, __: Parent) -> object:
    return subprocess.run(["/usr/bin/python3", "-c", "len(bytearray(2**31))"], check=False).returncode


def have_twenty_threads(seconds: float, _: Parent) -> object:
    threads = [threading.Thread(target=time.sleep, args=(seconds,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    return len(threads)


def spin(_: object, __: Parent) -> object:
    while True:
        pass


def crash(_: object, __: Parent) -> object:
    return str(yaml.compose("- " * 30_000, yaml.CSafeLoader))


def write(size: int, _: Parent) -> object:
    Path("file").write_bytes(bytes(size))
    return None


def hang(mark: str, parent: Parent) -> object:
    """Start something that outlives its parent if it can, and wait; the file `mark` has both process ids."""
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    parent.doing("waiting for git at src.example.org")
    Path(f"{mark}.new").write_text(f"{os.getpid()} {child.pid}")
    Path(f"{mark}.new").rename(mark)
    child.wait()
    return None


def long(_: object, __: Parent) -> object:
    return "x" * (LONGEST + 1)


def much(_: object, __: Parent) -> object:
    return ["x" * 2**20] * 200


def talk_nonsense(content: bytes, parent: Parent) -> object:
    pipe: socket.socket = parent._pipe
    pipe.sendall(content)
    time.sleep(1000)
    return None
