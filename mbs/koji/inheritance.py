"""What a module's build tag inherits: the tags of its dependencies, in the plan's order.

The module's own tag is not among them: builds are tagged into both (§12.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mbs.errors import HubRefused
from mbs.koji.faults import raise_refused
from mbs.koji.session import Hub, call
from mbs.plan import BuildPlan, PlannedDependency

Link: TypeAlias = Mapping[str, Any]
"""One row of `getInheritanceData` / `setInheritanceData`."""

STEP = 10
"""Between priorities, so that a person can put a tag in between."""


def ensure_inheritance(hub: Hub, plan: BuildPlan) -> bool:
    """Link the dependencies' tags; gives whether anything changed. Raises HubRefused, HubAway."""
    wanted = [dependency for dependency in plan.dependencies if dependency.koji_tag]
    questions = [call("getTag", dependency.koji_tag) for dependency in wanted]
    existing, *tags = hub.multicall([call("getInheritanceData", plan.build_tag), *questions])
    raise_refused((existing, *tags))
    links = desired_links(_parents(wanted, tags), existing)
    if links is None:
        return False
    hub.call("setInheritanceData", plan.build_tag, links)
    return True


def desired_links(parents: Mapping[int, int], existing: Sequence[Link]) -> list[dict[str, Any]] | None:
    """Give the whole inheritance, or None if it is as it should be; `parents` maps tag ids to priorities.

    A tag that someone else linked stays, after the plan's own.
    """
    kept = [link for link in sorted(existing, key=_priority) if link["parent_id"] not in parents]
    first = max(parents.values(), default=0) + STEP
    priorities = {**parents, **{link["parent_id"]: first + STEP * place for place, link in enumerate(kept)}}
    if {link["parent_id"]: link["priority"] for link in existing} == priorities:
        return None
    foreign = {link["parent_id"]: link for link in kept}
    return [_link(parent, priority, foreign.get(parent)) for parent, priority in priorities.items()]


def _link(parent: int, priority: int, existing: Link | None) -> dict[str, Any]:
    rule = {"maxdepth": None, "intransitive": False, "noconfig": False, "pkg_filter": ""}
    kept = {key: existing[key] for key in rule} if existing is not None else {}
    return {"parent_id": parent, "priority": priority, **rule, **kept}


def _parents(dependencies: Sequence[PlannedDependency], tags: Sequence[Any]) -> dict[int, int]:
    absent = [str(dependency.koji_tag) for dependency, tag in zip(dependencies, tags, strict=True) if tag is None]
    if absent:
        msg = f"there is no tag {', '.join(absent)}; was the module deleted from Koji, or imported with another tag?"
        raise HubRefused(msg)
    return {tag["id"]: dependency.priority for dependency, tag in zip(dependencies, tags, strict=True)}


def _priority(link: Link) -> int:
    priority: int = link["priority"]
    return priority
