"""The task `build`: from a source to a complete build, by way of its children, as Koji's BuildTask does it.

A step looks at what is stored and does the next thing in one transaction. Nothing is kept in memory between two
steps, so a hub that dies goes on where it was, and never builds anything twice.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import koji

from devhub import builds, listing, lookup, packages, policy, repos, rpmfile, sessions, tags, tasks
from devhub.builder.arches import build_arches, task_arch
from devhub.builder.package import Package, read_source_package
from devhub.builder.source import is_scm_url
from devhub.daemon import facts, files
from devhub.database import Connection
from devhub.tasks import Task


@dataclass(frozen=True, slots=True)
class Order:
    """A `build` task taken apart: what is to be built, where, and with which options.

    `event` is that of the repository that the task names: its target and its tags are read as they were then.
    """

    task: Task
    source: str
    options: dict[str, Any]
    target: facts.Target
    top: Path
    event: int | None = None

    @property
    def scratch(self) -> bool:
        """Whether the result is thrown away."""
        return bool(self.options.get("scratch"))

    @property
    def skip_tag(self) -> bool:
        """Whether the build is not tagged at the end."""
        return self.scratch or bool(self.options.get("skip_tag"))


@dataclass(frozen=True, slots=True)
class Made:
    """What the children of a build made: paths below `work`, with the build root of each."""

    srpm: str = ""
    rpms: dict[str, int] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    srpm_root: int | None = None


def advance(connection: Connection, task: Task, top: Path, policies: frozenset[str]) -> None:
    """Do the next thing for an open `build` task; Koji's faults are raised as exceptions.

    `top` is the files tree, `policies` are those that let everybody through.
    """
    children = tasks.children(connection, task.id)
    must_all_be_well(children)
    order = _order(connection, task, top)
    if not children:
        _must_be_allowed(connection, order, policies)
    if any(not child.finished for child in children):
        return
    by_label = {child.label or child.method: child for child in children}
    if "tag" in by_label:
        tasks.close(connection, task.id, None)
    elif "srpm" not in by_label:
        _start(connection, order, by_label.get("waitrepo"))
    elif len(by_label.keys() - {"srpm", "waitrepo"}) == 0:
        _start_arches(connection, order, by_label["srpm"])
    else:
        _finish(connection, order, [child for child in children if child.method == "buildArch"])


def abandon(connection: Connection, task: Task) -> None:
    """Clean up after a failed `build`: its build row fails with it and unfinished children are canceled."""
    row = _build_of(connection, task)
    if row is not None:
        builds.fail(connection, row)
    tasks.cancel_children(connection, task.id)


def must_all_be_well(children: list[Task]) -> None:
    """Raise what a failed or canceled child leaves to its parent (Koji: getTaskResult of it)."""
    for child in children:
        if child.state == tasks.CANCELED:
            raise koji.GenericError(f"Task {child.id} is canceled")
        if child.state == tasks.FAILED:
            raise facts.ChildFailed(child.result["faultCode"], child.result["faultString"])


def _order(connection: Connection, task: Task, top: Path) -> Order:
    options = facts.options(task.request, 2)
    source, wanted = task.request[0], task.request[1]
    if options.get("arch_override") and not options.get("scratch"):
        raise koji.BuildError("arch_override is only allowed for scratch builds")
    repo = _given_repo(connection, options)
    event = repo["create_event"] if repo else None
    target = facts.target(connection, wanted, event)
    if target is None:
        target, options = _target_of_repo(connection, wanted, repo, options)
    elif repo is not None and repo["tag_id"] != target.build_tag:
        raise koji.BuildError(f"Repo/Target mismatch: {repo['tag_name']}/{target.build_tag_name}")
    return Order(task, source, options, target, top, event)


def _must_be_allowed(connection: Connection, order: Order, policies: frozenset[str]) -> None:
    owner = order.task.owner
    permissions = sessions.permissions(connection, owner) if owner else []
    if not is_scm_url(order.source) and not order.scratch:
        policy.must_allow("build_from_srpm", policies, permissions)
    if order.options.get("repo_id") is not None:
        policy.must_allow("build_from_repo_id", policies, permissions)


def _given_repo(connection: Connection, options: dict[str, Any]) -> dict[str, Any] | None:
    repo_id = options.get("repo_id")
    if repo_id is None:
        return None
    repo = repos.get(connection, repo_id)
    if repo is None:
        raise koji.BuildError(f"No such repo: {repo_id}")
    if repo["state"] not in (repos.READY, repos.EXPIRED):
        raise koji.BuildError(f"Bad repo: {repo_id} ({koji.REPO_STATES[repo['state']]})")
    return repo


def _target_of_repo(
    connection: Connection, wanted: str | None, repo: dict[str, Any] | None, options: dict[str, Any]
) -> tuple[facts.Target, dict[str, Any]]:
    """A build that names its repository may name a tag instead of a target, or nothing at all."""
    if repo is None:
        raise koji.GenericError(f"unknown build target: {wanted}")
    if wanted is None:
        return facts.Target("", repo["tag_id"], repo["tag_name"], repo["tag_id"], repo["tag_name"]), {
            **options,
            "skip_tag": True,
        }
    tag = tags.find(connection, wanted, repo["create_event"])
    if tag is None:
        raise koji.GenericError(f"neither tag nor target: {wanted}")
    return facts.Target(wanted, repo["tag_id"], repo["tag_name"], tag["id"], tag["name"]), options


def _start(connection: Connection, order: Order, waited: Task | None) -> None:
    """Find a repository, or wait for one, and start the source RPM with it."""
    repo_id = waited.result["id"] if waited else order.options.get("repo_id")
    if repo_id is None:
        found, request = _acceptable_repo(connection, order)
        if found is None:
            tasks.create(connection, "waitrepo", request, owner=order.task.owner, parent=order.task.id)
            return
        repo_id = found["id"]
    method = "buildSRPMFromSCM" if is_scm_url(order.source) else "rebuildSRPM"
    options = {"repo_id": repo_id, "scratch": order.options.get("scratch")}
    request = [order.source, order.target.build_tag, options]
    tasks.create(connection, method, request, owner=order.task.owner, parent=order.task.id, label="srpm")


def _acceptable_repo(connection: Connection, order: Order) -> tuple[dict[str, Any] | None, list[Any]]:
    """The repository to build in, and the request of a `waitrepo` task where there is none.

    Without options a repository may be as old as RepoLag allows (Koji: RepoWatcher), which is a trap: ask for
    `repo_id`, `wait_builds` or `wait_repo`.
    """
    tag_id = order.target.build_tag
    nvrs = order.options.get("wait_builds") or None
    min_event = tags.last_change(connection, tag_id) if order.options.get("wait_repo") else None
    request = [order.target.build_tag_name, None, nvrs, min_event]
    return acceptable_repo(connection, tag_id, nvrs, min_event), request


def acceptable_repo(
    connection: Connection, tag_id: int, nvrs: list[str] | None, min_event: int | None
) -> dict[str, Any] | None:
    """The newest ready repository that has these builds in it and is not older than an event, or the lag."""
    floor = min_event or repos.default_min_event(connection, tag_id)
    if nvrs:
        since = facts.tagged_since(connection, tag_id, nvrs)
        if since is None:
            return None
        floor = max(floor, since)
    return repos.find(connection, repos.Wanted(tag_id, min_event=floor))


def _start_arches(connection: Connection, order: Order, srpm_task: Task) -> None:
    """Check the source package against the tags, enter the build and start one `buildArch` per arch."""
    srpm = srpm_task.result["srpm"]
    package = read_source_package(files.work_file(order.top, srpm))
    if not order.skip_tag:
        _must_be_listed(connection, order, package)
    tag_arches = tags.arches(connection, order.target.build_tag, order.event)
    if not tag_arches:
        raise koji.BuildError(f"No arches for tag {order.target.build_tag_name} [{order.target.build_tag}]")
    labels = build_arches(package, tag_arches, order.options.get("arch_override"))
    if not order.scratch:
        builds.begin(connection, _new_build(order, package, srpm_task.result))
    repo_id = srpm_task.request[2]["repo_id"]
    for position, label in enumerate(labels):
        request = [srpm, order.target.build_tag, label, position == 0, {"repo_id": repo_id}]
        arch = task_arch(package, label, tag_arches)
        owner, parent = order.task.owner, order.task.id
        tasks.create(connection, "buildArch", request, owner=owner, parent=parent, label=label, arch=arch)


def _must_be_listed(connection: Connection, order: Order, package: Package) -> None:
    """A build that is to be tagged must be of a package that the destination lists."""
    known = lookup.find(connection, "packages", package.name)
    config = packages.config(connection, order.target.dest_tag, known["id"], order.event) if known else None
    where = f"for tag {order.target.dest_tag_name}"
    if config is None:
        raise koji.BuildError(f"package {package.name} not in list {where}")
    if config["blocked"]:
        raise koji.BuildError(f"package {package.name} is blocked {where}")


def _new_build(order: Order, package: Package, result: dict[str, Any]) -> builds.NewBuild:
    source = result["source"]
    extra: dict[str, Any] = {"source": {"original_url": source["url"]}}
    if order.options.get("custom_user_metadata"):
        extra["custom_user_metadata"] = order.options["custom_user_metadata"]
    return builds.NewBuild(
        name=package.name,
        version=package.version,
        release=package.release,
        epoch=package.epoch,
        owner=order.task.owner or 0,
        task_id=order.task.id,
        source=source["source"],
        extra=extra,
    )


def _finish(connection: Connection, order: Order, arch_tasks: list[Task]) -> None:
    """Put everything in its place, complete the build and start the tagging."""
    made = _collect(arch_tasks)
    if order.scratch:
        _keep_scratch(connection, order, made)
    else:
        _import(connection, order, made)
    if order.skip_tag:
        tasks.close(connection, order.task.id, None)
        return
    build_id = _build_of(connection, order.task)
    request = [order.target.dest_tag, build_id, False, None, True]
    tasks.create(connection, "tagBuild", request, owner=order.task.owner, parent=order.task.id, label="tag")


def _collect(arch_tasks: list[Task]) -> Made:
    """Merge the results of all arches; a noarch subpackage that several arches made counts once."""
    srpm, srpm_root = "", None
    rpms: dict[str, tuple[str, int]] = {}
    logs: dict[str, list[str]] = {}
    for task in arch_tasks:
        result = task.result
        logs[task.label or task.arch] = result["logs"]
        for path in result["rpms"]:
            rpms.setdefault(Path(path).name, (path, result["brootid"]))
        if result["srpms"]:
            srpm, srpm_root = result["srpms"][0], result["brootid"]
    if not srpm:
        raise koji.BuildError("could not find a built srpm")
    return Made(srpm, dict(rpms.values()), logs, srpm_root)


def _import(connection: Connection, order: Order, made: Made) -> None:
    """Files first, then rows: what a crash leaves is replaced by the next attempt."""
    build_id = _build_of(connection, order.task)
    if build_id is None:
        raise koji.GenericError(f"Task {order.task.id} has no build in progress")
    build = builds.must_find(connection, build_id)
    place = files.build_directory(order.top, build["name"], build["version"], build["release"])
    for path, root in [(made.srpm, made.srpm_root), *made.rpms.items()]:
        rpm = rpmfile.read_facts(files.work_file(order.top, path))
        files.share(files.work_file(order.top, path), place / rpm.arch / Path(path).name)
        builds.import_rpm(connection, build_id, rpm, root)
    for label, logs in made.logs.items():
        for log in logs:
            files.share(files.work_file(order.top, log), place / "data" / "logs" / label / Path(log).name)
    builds.complete(connection, build_id)


def _keep_scratch(connection: Connection, order: Order, made: Made) -> None:
    """A scratch build's files go to `scratch/<user>/task_<id>`, where Koji's clients look for them."""
    owner = lookup.find(connection, "users", order.task.owner or 0)
    place = order.top / "scratch" / (owner["name"] if owner else "nobody") / f"task_{order.task.id}"
    for path in (made.srpm, *made.rpms):
        files.share(files.work_file(order.top, path), place / Path(path).name)


def _build_of(connection: Connection, task: Task) -> int | None:
    row = connection.execute(
        "SELECT id FROM builds WHERE task_id = ? AND state IN (?, ?)", (task.id, builds.BUILDING, builds.COMPLETE)
    ).fetchone()
    return int(row["id"]) if row else None


def tag_build(connection: Connection, task: Task) -> None:
    """The task `tagBuild`: tag a build for the task's owner, out of another tag if asked (Koji: host.tagBuild)."""
    tag_id, build_id, force = task.request[:3]
    from_tag = task.request[3] if len(task.request) > 3 else None
    tag, build = tags.must_find(connection, tag_id), builds.must_find(connection, build_id)
    entry = packages.config(connection, tag["id"], build["package_id"])
    if entry is None or entry["blocked"]:
        raise koji.TagError(f"Package {build['name']} {'blocked in' if entry else 'not in list for'} {tag_id}")
    user = task.owner or 0
    permissions = sessions.permissions(connection, user)
    if from_tag:
        source = tags.must_find(connection, from_tag)
        listing.must_allow(source, permissions, bool(force))
        listing.untag_build(connection, source, build["id"], user)
    listing.must_allow(tag, permissions, bool(force))
    listing.tag_build(connection, tag, build["id"], user, force=bool(force))
    tasks.close(connection, task.id, None)
