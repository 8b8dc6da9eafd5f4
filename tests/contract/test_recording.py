"""Replays what a real hub was asked, in its order, and holds devhub to the same keys, types and faults.

What builders did is staged (see staging.py); what the hub itself does - tags, inheritance, groups, packages, targets,
tagging, requests, imports, permissions - happens in the replay as it did in the recording.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import koji
import pytest

from tests.contract.conftest import OpenHub, RunHub
from tests.contract.staging import Stage

CALLS = [json.loads(line) for line in Path(__file__).with_name("koji-calls.jsonl").read_text().splitlines()]

NOT_REPLAYED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "a database that is away": lambda call: call.get("fault", {}).get("faultCode") == koji.ServerOffline.faultCode,
    "the passage of a week": lambda call: call["method"] == "createTag" and call["args"] == ["x-expired"],
    "an RPM file that only the recorded hub had": lambda call: call["method"] == "getRPMHeaders",
}
READS = re.compile(r"get|list|repo\.(get|check|query)|repoInfo|query|task|check|tag(Changed|Last|First)")
FIRST_IMPORTED = 10
"""The id of the first build that the replay itself makes."""
NEW_IDS = {
    "build": "tasks",
    "tagBuild": "tasks",
    "newRepo": "tasks",
    "repo.request": "repo_requests",
    "CGImport": "builds",
    "CGInitBuild": "builds",
}


def label(number: int) -> str:
    call = CALLS[number]
    return f"{number}-{call['method']}"


@dataclass
class Replay:
    """The hub under test, its stage, and a session for each of the recording's users."""

    hub: OpenHub
    stage: Stage
    sessions: dict[str, koji.ClientSession] = field(default_factory=dict)
    position: int = 0

    def missing(self, number: int) -> list[dict[str, Any]]:
        """Give the calls between the last one played and a certain one: another process or nobody tests them here."""
        start, self.position = self.position, number + 1
        return [call for call in CALLS[start:number] if not any(skip(call) for skip in NOT_REPLAYED.values())]

    def session(self, call: dict[str, Any]) -> koji.ClientSession:
        who = caller(call)
        if who not in self.sessions:
            self.sessions[who] = self.hub.anonymous() if who == "nobody" else self.hub.login(who)
        if who == "gone":
            raise LookupError(who)
        return self.sessions[who]


def caller(call: dict[str, Any]) -> str:
    """Say who made a recorded call; its outcome tells."""
    message = call.get("fault", {}).get("message", "")
    if "not logged in" in message or "must be logged in" in message or call.get("result", 0) is None is call["args"]:
        return "nobody"
    if call["method"] == "getLoggedInUser" and "result" in call:
        return "nobody"
    alice = ("alice", "not owner", "high-priority", "Content generator access", "default policy")
    if any(word in message for word in alice) or (call.get("result", {}) and "'owner': 3" in str(call.get("result"))):
        return "alice"
    if call["method"] == "newRepo" and "permission" not in message:
        return "kojiadmin"
    return "mbs"


@pytest.fixture(scope="module")
def replay(run_hub: RunHub) -> Replay:
    hub = run_hub(Path(__file__).with_name("recording.yaml"))
    stage = Stage(hub.database, hub.settings.files)
    _begin(stage)
    return Replay(hub, stage)


def _begin(stage: Stage) -> None:
    """Put in place what the recorded hub had before: builds, and events before the first tag."""
    with stage.database.transaction() as connection:
        connection.execute("UPDATE events SET id = id + 40 WHERE id > 1")
        for table in ("tag_config", "tag_extra", "tag_inheritance", "tag_packages", "group_config", "group_packages"):
            connection.execute(f"UPDATE {table} SET create_event = create_event + 40")  # noqa: S608
        connection.execute("UPDATE build_target_config SET create_event = create_event + 40")
        connection.execute("INSERT OR IGNORE INTO events VALUES (50, 1795358800.0)")
        connection.execute("UPDATE events SET time = 1795358770.351758 + id")
        for call in CALLS:
            for record in _built(call.get("result")):
                stage.build(connection, {**record, "creation_event_id": 50})


def _built(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [record for inner in value for record in _built(inner)]
    if isinstance(value, dict) and "creation_event_id" in value and value["build_id"] < FIRST_IMPORTED:
        return [{key: value[key] for key in value if key not in ("tag_id", "create_event")}]
    return []


@pytest.mark.parametrize("number", range(len(CALLS)), ids=label)
def test_devhub_answers_as_the_recorded_hub_did(replay: Replay, number: int) -> None:
    call = CALLS[number]
    for reason, applies in NOT_REPLAYED.items():
        if applies(call):
            pytest.skip(f"not replayed: {reason}")
    for earlier in replay.missing(number):
        with contextlib.suppress(Exception):  # its own test says what is wrong with it
            _play(replay, earlier)
    _play(replay, call)


def _play(replay: Replay, call: dict[str, Any]) -> None:
    prepare(replay.stage, call)
    if "fault" in call:
        _check_fault(replay, call)
    else:
        answer = _make(replay, call)
        must_be_like(answer, call["result"], call["method"])
        if call["method"] == "tagBuild":
            replay.stage.ensure_tagged(*call["args"], tagged=True)


def _make(replay: Replay, call: dict[str, Any]) -> Any:
    if call["method"] == "multiCall":
        return _multicall(replay)
    args = [_import_files(replay, *call["args"]), *call["args"][1:]] if call["method"] == "CGImport" else call["args"]
    session = replay.session(call)
    return session.callMethod(call["method"], *args, **call["kwargs"])


def _check_fault(replay: Replay, call: dict[str, Any]) -> None:
    fault = call["fault"]
    with pytest.raises(koji.GenericError) as raised:
        _fail(replay, call)
    assert type(raised.value).__name__ == fault["class"]
    assert raised.value.faultCode == fault["faultCode"]
    assert without_numbers(str(raised.value)) == without_numbers(fault["message"])


def _fail(replay: Replay, call: dict[str, Any]) -> None:
    if "bad credentials" in call["fault"]["message"]:
        session = replay.hub.login()
        session.callMethod("logout")
    elif "username or password" in call["fault"]["message"]:
        session = koji.ClientSession(replay.hub.url, {"user": "mbs", "password": "wrong", "max_retries": 1})
        session.login()
    else:
        _make(replay, call)
        return
    session.callMethod(call["method"], *call["args"], **call["kwargs"])


def _multicall(replay: Replay) -> list[Any]:
    session = replay.sessions["mbs"]
    session.multicall = True
    for package in ("module-build-macros", "slow", "boom", "boomx", "needsfoo", "withsub"):
        session.packageListAdd("module-testmod-1-1-aaaa1111", package, "mbs")
    return list(session.multiCall(strict=False))


def prepare(stage: Stage, call: dict[str, Any]) -> None:
    """Bring about what the recorded answer presupposes and the recording does not contain."""
    method, args = call["method"], call["args"]
    if "result" in call and READS.match(method):
        stage.show(call["result"])
    if method == "getTaskResult":
        _end_task(stage, args[0], call)
    elif method == "taskFinished":
        stage.result(args[0], koji.TASK_STATES["CLOSED" if call["result"] else "OPEN"], None)
    elif method == "listTaskOutput":
        stage.output(args[0], call["result"])
    elif method == "repo.request" and call.get("result", {}).get("repo"):
        stage.show(call["result"])
    elif method in NEW_IDS and "result" in call:
        _set_next_id(stage, method, call["result"])
    if method in ("tagBuild", "tagBuildBypass", "untagBuild", "untagBuildBypass"):
        _prepare_tagging(stage, call)
    if method in PREPARE:
        PREPARE[method](stage, call)


def _set_next_id(stage: Stage, method: str, answer: Any) -> None:
    if method == "repo.request" and answer["duplicate"]:
        return
    record = answer["request"] if method == "repo.request" else answer
    if isinstance(record, dict):
        record = record["build_id" if "build_id" in record else "id"]
    stage.next_id(NEW_IDS[method], record)


def _end_task(stage: Stage, task_id: int, call: dict[str, Any]) -> None:
    message = call.get("fault", {}).get("message", "")
    if message == "No such task":
        return
    if message.endswith("is canceled"):
        stage.result(task_id, koji.TASK_STATES["CANCELED"], None)
    elif message.endswith("is not finished"):
        stage.result(task_id, koji.TASK_STATES["OPEN"], None)
    elif "fault" in call:
        fault = {"faultCode": call["fault"]["faultCode"], "faultString": message}
        stage.result(task_id, koji.TASK_STATES["FAILED"], fault)
    else:
        failed = isinstance(call["result"], dict) and "faultCode" in call["result"]
        stage.result(task_id, koji.TASK_STATES["FAILED" if failed else "CLOSED"], call["result"])


def _prepare_tagging(stage: Stage, call: dict[str, Any]) -> None:
    tag, nvr = call["args"]
    message = call.get("fault", {}).get("message", "")
    if "No such" in message or "permission" in message:
        if message.startswith("tag requires"):
            _set_config(stage, tag, perm_id=1, locked=0)
        return
    if "already tagged" in message or (call["method"].startswith("untag") and not message):
        stage.ensure_tagged(tag, nvr, tagged=True)
    elif "not in tag" in message or (call["method"] == "tagBuildBypass" and not message):
        stage.ensure_tagged(tag, nvr, tagged=False)
    if not message:
        _list_package(stage, tag, nvr)


def _set_config(stage: Stage, tag: str, **changes: object) -> None:
    places = ", ".join(f"{column} = :{column}" for column in changes)
    with stage.database.transaction() as connection:
        connection.execute(
            f"UPDATE tag_config SET {places} WHERE revoke_event IS NULL"  # noqa: S608 - our own columns
            " AND tag_id = (SELECT id FROM tags WHERE name = :tag)",
            {**changes, "tag": tag},
        )


def _list_package(stage: Stage, tag: str, nvr: str) -> None:
    from devhub import lookup, packages  # noqa: PLC0415 - only here is the hub's inside needed

    with stage.database.transaction() as connection:
        tag_id = lookup.must_find(connection, "tags", tag)["id"]
        packages.add(connection, tag_id, koji.parse_NVR(nvr)["name"], 2)


def _show_tag(stage: Stage, call: dict[str, Any]) -> None:
    """Have a tag that a getTag found, as it was found."""
    from devhub import tags  # noqa: PLC0415

    found = call.get("result")
    with stage.database.transaction() as connection:
        if not found or tags.find(connection, found["id"]) is not None:
            return
        tag_id = tags.create(connection, found["name"], arches=found["arches"])
        for key, value in found["extra"].items():
            tags.set_extra(connection, tag_id, key, value)


def _need_tag(stage: Stage, call: dict[str, Any]) -> None:
    from devhub import tags  # noqa: PLC0415

    with stage.database.transaction() as connection:
        if tags.find(connection, call["args"][0]) is None and "fault" not in call:
            tags.create(connection, call["args"][0])


def _let_finish(stage: Stage, call: dict[str, Any]) -> None:
    """Have the build that is to be canceled running, or over."""
    with stage.database.transaction() as connection:
        state = koji.BUILD_STATES["BUILDING" if call["result"] else "CANCELED"]
        connection.execute("UPDATE builds SET state = ?, task_id = NULL WHERE id = ?", (state, call["args"][0]))
        if connection.execute("SELECT 1 FROM builds WHERE id = ?", call["args"]).fetchone() is None:
            connection.execute(
                "INSERT INTO builds (id, package_id, version, release, state, owner, create_event)"
                " VALUES (?, 5, 'x', ?, ?, 2, 50)",
                (call["args"][0], str(call["args"][0]), state),
            )


def _complete(stage: Stage, _call: dict[str, Any]) -> None:
    with stage.database.transaction() as connection:
        connection.execute("UPDATE builds SET state = 1 WHERE state IN (0, 3, 4) AND id IN (4, 8, 9)")


def _have_task(stage: Stage, call: dict[str, Any]) -> None:
    stage.result(call["args"][0], koji.TASK_STATES["OPEN"], None)


PREPARE: dict[str, Callable[[Stage, dict[str, Any]], None]] = {
    "getTag": _show_tag,
    "editTag2": _need_tag,
    "deleteTag": _need_tag,
    "cancelTask": _have_task,
    "cancelBuild": _let_finish,
    "massTag": _complete,
}


def _import_files(replay: Replay, metadata: dict[str, Any], directory: str) -> dict[str, Any]:
    """Upload files of our own for the recorded metadata, and give it their sizes and checksums."""
    session = replay.session({"method": "upload", "args": []})
    outputs = []
    for entry in metadata["output"]:
        content = f"document: {entry['filename']}\n".encode()
        path = replay.hub.settings.state / entry["filename"]
        path.write_bytes(content)
        session.uploadWrapper(str(path), directory)
        checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
        wrong = set(entry["checksum"]) == {"0"}
        outputs.append({**entry, "filesize": len(content), "checksum": entry["checksum"] if wrong else checksum})
    return {**metadata, "output": outputs}


def must_be_like(answer: Any, recorded: Any, where: str) -> None:
    """Hold an answer to the keys and types of a recorded one; nil may stand for a value, and a value for nil."""
    if answer is None or recorded is None:
        return
    assert type(answer) is type(recorded), f"{where}: {answer!r} is no {type(recorded).__name__}"
    if isinstance(recorded, dict):
        assert set(answer) == set(recorded), where
        for key, value in recorded.items():
            must_be_like(answer[key], value, f"{where}.{key}")
    elif isinstance(recorded, list) and recorded:
        assert answer, f"{where} is empty"
        same_length = len(answer) == len(recorded)
        for one, model in zip(answer, recorded if same_length else [recorded[0]] * len(answer), strict=True):
            must_be_like(one, model, f"{where}[]")


def without_numbers(message: str) -> str:
    """Strip a message of ids and checksums, which differ from hub to hub."""
    return re.sub(r"\b[0-9a-f]{32,}\b|\d+", "N", message)
