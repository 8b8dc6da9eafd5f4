"""Running git on repositories that nobody vouches for.

Git gets a list of arguments, an environment of its own (no configuration of the user, the system or the directory, no
prompts, no hooks, only the transports named here), a time limit and bounds on memory and on what it writes; its whole
process group ends with it. Only `Git.remote` may use the network: a command that reads what was fetched cannot fetch
what is missing. Faults of the network are told from refusals by git's English messages, since its exit status is 128
for both; only the former are repeated.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_fixed

from mbs.model.errors import MbsError, ScmUnavailable
from mbs.scm.servers import Hosts, Redirected, followed, redirect_of
from mbs.scm.url import ScmRules, shown

MIB = 1024 * 1024

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
    "transfer.bundleURI=false",
    "http.followRedirects=false",  # followed by mbs.scm.servers; this also keeps git from alternates over HTTP
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "fetch.unpackLimit=1",  # one pack, whose size is bounded, instead of any number of files
    "core.bigFileThreshold=4m",  # larger files are never held in memory
    "core.packedGitWindowSize=16m",
    "core.packedGitLimit=128m",
    "core.deltaBaseCacheLimit=16m",
    "pack.threads=1",
)

_BOUNDED = 'ulimit -c 0; ulimit -v "$1"; ulimit -f "$2"; t=$3; shift 3; exec timeout -k 1 "$t" git "$@"'
"""Bounds on a process that starts others are inherited from before its start. -v counts kB, -f half kB.

Whoever waits for git ends it in time; `timeout` does where he was killed.
"""

_FAULT_OF_THE_NETWORK = re.compile(
    r"""could\ ?n[o']t\ (resolve|connect) | (failed|unable)\ to\ connect
    | connection\ (was\ )?(refused|reset) | timed\ out | name\ resolution | name\ or\ service\ not\ known
    | network\ is\ unreachable | no\ route\ to\ host | empty\ reply\ from\ server | transfer\ closed | early\ eof
    | unexpected\ disconnect | hung\ up\ unexpectedly | too\ slow | (http|returned\ error:)\ (429|5[0-9][0-9])
    | (gnutls|ssl)[a-z_ ]*\ error""",
    re.IGNORECASE | re.VERBOSE,
)
_REDIRECT = re.compile(r"returned error: 30[12378]\b")
_TOO_LARGE = re.compile(
    r"signal 25\b|file too large|^(?!.*(fatal|error): .*fatal: ).*invalid index-pack output", re.IGNORECASE
)
"""A helper that a bound has ended says nothing, and `git fetch` only that it said nothing."""
_NO_MEMORY = re.compile(r"out of memory|cannot allocate memory|mmap failed", re.IGNORECASE)
_QUOTED = 2000
"""Bytes of what git says that are read: the last, where the reason stands."""
_LONGEST_OUTPUT = 32 * MIB
_MOST_REDIRECTS = 5
_GRACE = 2.0
"""Seconds after which git ends by itself that nobody has ended in time."""


class GitRefused(MbsError):
    """Git understood and said no; the message is git's own."""


class GitStopped(GitRefused):
    """Git was not let do what the repository asks for; the message says why, in words of ours."""


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
    redirects: ScmRules = field(default_factory=lambda: ScmRules(prefixes=()))
    """Where a server may send git to; to https or a `.git` of the same name it always may."""
    largest_modulemd: int = 2 * MIB
    """Bytes."""
    largest_fetch: int = 256 * MIB
    """Bytes of one file that git writes: what one fetch may bring."""
    memory: int = 512 * MIB
    """Bytes of address space of one process of git."""


class Git:
    """Runs git, in a bare repository where one is needed; `origin` is the URL of what it fetches from."""

    def __init__(
        self, settings: GitSettings, directory: Path | None = None, origin: str = "", hosts: Hosts | None = None
    ) -> None:
        self._settings = settings
        self._hosts = hosts or Hosts()
        self._directory = directory
        self._origin = origin
        self._place = origin
        """Where `origin` was last seen to redirect to."""

    def __call__(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run a command that stays on this machine, `given` on its standard input; give its standard output.

        Raises `GitRefused`, or `ScmUnavailable` where it takes too long.
        """
        return self._once(arguments, _environment(self._settings) | {"GIT_ALLOW_PROTOCOL": ""}, given)

    def text(self, *arguments: str) -> str:
        """Run a command that stays on this machine and give its output as stripped text."""
        return self(*arguments).decode("utf-8", "replace").strip()

    def allows(self, *arguments: str) -> bool:
        """Run a command that stays on this machine and whose refusal is an answer too."""
        try:
            self(*arguments)
        except GitRefused:
            return False
        return True

    def remote(self, *arguments: str, most: int | None = None) -> bytes:
        """Run a command that asks `origin` and may be repeated; `most` bytes instead of `largest_fetch` may come.

        Raises `GitRefused`, or `ScmUnavailable` after the last attempt, and at once where the host was given up before.
        """
        for _ in range(_MOST_REDIRECTS):
            try:
                return self._patiently(arguments, most)
            except Redirected:
                self._place = self._target()
        raise GitStopped(f"{self._origin} redirects more than {_MOST_REDIRECTS} times")

    def sever(self) -> None:
        """Forget `origin`, so that an object that was left out is missing, and not to be fetched some day."""
        self("remote", "remove", "origin")

    def _target(self) -> str:
        """Ask where the place redirects to, and go only where the rules allow."""
        redirect = redirect_of(self._place, self._settings.timeout)
        target = followed(self._place, redirect, self._settings.redirects)
        if target is None:
            raise GitStopped(
                f"{self._place} redirects to {shown(redirect)}, which is not followed. If the repository has "
                "moved, name it by its new URL"
            )
        return target

    def _patiently(self, arguments: tuple[str, ...], most: int | None) -> bytes:
        """Try again what the network broke, until the host has had the time of one command."""
        settings, environment = self._settings, _environment(self._settings) | _instead_of(self._origin, self._place)
        again = Retrying(
            before=lambda _: self._hosts.check(self._place),
            retry=retry_if_exception_type(ScmUnavailable),
            wait=wait_fixed(settings.retry_interval),
            stop=stop_after_attempt(settings.attempts) | stop_after_delay(settings.timeout),
            reraise=True,
        )
        try:
            return again(self._once, arguments, environment, b"", most)
        except ScmUnavailable as error:
            self._hosts.give_up(self._place, error)
            raise

    def _once(
        self, arguments: tuple[str, ...], environment: Mapping[str, str], given: bytes, most: int | None = None
    ) -> bytes:
        largest = most or self._settings.largest_fetch
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as into:
            into.write(given)
            into.seek(0)
            process = subprocess.Popen(
                _command(arguments, self._settings, largest),
                cwd="/",
                env={**environment, "GIT_DIR": str(self._directory or os.devnull)},
                stdin=into,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
            with _ended_with(process):
                try:
                    process.wait(self._settings.timeout)
                except subprocess.TimeoutExpired:
                    message = f"git {arguments[0]} gave no answer within {self._settings.timeout:g} seconds"
                    raise ScmUnavailable(message) from None
            if process.returncode:
                raise _failure(process.returncode, _last(errors), self._settings.memory, largest)
            return _whole(output, arguments[0])


@contextlib.contextmanager
def scratch_repository(settings: GitSettings, origin: str, hosts: Hosts | None = None) -> Iterator[Git]:
    """Give git in an empty bare repository whose remote `origin` is a URL; both are gone afterwards.

    The directory is new and this user's alone: nothing that lies in a place where others may write is taken up.
    """
    with tempfile.TemporaryDirectory(prefix="mbs-scm-", ignore_cleanup_errors=True) as directory:
        git = Git(settings, Path(directory), origin, hosts)
        git("init", "--quiet", "--bare", "--template=")
        git("remote", "add", "--", "origin", origin)
        yield git


def _command(arguments: tuple[str, ...], settings: GitSettings, largest: int) -> list[str]:
    options = (part for option in _OPTIONS for part in ("-c", option))
    kilobytes = _at_most(resource.RLIMIT_AS, settings.memory) // 1024
    half_kilobytes = _at_most(resource.RLIMIT_FSIZE, largest) // 512
    bounds = (str(kilobytes), str(half_kilobytes), f"{settings.timeout + _GRACE:g}")
    return ["/bin/sh", "-c", _BOUNDED, "git", *bounds, *options, *arguments]


def _at_most(kind: int, wanted: int) -> int:
    """Give what is wanted, or the bound that this process has already."""
    soft, _ = resource.getrlimit(kind)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft)


def _environment(settings: GitSettings) -> dict[str, str]:
    transports = ["git", "http", "https", *(["file"] if settings.allow_local else [])]
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(transports),
    }


def _instead_of(origin: str, place: str) -> dict[str, str]:
    """Make git go to `place` where it is told `origin`."""
    if origin == place:
        return {}
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{place}.insteadOf", "GIT_CONFIG_VALUE_0": origin}


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


def _last(errors: IO[bytes]) -> str:
    """Read the end of what git says, without its warnings; a server can make it say as much as it likes."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - _QUOTED))
    lines = errors.read().decode("utf-8", "replace").splitlines()
    return " ".join(" ".join(line for line in lines if not line.startswith(("warning: ", "hint: "))).split())


def _whole(output: IO[bytes], command: str) -> bytes:
    if output.seek(0, os.SEEK_END) > _LONGEST_OUTPUT:
        raise GitStopped(f"git {command} answers with more than {_LONGEST_OUTPUT // MIB} MB")
    output.seek(0)
    return output.read()


def _failure(status: int, errors: str, memory: int, largest: int) -> MbsError:
    if _NO_MEMORY.search(errors):
        return GitStopped(f"the repository cannot be read with the {memory / MIB:.3g} MB of memory that git may use")
    if status in {-signal.SIGXFSZ, 128 + signal.SIGXFSZ} or _TOO_LARGE.search(errors):
        return GitStopped(f"the repository sends more than the {largest / MIB:.3g} MB that are read of one")
    if _REDIRECT.search(errors):
        return Redirected()
    if _FAULT_OF_THE_NETWORK.search(errors):
        return ScmUnavailable(errors)
    return GitRefused(errors or "git failed without a message")
