"""The tasks `newRepo` and `waitrepo`, and the care of repositories that Koji leaves to kojira."""

import shutil
import time
from pathlib import Path
from typing import Any

import koji

from devhub import listing, repos, tags, tasks
from devhub.builder.repository import set_latest, write_repository
from devhub.daemon import facts, files
from devhub.daemon.build import acceptable_repo, must_all_be_well
from devhub.daemon.settings import BuilderSettings
from devhub.database import Connection
from devhub.tasks import Task


def advance(connection: Connection, task: Task, top: Path) -> None:
    """Do the next thing for an open `newRepo` task: start its `createrepo` children, or finish the repository."""
    children = tasks.children(connection, task.id)
    must_all_be_well(children)
    repo_id = children[0].request[0] if children else _start(connection, task)
    if all(child.finished for child in tasks.children(connection, task.id)):
        repo = repos.must_find(connection, repo_id)
        place = files.repo_directory(top, repo["tag_name"], repo_id)
        place.mkdir(parents=True, exist_ok=True)
        set_latest(place.parent, repo_id)
        repos.finish(connection, repo_id)
        tasks.close(connection, task.id, [repo_id, repo["create_event"]])


def abandon(connection: Connection, task: Task) -> None:
    """Mark the repository of a failed or canceled `newRepo` as a problem and cancel what is left of its children."""
    connection.execute(
        "UPDATE repos SET state = ?, state_time = ? WHERE task_id = ? AND state = ?",
        (repos.PROBLEM, time.time(), task.id, repos.INIT),
    )
    tasks.cancel_children(connection, task.id)


def create_repository(connection: Connection, task: Task, top: Path) -> int:
    """The work of `createrepo`: write one arch of a repository; answers the number of its packages."""
    repo_id, arch, *_ = task.request
    repo = repos.must_find(connection, repo_id)
    rpms = [top / path for path in contents(connection, repo, arch)]
    return write_repository(files.repo_directory(top, repo["tag_name"], repo_id) / arch, top, rpms)


def contents(connection: Connection, repo: dict[str, Any], arch: str) -> list[str]:
    """Paths below the files tree of all RPMs of one arch of a repository, noarch ones among them.

    These are the latest builds of the tag and its ancestors at the repository's event, or all of them where the
    tag's extra `repo_include_all` says so, as the tags of modules do.
    """
    event = repo["create_event"]
    everything = tags.build_config(connection, repo["tag_id"], event)["extra"].get("repo_include_all")
    query = listing.Query(event=event, inherit=True, latest=0 if everything else 1)
    rpms, found = listing.tagged_rpms(connection, repo["tag_id"], query)
    by_id = {build["build_id"]: build for build in found}
    wanted = [rpm for rpm in rpms if rpm["arch"] == "noarch" or koji.canonArch(rpm["arch"]) == arch]
    return [_path(rpm, by_id[rpm["build_id"]]) for rpm in wanted]


def wait_for_repo(connection: Connection, task: Task) -> bool:
    """Look once for the repository that a `waitrepo` task waits for: end the task with it, or ask for it."""
    tag_ref, _, nvrs, min_event = [*task.request, None, None, None][:4]
    tag = tags.must_find(connection, tag_ref)
    repo = acceptable_repo(connection, tag["id"], nvrs, min_event)
    if repo:
        return tasks.close(connection, task.id, repo)
    wanted = _event_to_ask_for(connection, tag["id"], nvrs, min_event)
    if wanted is not None:
        _must_not_be_given_up(connection, task, tag["id"])
        repos.request(connection, repos.Wanted(tag["id"], min_event=wanted), owner=task.owner or 0)
    return False


def serve_requests(connection: Connection) -> None:
    """Make a `newRepo` task for every request that has none running, as kojira does; give up what failed too often."""
    for request in repos.waiting(connection):
        repos.assign(connection, request)


def clean(connection: Connection, settings: BuilderSettings) -> None:
    """Expire replaced repositories after their lifetime, delete expired ones after theirs, mark abandoned ones."""
    now = time.time()
    connection.execute(
        "UPDATE repos SET state = ?, state_time = ? WHERE state = ? AND task_id IN"
        " (SELECT id FROM tasks WHERE state IN (?, ?))",
        (repos.PROBLEM, now, repos.INIT, tasks.CANCELED, tasks.FAILED),
    )
    for repo_id in repos.expirable(connection, now - settings.repo_expires):
        repos.set_state(connection, repo_id, repos.EXPIRED)
    rows = connection.execute(
        "SELECT repos.id, tags.name FROM repos JOIN tags ON tags.id = tag_id WHERE state = ? AND state_time < ?",
        (repos.EXPIRED, now - settings.repo_deleted),
    ).fetchall()
    for repo_id, tag in rows:
        repos.set_state(connection, repo_id, repos.DELETED)
        shutil.rmtree(files.repo_directory(settings.files, tag, repo_id), ignore_errors=True)


def _start(connection: Connection, task: Task) -> int:
    """Enter the repository and start a child for each of the tag's own arches; one without any is made empty."""
    options = facts.options(task.request, 1)
    event = options.get("event")
    tag = tags.must_find(connection, task.request[0], event)
    repo_id = repos.begin(connection, tag["id"], task.id, event, **_repo_opts(options))
    own = [str(koji.canonArch(arch)) for arch in (tag["arches"] or "").split() if arch not in ("src", "noarch")]
    for arch in dict.fromkeys(own):
        request = [repo_id, arch, None]
        owner, parent = task.owner, task.id
        tasks.create(connection, "createrepo", request, owner=owner, parent=parent, label=arch, channel="createrepo")
    return repo_id


def _repo_opts(options: dict[str, Any]) -> dict[str, bool]:
    """Give the options of a repository; those that newRepo itself takes are the same in an older form."""
    old = {key: bool(options[key]) for key in ("src", "debuginfo", "separate_src") if options.get(key) is not None}
    if old and options.get("opts") is not None:
        raise koji.ParameterError("opts parameter cannot be combined with legacy options")
    return old or options.get("opts") or {}


def _event_to_ask_for(connection: Connection, tag_id: int, nvrs: list[str] | None, min_event: int | None) -> int | None:
    """The event that a new repository must not be older than; None while builds are not tagged that it must contain."""
    if nvrs:
        since = facts.tagged_since(connection, tag_id, nvrs)
        return None if since is None else max(since, min_event or 0)
    return min_event or tags.last_change(connection, tag_id)


def _must_not_be_given_up(connection: Connection, task: Task, tag_id: int) -> None:
    """Raise `koji.GenericError` when a request of this task's time was given up: asking on and on would not end."""
    failed = connection.execute(
        "SELECT asked.id FROM repo_requests AS asked JOIN tasks ON tasks.id = ? AND tasks.owner IS asked.owner"
        " WHERE tag_id = ? AND NOT active AND repo_id IS NULL AND asked.create_time >= tasks.create_time",
        (task.id, tag_id),
    ).fetchone()
    if failed:
        raise koji.GenericError(f"Repo request no longer active: {failed['id']}")


def _path(rpm: dict[str, Any], build: dict[str, Any]) -> str:
    name = f"{rpm['name']}-{rpm['version']}-{rpm['release']}.{rpm['arch']}.rpm"
    return f"packages/{build['name']}/{build['version']}/{build['release']}/{rpm['arch']}/{name}"
