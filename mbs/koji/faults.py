"""What a hub's fault or a broken connection means: unavailable for now, or refused for good."""

from __future__ import annotations

import http.client
import re
import xmlrpc.client
from collections.abc import Iterable
from typing import Any, TypeAlias
from xml.parsers.expat import ExpatError

import koji
import requests

from mbs.model.errors import HubRefused, HubUnavailable

KojiValue: TypeAlias = Any
"""What XML-RPC carries; whoever made the call knows its type and reads it at once."""

TRANSPORT_ERRORS = (
    requests.exceptions.RequestException,
    xmlrpc.client.Error,
    http.client.HTTPException,
    ExpatError,
    OSError,
)
"""What a call may raise besides koji.GenericError; an answer cut short is not well-formed XML."""

_UNAVAILABLE = (koji.ServerOffline, koji.LockError, koji.AuthLockError, koji.RetryError)
"""RetryError: the hub made the call, its answer was lost. Whoever comes back looks what the call did."""

_BUSY_STATUS = frozenset({408, 425, 429})
_UNIQUE_VIOLATION = "uniqueviolation"
_ALREADY = ("already exists", "already tagged")

_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n(?:.*\n)*?(?=\S)(.+)", re.MULTILINE)
_SEE_LOG = re.compile(r"[;,]? see [\w., ]+? for (?:more information|details)")
_EXISTS = re.compile(r"Build already exists \(id=(?P<id>\d+), state=\w+\)")
_IN_PROGRESS = re.compile(r"Build already in progress \(task (?P<task>\d+)\)")
_NAMED = re.compile(r"'(name|version|release)': u?'([^']*)'")


def translate(error: BaseException, made: str) -> HubUnavailable | HubRefused:
    """Say what an error of the stock client means; `made` names the call."""
    if isinstance(error, _UNAVAILABLE):
        return _unavailable(made, error)
    if isinstance(error, koji.GenericError):
        return HubRefused(str(error), code=error.faultCode, call=made)
    if isinstance(error, xmlrpc.client.Fault):
        return HubRefused(str(error.faultString), code=error.faultCode, call=made)
    if isinstance(error, requests.exceptions.SSLError):
        return HubRefused(f"the connection is not trusted: {_public(error)}", code=0, call=made)
    status = _status(error)
    if status is not None and 400 <= status < 500 and status not in _BUSY_STATUS:
        return HubRefused(f"HTTP {status}; check the hub's URL", code=status, call=made)
    return _unavailable(made, error)


def is_lost_session(error: BaseException) -> bool:
    """Tell whether the hub no longer knows the session (logged out, restored, shared by a mistake)."""
    return isinstance(error, koji.AuthError) and not isinstance(error, (*_UNAVAILABLE, koji.GSSAPIAuthError))


def is_race(error: HubRefused) -> bool:
    """Tell whether someone else did the same at the same time; then looking again shows what there is.

    Two equal calls at once surface as Fault 1 with the database's UniqueViolation, or as "already exists".
    """
    text = str(error).lower()
    return (error.code == 1 and _UNIQUE_VIOLATION in text.replace(" ", "")) or any(word in text for word in _ALREADY)


def accepted(answer: KojiValue) -> KojiValue:
    """Give an answer of a multicall, or raise its refusal."""
    if isinstance(answer, HubRefused):
        raise answer
    return answer


def raise_refused(answers: Iterable[KojiValue], *, races_pass: bool = False) -> None:
    """Raise all refusals of a multicall as one; those of a lost race pass where one looks again anyway."""
    refused = [answer for answer in answers if isinstance(answer, HubRefused) and not (races_pass and is_race(answer))]
    if refused:
        raise HubRefused("; ".join(dict.fromkeys(map(str, refused))), code=refused[0].code)


def is_unknown_method(error: HubRefused) -> bool:
    """Tell whether the hub is too old to have the method."""
    return error.code == 1000 and "Invalid method" in str(error)


def explained(fault: str, *, package: str, dist: str) -> str:
    """Say in a sentence why a build task failed: Koji's words, or what they mean for the `package` of a module.

    `dist` is what the releases of the module build's packages end in.
    """
    if found := _EXISTS.search(fault):
        return _build_exists(fault, found["id"], package, dist)
    if found := _IN_PROGRESS.search(fault):
        return (
            f"Koji builds the same version and release already, in task {found['task']}. {_needs_dist(package)} "
            f"If it does, clear this task when task {found['task']} has ended."
        )
    ends = _TRACEBACK.findall(fault)
    return _SEE_LOG.sub("", ends[-1] if ends else fault)


def _build_exists(fault: str, build_id: str, package: str, dist: str) -> str:
    """Koji puts all that it knows of the build into its words; people need the name, and what to do."""
    facts = dict(_NAMED.findall(fault))
    nvr = "-".join(facts[part] for part in ("name", "version", "release")) if len(facts) == 3 else "the same build"
    known = f"Koji has {nvr} already (build {build_id})"
    if dist and dist in facts.get("release", ""):
        return f"{known}, of this module build but not of this commit. Delete it in Koji, or submit a new commit."
    return f"{known}, and makes no other of it. {_needs_dist(package)}"


def _needs_dist(package: str) -> str:
    return (
        f"The release of {package} must end in %{{?dist}} (Release: 1%{{?dist}}), so that it has another one in every "
        "module build."
    )


def _unavailable(made: str, error: BaseException) -> HubUnavailable:
    return HubUnavailable(f"The Koji hub does not answer {made}: {type(error).__name__}: {_public(error)}")


def _public(error: BaseException) -> str:
    """Give the error's words without the session's key, which to hubs before 1.35 is sent in the URL."""
    return re.sub(r"(session-key=)[^&\s'\")]*", r"\1***", str(error))


def _status(error: BaseException) -> int | None:
    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return error.response.status_code
    if isinstance(error, xmlrpc.client.ProtocolError):
        return error.errcode
    return None
