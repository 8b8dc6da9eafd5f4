from __future__ import annotations

import concurrent.futures
from pathlib import Path

import koji
import pytest
import requests

from devhub.database import Database
from tests.devhub.hub.conftest import Serve
from tools.devhub import RunningDevhub


def test_what_was_committed_outlives_a_kill(serve: Serve, tmp_path: Path) -> None:
    hub = serve(tmp_path / "state")
    session = hub.login()
    tag_id = session.createTag("module-a", arches="x86_64")
    task_id = session.build("git://h/x#1", "module-a", {"skip_tag": True})
    hub.kill()
    again = serve(tmp_path / "state").login("alice")
    assert again.getTag("module-a")["id"] == tag_id
    assert again.getTaskInfo(task_id, request=True)["request"] == ["git://h/x#1", "module-a", {"skip_tag": True}]


def test_a_session_outlives_a_restart(serve: Serve, tmp_path: Path) -> None:
    hub = serve(tmp_path / "state")
    session = hub.login()
    hub.kill()
    session.baseurl = serve(tmp_path / "state").url
    assert session.getLoggedInUser()["name"] == "mbs"


def test_clients_at_once_lose_no_update(hub: RunningDevhub) -> None:
    hub.login().createTag("at-once")

    def add(client: int) -> list[int]:
        session = hub.login()
        for number in range(25):
            session.packageListAdd("at-once", f"package-{client}-{number}", "mbs")
        return [session.build("git://h/x#1", "at-once") for _ in range(10)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        task_ids = [task_id for ids in pool.map(add, range(8)) for task_id in ids]
    session = hub.login()
    assert len(session.listPackages("at-once")) == 200
    assert len(set(task_ids)) == 80
    assert session.callMethod("devhub.callCounts")["build"] == 80


def test_a_multicall_is_one_request(hub: RunningDevhub) -> None:
    session = hub.login()
    before = session.callMethod("devhub.callCounts")
    with session.multicall() as calls:
        for number in range(10):
            calls.createTag(f"together-{number}")
    after = session.callMethod("devhub.callCounts")
    assert after["createTag"] - before.get("createTag", 0) == 10
    assert after["devhub.requests"] - before["devhub.requests"] == 2


def test_a_repeated_change_is_refused_and_a_call_from_the_past_too(hub: RunningDevhub) -> None:
    session = hub.login()
    session.createTag("repeated-a")
    session.callnum -= 1
    with pytest.raises(koji.RetryError):
        session.createTag("repeated-b")
    session.createTag("repeated-c")
    session.callnum -= 5
    with pytest.raises(koji.SequenceError):
        session.getTag("repeated-a")


def test_an_expired_session_is_renewed_by_the_client(hub: RunningDevhub) -> None:
    session = hub.login()
    with Database.open(hub.state / "hub.sqlite").transaction() as connection:  # as a hub does with old ones
        connection.execute("UPDATE sessions SET expired = 1 WHERE id = ?", (session.sinfo["session-id"],))
    assert session.createTag("renewed")


def test_a_multicall_keeps_what_succeeded(hub: RunningDevhub) -> None:
    session = hub.login()
    with session.multicall() as calls:
        made = calls.createTag("multicall")
        again = calls.createTag("multicall")
    assert session.getTag("multicall")["id"] == made.result
    with pytest.raises(koji.GenericError, match="already exists"):
        _ = again.result


@pytest.mark.parametrize(
    ("body", "status"), [(b"no xml", 400), (b"", 400), (b"<methodCall><methodName>x</methodName></methodCall>", 200)]
)
def test_a_body_that_is_no_call_harms_nobody(hub: RunningDevhub, body: bytes, status: int) -> None:
    assert requests.post(hub.url, data=body, timeout=10).status_code == status
    assert hub.login().getAPIVersion() == 1


def test_a_body_that_is_too_large_is_refused(serve: Serve, tmp_path: Path) -> None:
    hub = serve(tmp_path / "state", "--max-body", "10000")
    assert requests.post(hub.url, data=b"x" * 10001, timeout=10).status_code == 400
    assert hub.login().getAPIVersion() == 1


@pytest.mark.parametrize(
    ("directory", "name"), [("../up", "x"), ("/etc", "x"), ("a/../..", "x"), ("a", "../x"), ("", "x")]
)
def test_an_upload_stays_in_its_area(hub: RunningDevhub, directory: str, name: str) -> None:
    with pytest.raises(koji.GenericError, match="Invalid upload"):
        hub.login().checkUpload(directory, name)


def test_files_are_served_in_part_as_listings_and_never_from_outside(hub: RunningDevhub) -> None:
    top = hub.url.replace("/kojihub", "/kojifiles")
    files = hub.state / "files"
    (files / "repos" / "f40" / "1").mkdir(parents=True)
    (files / "repos" / "f40" / "1" / "x.log").write_text("0123456789")
    (files / "repos" / "f40" / "latest").symlink_to("1")
    (files / "repos" / "outside").symlink_to("/etc")
    part = requests.get(f"{top}/repos/f40/latest/x.log", headers={"Range": "bytes=2-4"}, timeout=10)
    assert (part.status_code, part.text) == (206, "234")
    assert requests.get(f"{top}/repos/f40/1/x.log", headers={"Range": "bytes=-3"}, timeout=10).text == "789"
    assert requests.get(f"{top}/repos/f40/1/x.log", headers={"Range": "bytes=99-"}, timeout=10).status_code == 416
    assert 'href="x.log"' in requests.get(f"{top}/repos/f40/1", timeout=10).text
    for path in ("repos/outside/passwd", "%2e%2e/hub.sqlite", "nothing"):
        assert requests.get(f"{top}/{path}", timeout=10).status_code == 404


def test_only_admins_order_faults(hub: RunningDevhub) -> None:
    with pytest.raises(koji.ActionNotAllowed):
        hub.login().callMethod("devhub.setFault", "drop_percent", 100)


@pytest.mark.parametrize(
    ("name", "value"), [("drop_percent", "10"), ("build_fault", []), ("build_faults", "[]"), ("build_faults", [{}])]
)
def test_a_fault_that_could_never_strike_is_refused(hub: RunningDevhub, name: str, value: object) -> None:
    with pytest.raises(koji.ParameterError):
        hub.login("kojiadmin").callMethod("devhub.setFault", name, value)


def test_a_dropped_connection_and_a_bad_gateway_are_survived_by_the_client(hub: RunningDevhub) -> None:
    admin, session = hub.login("kojiadmin", max_retries=30), hub.login(max_retries=30)
    admin.callMethod("devhub.setFault", "drop_percent", 50)
    assert session.getAPIVersion() == 1
    admin.callMethod("devhub.setFault", "drop_percent", None)
    admin.callMethod("devhub.setFault", "bad_gateway", 0.3)
    assert requests.post(hub.url, data=b"", timeout=10).status_code == 502
    assert session.getAPIVersion() == 1


def test_a_client_that_wants_tls_is_told_at_once(hub: RunningDevhub) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(hub.url.replace("http:", "https:"), timeout=30, verify=False)  # noqa: S501 - there is no TLS
    assert hub.login().getAPIVersion() == 1


def test_a_web_page_in_a_browser_of_this_machine_may_not_call(hub: RunningDevhub) -> None:
    call = "<?xml version='1.0'?><methodCall><methodName>getAPIVersion</methodName></methodCall>"
    assert requests.post(hub.url, call, timeout=10).status_code == 200
    for origin in ("https://evil.example", hub.url.removesuffix("/kojihub"), "null"):
        answer = requests.post(hub.url, call, headers={"Origin": origin, "Content-Type": "text/plain"}, timeout=10)
        assert (answer.status_code, "methodResponse" in answer.text) == (403, False)
