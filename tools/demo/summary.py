"""What came out of the demo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import koji
from rich.console import Console

from mbs.registry.registry import Registry
from tools.demo.story import Followed
from tools.stack import secrets
from tools.stack.layout import Layout


def print_summary(console: Console, layout: Layout, registry: Registry, build: Followed, seconds: float) -> None:
    """Print identity, results in Koji, wall time, and where to look."""
    console.print()
    for name, value in _facts(layout, registry, build, seconds):
        for number, line in enumerate(value.splitlines()):
            console.print(f"{name if number == 0 else '':14}{line}", highlight=False, markup=False, soft_wrap=True)
    console.print("Everything keeps running; `make stop` ends it.", style="dim")


def _facts(layout: Layout, registry: Registry, build: Followed, seconds: float) -> Iterator[tuple[str, str]]:
    row = registry.build(build.build_id)
    yield "Module build", f"{row.nsvc}, {row.state.name.lower()}"
    if row.state_reason:
        yield "Reason", row.state_reason
    yield "Koji tag", build.plan.koji_tag
    session = koji.ClientSession(f"{layout.hub_url}/kojihub")
    for arch, names in sorted(rpms_by_arch(session, build.plan.koji_tag).items()):
        yield f"RPMs, {arch}", "\n".join(names)
    if repository := repository_path(session, layout, build.plan.build_tag):
        yield "Repository", repository
    yield "Wall time", f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    yield "Look at it", f"{layout.ui_url}/dags/{build.dag_id}/runs/{build.run_id}"
    yield "Log in as", f"admin, password {secrets.password(layout, 'admin')}"


def rpms_by_arch(session: Any, tag: str) -> dict[str, list[str]]:  # noqa: ANN401 - koji has no types
    """Give the file names of a tag's RPMs by arch."""
    found: dict[str, list[str]] = defaultdict(list)
    for rpm in session.listTaggedRPMS(tag)[0]:
        found[rpm["arch"]].append(f"{rpm['name']}-{rpm['version']}-{rpm['release']}.{rpm['arch']}.rpm")
    return {arch: sorted(names) for arch, names in found.items()}


def repository_path(session: Any, layout: Layout, build_tag: str) -> str | None:  # noqa: ANN401 - koji has no types
    """Give the directory of the newest repository of a build tag."""
    repository = session.getRepo(build_tag)
    return str(layout.devhub / "files" / "repos" / build_tag / str(repository["id"])) if repository else None
