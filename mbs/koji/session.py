"""A hub's client that knows who is to blame: `HubUnavailable` may be tried again, `HubRefused` is final.

The stock client waits 43,200 seconds for an answer and repeats a call 30 times, 20 seconds apart. Here a call has a
short timeout, few repetitions with backoff, and none at all where a repetition could act twice.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeVar

import koji
from tenacity import (
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    wait_chain,
    wait_fixed,
)

from mbs.koji.faults import TRANSPORT_ERRORS, KojiValue, is_lost_session, translate
from mbs.model.errors import HubRefused, HubUnavailable

Answer = TypeVar("Answer")
Authentication = Literal["none", "password", "kerberos", "ssl"]

BATCH = 200
"""Calls in one multicall request."""

AT_ONCE = 1 << 20
"""Bytes of a file that are uploaded in one request."""

PATIENT = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the tries of a call: a hub that restarts is not noticed."""

IMPATIENT: tuple[float, ...] = ()
"""For callers that come back by themselves."""


@dataclass(frozen=True, slots=True)
class HubAccount:
    """Where a hub is and who we are there."""

    hub_url: str
    web_url: str = ""
    files_url: str = ""
    authentication: Authentication = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    principal: str | None = None
    keytab: str | None = None
    certificate: str | None = None
    """Path of the client's certificate and key (SSL)."""
    server_ca: str | None = None
    timeout: float = 60.0
    """Seconds that one request may take."""


class Call(NamedTuple):
    """One call to the hub, to be made alone or in a multicall."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012 # a NamedTuple's default is never changed: calls are made by `call`


def call(method: str, /, *args: object, **kwargs: object) -> Call:
    """Write down a call. An argument that is called `name` has to be given by position: the client wants the word."""
    return Call(method, args, kwargs)


class Hub(Protocol):
    """What decisions about Koji need of a hub."""

    def call(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        """Make one call that may be repeated. Raises HubUnavailable, HubRefused."""
        ...

    def call_once(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        """Make one call that must not be repeated when its answer is lost. Raises HubUnavailable, HubRefused."""
        ...

    def multicall(self, calls: Iterable[Call]) -> list[KojiValue]:
        """Make many calls, not atomic; gives each its result, or its HubRefused. Raises HubUnavailable."""
        ...

    def multicall_once(self, calls: Sequence[Call]) -> list[KojiValue]:
        """Make up to `BATCH` calls in one request that must not be repeated when its answer is lost.

        Gives each its result, or its HubRefused. Raises HubUnavailable: then any of them may have been made.
        """
        ...

    def upload(self, path: Path, directory: str) -> str:
        """Upload a file; gives the path that `build` takes."""
        ...


class HubSession:
    """A login to a hub, made at the first call: one for each thread, none shared over a fork."""

    def __init__(
        self,
        account: HubAccount,
        *,
        delays: Sequence[float] = PATIENT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the account; `delays` are the seconds between tries of a call that may be repeated."""
        self.account = account
        self._patiently = Retrying(
            retry=retry_if_exception_type(HubUnavailable),
            wait=wait_chain(*map(wait_fixed, (*delays, 0))),
            stop=stop_after_attempt(len(delays) + 1),
            sleep=sleep,
            reraise=True,
        )
        self._clients: dict[int, koji.ClientSession] = {}
        _sessions.add(self)

    def call(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        """Make one call that may be repeated."""
        return self._repeated(method, lambda client: client.callMethod(method, *args, **kwargs))

    def call_once(self, method: str, *args: object, **kwargs: object) -> KojiValue:
        """Make one call that must not be repeated when its answer is lost."""
        return self._tried(method, lambda client: client.callMethod(method, *args, **kwargs))

    def multicall(self, calls: Iterable[Call]) -> list[KojiValue]:
        """Make many calls in batches; a refused one leaves its HubRefused in its place."""
        answers: list[KojiValue] = []
        for batch in _batches(list(calls)):
            answers += self._repeated("multiCall", partial(_call_all, calls=batch))
        return answers

    def multicall_once(self, calls: Sequence[Call]) -> list[KojiValue]:
        """Make up to `BATCH` calls in one request that must not be repeated when its answer is lost."""
        if len(calls) > BATCH:
            msg = f"{len(calls)} calls need more than one request"
            raise ValueError(msg)
        return self._tried("multiCall", partial(_call_all, calls=calls))

    def upload(self, path: Path, directory: str) -> str:
        """Upload a file into `directory` of the hub's upload area, over one of the same name."""
        self._repeated("upload", lambda client: _upload(client, path, directory))
        return f"{directory}/{path.name}"

    def anonymous(self) -> HubSession:
        """Give a session to the same hub that nobody logs in to, for what anybody may ask."""
        return HubSession(replace(self.account, authentication="none"), delays=IMPATIENT)

    def close(self) -> None:
        """Log this thread out; one that does not answer forgets the session by itself."""
        client = self._clients.pop(threading.get_ident(), None)
        if client is not None:
            try:
                client.logout()
            except (koji.GenericError, *TRANSPORT_ERRORS):
                client.setSession(None)

    def forget(self) -> None:
        """Drop all logins without a word to the hub: they belong to the parent of this process."""
        for client in self._clients.values():
            client.setSession(None)
            client.new_session()
        self._clients.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repeated(self, name: str, work: Callable[[koji.ClientSession], Answer]) -> Answer:
        return self._patiently(lambda: self._tried(name, work))

    def _tried(self, name: str, work: Callable[[koji.ClientSession], Answer]) -> Answer:
        """Do the work; a session that the hub does not know any more did nothing, and is replaced once."""
        anew = Retrying(
            retry=retry_if_exception(is_lost_session),
            before_sleep=lambda _: self._drop(),
            stop=stop_after_attempt(2),
            reraise=True,
        )

        def attempt() -> Answer:
            return work(self._client())

        try:
            return anew(attempt)
        except (koji.GenericError, *TRANSPORT_ERRORS) as error:
            raise translate(error, name) from error

    def _client(self) -> koji.ClientSession:
        thread = threading.get_ident()
        client = self._clients.get(thread)
        if client is None:
            client = _connected(self.account)
            self._clients[thread] = client
        return client

    def _drop(self) -> None:
        client = self._clients.pop(threading.get_ident(), None)
        if client is not None:
            client.setSession(None)


def _connected(account: HubAccount) -> koji.ClientSession:
    options = {
        "user": account.user,
        "password": account.password,
        "serverca": account.server_ca,
        "timeout": account.timeout,
        "max_retries": 1 if account.authentication == "kerberos" else 0,  # its login loop makes no try at all with 0
        "retry_interval": 0,
        "anon_retry": False,
        "offline_retry": False,
    }
    client = koji.ClientSession(account.hub_url, {name: value for name, value in options.items() if value is not None})
    try:
        _log_in(client, account)
    except (koji.GenericError, *TRANSPORT_ERRORS) as error:
        raise translate(error, "login") from error
    return client


def _log_in(client: koji.ClientSession, account: HubAccount) -> None:
    match account.authentication:
        case "password":
            client.login()
        case "kerberos":
            client.gssapi_login(principal=account.principal, keytab=account.keytab)
        case "ssl":
            client.ssl_login(cert=account.certificate, serverca=account.server_ca)
        case "none":
            pass


def _upload(client: koji.ClientSession, path: Path, directory: str) -> None:
    """Upload a file, in one request where that is enough: the stock client asks again for what the hub has answered."""
    if path.stat().st_size > AT_ONCE:
        client.fastUpload(str(path), directory, overwrite=True)
        return
    content = path.read_bytes()
    came = client.callMethod("rawUpload", content, 0, directory, path.name, overwrite=True)
    if (came["size"], came["hexdigest"]) != (len(content), koji.util.adler32_constructor(content).hexdigest()):
        msg = f"{path.name} came as {came['size']} bytes, not as the {len(content)} that were sent"
        raise OSError(msg)


def _call_all(client: koji.ClientSession, calls: Sequence[Call]) -> list[KojiValue]:
    batch = koji.MultiCallSession(client, strict=False)
    answers = [batch.callMethod(method, *args, **kwargs) for method, args, kwargs in calls]
    batch.call_all()
    return [_result(answer, call) for answer, call in zip(answers, calls, strict=True)]


def _result(answer: KojiValue, made: Call) -> KojiValue:
    try:
        return answer.result
    except (koji.GenericError, *TRANSPORT_ERRORS) as error:
        refused = translate(error, made.method)
        if isinstance(refused, HubRefused):
            return refused
        raise refused from error


def _batches(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    for start in range(0, len(calls), BATCH):
        yield calls[start : start + BATCH]


_sessions: weakref.WeakSet[HubSession] = weakref.WeakSet()


def _forget_all() -> None:
    for session in list(_sessions):
        session.forget()


os.register_at_fork(after_in_child=_forget_all)
