"""Running git on repositories that nobody vouches for.

Git gets a list of arguments, an environment of its own (no configuration of the user or the system, no prompts, no
hooks, only the transports named here) and a time limit, and its whole process group ends with it. Faults of the network
are told from refusals by git's English messages, since its exit status is 128 for both; only the former are repeated.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mbs.errors import MbsError, ScmAway

_PASSED_ON = (
    "PATH",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)

_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "fetch.recurseSubmodules=no",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.version=2",
)

_FAULT_OF_THE_NETWORK = re.compile(
    r"""could\ ?n[o']t\ (resolve|connect) | (failed|unable)\ to\ connect
    | connection\ (was\ )?(refused|reset) | timed\ out | name\ resolution | name\ or\ service\ not\ known
    | network\ is\ unreachable | no\ route\ to\ host | empty\ reply\ from\ server | transfer\ closed | early\ eof
    | unexpected\ disconnect | hung\ up\ unexpectedly | (http|returned\ error:)\ (429|5[0-9][0-9])
    | (gnutls|ssl)[a-z_ ]*\ error""",
    re.IGNORECASE | re.VERBOSE,
)


class GitRefused(MbsError):
    """Git understood and said no; the message is git's own."""


@dataclass(frozen=True, slots=True)
class GitSettings:
    """How patient git is (MBS: `scm_net_timeout`, `scm_net_retry_interval`), and what it may reach."""

    timeout: float = 60.0
    """Seconds for one command of git."""
    attempts: int = 4
    retry_interval: float = 15.0
    """Seconds between two attempts."""
    parallel: int = 20
    """Repositories that are asked at the same time."""
    allow_local: bool = False
    """Whether `file://` may be read."""
    largest_modulemd: int = 2 * 1024 * 1024
    """Bytes."""


class Git:
    """Runs git, in a directory where one is needed."""

    def __init__(self, settings: GitSettings, directory: Path | None = None) -> None:
        self._settings = settings
        self._directory = directory

    def __call__(self, *arguments: str) -> bytes:
        """Run a command that stays on this machine or may be repeated, and give its standard output.

        Raises `GitRefused`, or `ScmAway` after the last attempt.
        """
        for left in reversed(range(self._settings.attempts)):
            try:
                return self._once(arguments)
            except ScmAway:
                if not left:
                    raise
            time.sleep(self._settings.retry_interval)
        raise AssertionError("at least one attempt is made")

    def text(self, *arguments: str) -> str:
        """Run a command and give its output as stripped text."""
        return self(*arguments).decode("utf-8", "replace").strip()

    def allows(self, *arguments: str) -> bool:
        """Run a command whose refusal is an answer too."""
        try:
            self(*arguments)
        except GitRefused:
            return False
        return True

    def _once(self, arguments: tuple[str, ...]) -> bytes:
        command = ["git", *(part for option in _OPTIONS for part in ("-c", option)), *arguments]
        process = subprocess.Popen(
            command,
            cwd=self._directory,
            env=_environment(self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with _ended_with(process):
            try:
                output, errors = process.communicate(timeout=self._settings.timeout)
            except subprocess.TimeoutExpired:
                message = f"git {arguments[0]} gave no answer within {self._settings.timeout:g} seconds"
                raise ScmAway(message) from None
        if process.returncode:
            raise _failure(" ".join(errors.decode("utf-8", "replace").split()))
        return output


@contextlib.contextmanager
def scratch_repository(settings: GitSettings, origin: str) -> Iterator[Git]:
    """Give git in an empty bare repository whose remote `origin` is a URL; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mbs-scm-", ignore_cleanup_errors=True) as directory:
        git = Git(settings, Path(directory))
        git("init", "--quiet", "--bare", "--template=", ".")
        git("remote", "add", "--", "origin", origin)
        yield git


def _environment(settings: GitSettings) -> dict[str, str]:
    transports = ["git", "http", "https", *(["file"] if settings.allow_local else [])]
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(transports),
    }


@contextlib.contextmanager
def _ended_with(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the whole process group (git starts helpers for its transports) if the block is left by an exception."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _failure(errors: str) -> MbsError:
    if _FAULT_OF_THE_NETWORK.search(errors):
        return ScmAway(errors)
    return GitRefused(errors or "git failed without a message")
