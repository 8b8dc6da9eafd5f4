"""The seven builds that MBS's own tests of its API are made of: a base module, then three modules twice.

Their times and states are odd, and pinned by the numbers of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from mbs.model.states import ComponentState, ModuleState
from mbs.registry import Registry
from mbs.registry.models import BaseModuleLink, ComponentBuild, ComponentTrace, Message, ModuleBuild, ModuleTrace

CONTEXT = "00000000"
NGINX_NVR = "nginx-1.10.1-2.module+2+b8661ee4"
DOCUMENT = "---\ndocument: modulemd\nversion: 2\n"


def at(time: str, index: int = 0) -> datetime:
    """Give a time of that day; the second of each module is ten minutes younger."""
    return datetime.fromisoformat(f"2016-09-03T{time}").replace(tzinfo=UTC) + timedelta(minutes=10 * index)


def build(number: int, name: str, stream: str, version: int, **facts: Any) -> Mapping[str, Any]:
    """Give the row of a module build."""
    now = datetime.now(UTC)
    usual = {
        "context": CONTEXT,
        "state": ModuleState.READY,
        "owner": "Moe Szyslak",
        "rebuild_strategy": "changed-and-after",
        "koji_tag": f"module-{name}-{stream}-{version}-{CONTEXT}",
        "modulemd": DOCUMENT,
        "arches": ["x86_64"],
        "virtual_streams": [],
        "buildrequires": {},
        "stream_version": None,
        "scmurl": None,
        "srpms": [],
        "scratch": False,
        "time_submitted": now,
        "time_modified": now,
        "time_completed": now,
    }
    return {"id": number, "name": name, "stream": stream, "version": version, **usual, **facts}


def platform(number: int, stream: str, stream_version: int, *virtual_streams: str) -> Mapping[str, Any]:
    """Give the row of a base module."""
    facts: dict[str, Any] = {"stream_version": stream_version, "virtual_streams": list(virtual_streams)}
    return build(number, "platform", stream, 3, owner="mbs_import", rebuild_strategy="all", **facts)


PLATFORM = platform(1, "f28", 280000, "fedora")
REQUIRED = {
    "platform": {"ref": "virtual", "stream": "f28", "version": "3", "context": CONTEXT, "koji_tag": "module-f28-build"}
}


def _builds() -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = [PLATFORM]
    for index in range(2):
        first = 2 + 3 * index
        nginx = {"koji_tag": "module-nginx-1.2", "scmurl": "git://pkgs.domain.local/modules/nginx?#ba95886c"}
        rows.append(build(first, "nginx", "1", 2 + index, **nginx, **_times(index, "11:23:20", "11:25:32", "11:25:32")))
        done = {"state": ModuleState.DONE, "owner": "some_user", "koji_tag": "module-postgresql-1.2"}
        times = _times(index, "12:25:33", "12:27:19", "11:27:19")
        rows.append(build(first + 1, "postgresql", "1", 2 + index, **done, **times))
        wait = {"state": ModuleState.WAIT, "owner": "some_other_user", "koji_tag": None}
        times = _times(index, "12:28:33", "12:28:40", None)
        rows.append(build(first + 2, "testmodule", "4.3.43", 7 + index, **wait, **times))
    return rows


def _times(index: int, submitted: str, modified: str, completed: str | None) -> dict[str, Any]:
    ended = None if completed is None else at(completed, index)
    return {"time_submitted": at(submitted, index), "time_modified": at(modified, index), "time_completed": ended}


def component(number: int, build_id: int, name: str, **facts: Any) -> Mapping[str, Any]:
    """Give the row of a component."""
    usual = {
        "source": f"git://pkgs.domain.local/rpms/{name}?#1f3b",
        "ref": "1f3b",
        "batch": 1,
        "state": ComponentState.COMPLETE,
        "state_reason": None,
        "task_id": number,
        "nvr": f"{name}-1-{number}",
        "tagged": build_id % 3 != 1,
    }
    return {"id": number, "build_id": build_id, "name": name, **usual, **facts}


def _components() -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    for build_id in range(2, 8):
        number = 2 * build_id - 3
        waits = {"state": ComponentState.FAILED} if build_id % 3 == 1 else {}
        name = {2: "nginx", 0: "postgresql", 1: "rubygem-rails"}[build_id % 3]
        nvr = {"nvr": NGINX_NVR} if build_id == 2 else {}
        rows.append(component(number, build_id, name, **waits, **nvr))
        rows.append(component(number + 1, build_id, "module-build-macros", batch=0, ref=None))
    return rows


def fill(registry: Registry) -> None:
    """Record the seven builds, their components, and what happened to them."""
    with Session(registry.engine) as session, session.begin():
        session.execute(insert(ModuleBuild), _builds())
        session.execute(insert(ComponentBuild), _components())
        session.execute(insert(BaseModuleLink), [{"build_id": one, "base_module_id": 1} for one in range(2, 8)])
        session.execute(
            insert(ModuleTrace),
            [
                {"build_id": 2, "time": at(time), "state": state, "reason": None, "by": "pat"}
                for time, state in (("11:23:20", ModuleState.INIT), ("11:25:32", ModuleState.READY))
            ],
        )
        session.execute(
            insert(ComponentTrace),
            [
                {"component_id": 1, "time": at("11:24:00"), "state": ComponentState.COMPLETE, "reason": None},
                {"component_id": 3, "time": at("11:24:00"), "state": None, "reason": None},
            ],
        )
        session.execute(
            insert(Message),
            [
                {"build_id": 2, "component_id": one, "time": at("11:24:30"), "message": said}
                for one, said in ((None, "Build log message1"), (1, "Component message"), (None, "Build log message2"))
            ],
        )
        for table in ("module_builds", "component_builds"):
            session.execute(select(func.setval(func.pg_get_serial_sequence(table, "id"), 1000)))
