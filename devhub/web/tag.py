"""The pages of a tag, a build target and a repository."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from devhub import groups, listing, packages, repos, tags
from devhub.methods import Call
from devhub.methods import tags as tag_calls
from devhub.methods import targets as target_calls
from devhub.web.asked import Asked, NotThere

_SHOWN = 25
"""Builds and repositories of a tag on its page."""


def taginfo(asked: Asked) -> dict[str, Any]:
    """Show a tag, by its id or its name: what it inherits, lists, holds, and what is built with it."""
    call, ref = asked.call, asked.ref("tagID", "tag")
    tag = tags.find(call.connection, ref)
    if tag is None:
        raise NotThere(f"There is no tag {ref}.")
    found = listing.tagged_builds(call.connection, tag["id"], listing.Query(inherit=True))
    return {
        "tag": tag,
        "config": tags.build_config(call.connection, tag["id"]),
        "parents": tag_calls.get_full_inheritance(call, tag["id"]),
        "children": tag_calls.get_full_inheritance(call, tag["id"], reverse=True),
        "builds_from": target_calls.get_build_targets(call, buildTagID=tag["id"]),
        "builds_into": target_calls.get_build_targets(call, destTagID=tag["id"]),
        "packages": len(packages.listed(call.connection, tag["id"])),
        "builds": found[:_SHOWN],
        "all_builds": len(found),
        "groups": _groups(call, tag["id"]),
        "repos": _repos(call, tag["id"]),
    }


def buildtargetinfo(asked: Asked) -> dict[str, Any]:
    """Show a build target, by its id or its name."""
    ref = asked.ref("targetID", "target")
    target = target_calls.find_target(asked.call, ref)
    if target is None:
        raise NotThere(f"There is no build target {ref}.")
    return {"target": target}


def repoinfo(asked: Asked) -> dict[str, Any]:
    """Show a repository."""
    repo_id = asked.number("repoID", "repository")
    repo = repos.get(asked.call.connection, repo_id)
    if repo is None:
        raise NotThere(f"There is no repository {repo_id}.")
    return {"repo": repo, "files": quote(f"/kojifiles/repos/{repo['tag_name']}/{repo_id}/")}


def _groups(call: Call, tag_id: int) -> dict[str, list[str]]:
    """Give the names of a tag's groups with those of their packages."""
    found = [group["name"] for group in groups.read(call.connection, tag_id).values() if not group["blocked"]]
    return {name: groups.packages(call.connection, tag_id, name) or [] for name in sorted(found)}


def _repos(call: Call, tag_id: int) -> list[dict[str, Any]]:
    query = f"{repos.SELECT} WHERE repos.tag_id = ? ORDER BY repos.id DESC LIMIT ?"
    return [repos.info(call.connection, row) for row in call.connection.execute(query, (tag_id, _SHOWN))]
