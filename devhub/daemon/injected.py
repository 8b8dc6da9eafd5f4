"""Build faults that can be switched on while the hub runs.

They are a list under the name `build_faults` of the shared faults store (`devhub.faults`), one rule each:

    {"kind": "fail", "package": "greet", "arch": "aarch64", "stage": "build", "times": 1}
    {"kind": "lose", "package": "*"}                         the builder vanishes; the task is free again and redone
    {"kind": "slow", "package": "libgreet", "seconds": 30}

`kind` is required; `package` and `arch` are globs, `stage` is build, root, srpm or repo (default build), `times` limits
how often a rule applies (default: always; `lose` defaults to once, for a task that is always lost would never end).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from devhub import faults
from devhub.database import Connection

NAME = faults.OF_BUILDS


@dataclass(frozen=True, slots=True)
class Injected:
    """What is to go wrong with one attempt at one task; `slow` is in seconds."""

    fail: bool = False
    fail_root: bool = False
    lose: bool = False
    slow: float = 0.0


def take(connection: Connection, package: str, arch: str, stage: str) -> Injected:
    """What applies to this attempt; a rule that was limited is used up by it. Needs a transaction.

    `stage` is `srpm`, `build` or `repo`; rules for the stage `root` apply to attempts at `build`.
    """
    stored = faults.get(connection, NAME)
    rules = [rule for rule in stored if _is_rule(rule)] if isinstance(stored, list) else []
    matching = [rule for rule in rules if _matches(rule, package, arch, stage)]
    if not matching:
        return Injected()
    faults.put(connection, NAME, _used(rules, matching) or None)
    kinds = {(rule["kind"], rule.get("stage", "build")) for rule in matching}
    return Injected(
        fail=("fail", stage) in kinds,
        fail_root=stage == "build" and ("fail", "root") in kinds,
        lose=any(kind == "lose" for kind, _ in kinds),
        slow=sum(float(rule.get("seconds", 0)) for rule in matching if rule["kind"] == "slow"),
    )


def _is_rule(rule: object) -> bool:
    """Whether an administrator's rule can be used; what cannot be is passed over, for it must not stop every build."""
    return (
        isinstance(rule, dict)
        and rule.get("kind") in ("fail", "lose", "slow")
        and all(isinstance(rule.get(key, ""), str) for key in ("package", "arch", "stage"))
        and all(isinstance(rule.get(key) or 0, int | float) for key in ("times", "seconds"))
    )


def _matches(rule: dict[str, Any], package: str, arch: str, stage: str) -> bool:
    wanted = rule.get("stage", "build")
    return (
        (wanted == stage or (wanted == "root" and stage == "build"))
        and fnmatchcase(package, rule.get("package", "*"))
        and fnmatchcase(arch, rule.get("arch", "*"))
        and _times(rule) != 0
    )


def _used(rules: Sequence[dict[str, Any]], matching: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules that are left after one use of the matching ones."""
    left = [
        {**rule, "times": times - 1} if rule in matching and (times := _times(rule)) is not None else rule
        for rule in rules
    ]
    return [rule for rule in left if _times(rule) != 0]


def _times(rule: dict[str, Any]) -> int | None:
    times = rule.get("times", 1 if rule["kind"] == "lose" else None)
    return None if times is None else int(times)
