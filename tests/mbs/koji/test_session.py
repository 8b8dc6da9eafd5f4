from __future__ import annotations

import os
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import koji
import pytest
import requests

from mbs.koji.faults import is_race, translate
from mbs.koji.session import AT_ONCE, HubAccount, HubSession, call
from mbs.model.errors import HubRefused, HubUnavailable
from tests.conftest import RunningHub

OrderFault = Callable[[str, object], None]


@pytest.fixture
def fault(running_hub: RunningHub) -> Iterator[OrderFault]:
    names: list[str] = []

    def order(name: str, value: object) -> None:
        names.append(name)
        running_hub.set_fault(name, value)

    yield order
    for name in names:
        running_hub.set_fault(name, None)


def test_a_refused_call_is_final_and_keeps_koji_s_code(session: HubSession) -> None:
    with pytest.raises(HubRefused, match="No such tagInfo") as refused:
        session.call("getTag", "nosuch", strict=True)
    assert refused.value.code == 1000


def test_a_multicall_gives_each_result_or_its_refusal_in_its_place(session: HubSession) -> None:
    first, second, third = session.multicall(
        [call("getTag", "f40"), call("getTag", "nosuch", strict=True), call("getTag", "nosuch")]
    )
    assert first["name"] == "f40"
    assert isinstance(second, HubRefused)
    assert third is None


def test_more_calls_than_a_request_takes_are_split(session: HubSession, monkeypatch: pytest.MonkeyPatch) -> None:
    requests_made: list[int] = []
    real = koji.MultiCallSession.call_all

    def counted(batch: Any, *args: Any) -> Any:
        requests_made.append(len(batch._calls))
        return real(batch, *args)

    monkeypatch.setattr(koji.MultiCallSession, "call_all", counted)
    assert len(session.multicall(call("getAPIVersion") for _ in range(450))) == 450
    assert requests_made == [200, 200, 50]


def test_a_hub_that_answers_502_for_a_moment_is_not_noticed(account: HubAccount, fault: OrderFault) -> None:
    fault("bad_gateway", 0.5)
    with HubSession(account, delays=(0.3, 0.3, 0.3, 0.3)) as patient:
        assert patient.call("getAPIVersion") == 1


@pytest.fixture
def nobody(account: HubAccount) -> HubAccount:
    return replace(account, hub_url="http://127.0.0.1:1/kojihub")


def test_a_hub_that_stays_away_is_said_to_be(nobody: HubAccount) -> None:
    slept: list[float] = []
    with (
        HubSession(nobody, delays=(1, 2), sleep=slept.append) as session,
        pytest.raises(HubUnavailable, match="not answer"),
    ):
        session.call("getAPIVersion")
    assert slept == [1, 2]


def test_a_call_that_must_not_be_repeated_is_not(nobody: HubAccount) -> None:
    slept: list[float] = []
    with HubSession(nobody, sleep=slept.append) as session, pytest.raises(HubUnavailable):
        session.call_once("build", "source", "target")
    assert slept == []


def test_a_wrong_password_is_refused_at_once(account: HubAccount) -> None:
    with HubSession(replace(account, password="wrong")) as session, pytest.raises(HubRefused) as refused:
        session.call("getLoggedInUser")
    assert refused.value.code == 1002


def test_a_session_that_the_hub_has_forgotten_is_made_anew(session: HubSession) -> None:
    assert session.call("getLoggedInUser")["name"] == "mbs"
    client = session._client()
    client.callMethod("logout")
    assert session.call("getLoggedInUser")["name"] == "mbs"


def test_threads_do_not_share_a_login(session: HubSession) -> None:
    seen = [session._client()]
    thread = threading.Thread(target=lambda: seen.append(session._client()))
    thread.start()
    thread.join()
    assert seen[0] is not seen[1]
    assert seen[0].sinfo != seen[1].sinfo


def test_a_forked_child_makes_a_login_of_its_own_and_leaves_ours_alone(session: HubSession) -> None:
    session.call("getLoggedInUser")
    child = os.fork()
    if child == 0:
        user = session.call("getLoggedInUser")
        session.close()
        os._exit(0 if user["name"] == "mbs" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert session._client().callMethod("getLoggedInUser")["name"] == "mbs"


def http_error(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (koji.ServerOffline("database outage"), HubUnavailable),
        (koji.RetryError("unable to retry call"), HubUnavailable),
        (requests.ConnectionError(), HubUnavailable),
        (requests.Timeout(), HubUnavailable),
        (http_error(502), HubUnavailable),
        (http_error(404), HubRefused),
        (requests.exceptions.SSLError("bad certificate"), HubRefused),
        (koji.TagError("tag is gone"), HubRefused),
        (koji.xmlrpcplus.Fault(1, "Traceback"), HubRefused),
    ],
    ids=repr,
)
def test_an_error_is_the_hub_s_absence_or_its_word(error: Exception, kind: type[Exception]) -> None:
    assert isinstance(translate(error, "aCall"), kind)


@pytest.mark.parametrize(
    ("refused", "race"),
    [
        (HubRefused("psycopg2.errors.UniqueViolation: duplicate key", code=1), True),
        (HubRefused("A tag with the name 'x' already exists"), True),
        (HubRefused("build 5 already tagged (x)", code=1003), True),
        (HubRefused("TypeError: unhashable", code=1), False),
        (HubRefused("tag is locked", code=1004), False),
    ],
    ids=str,
)
def test_who_lost_a_race_is_told_from_who_is_refused(refused: HubRefused, race: bool) -> None:
    assert is_race(refused) is race


@pytest.mark.parametrize("error", [requests.ConnectionError, requests.exceptions.SSLError])
def test_the_key_of_a_session_is_in_no_message(error: type[Exception]) -> None:
    url = "/kojihub?session-id=7&session-key=7-Geheim&callnum=3"
    told = str(translate(error(f"HTTPSConnectionPool: Max retries exceeded with url: {url} (Caused by x)"), "aCall"))
    assert "Geheim" not in told
    assert "session-key=***&callnum=3 (Caused by x)" in told


def test_what_is_uploaded_arrives_whole_over_what_was_there(session: HubSession, tmp_path: Path) -> None:
    path, directory = tmp_path / "file", f"tests/{uuid.uuid4().hex}"
    for size in (AT_ONCE + 5, 10, 0):
        path.write_bytes(b"x" * size)
        assert session.upload(path, directory) == f"{directory}/file"
        arrived = session.call("checkUpload", directory, "file", verify="adler32")
        assert (int(arrived["size"]), arrived["hexdigest"]) == (size, f"{zlib.adler32(path.read_bytes()):08x}")
