"""Everything that can be called over XML-RPC, one file for each field of Koji."""

from devhub.methods import (
    builds,
    content,
    devhub,
    groups,
    misc,
    packages,
    repos,
    rpms,
    tagging,
    tags,
    targets,
    tasks,
    users,
)
from devhub.methods.registry import METHODS, Call, Method

__all__ = [
    "METHODS",
    "Call",
    "Method",
    "builds",
    "content",
    "devhub",
    "groups",
    "misc",
    "packages",
    "repos",
    "rpms",
    "tagging",
    "tags",
    "targets",
    "tasks",
    "users",
]
