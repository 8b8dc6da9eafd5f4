from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from mbs.model.errors import UnreadablePlan
from mbs.model.nsvc import NSVC
from mbs.model.plan import FORMAT_VERSION, RANKS, BuildPlan, PlannedComponent, PlannedGate, from_json, to_json
from tools.reference import plan_schema

OLD = Path(__file__).with_name("plan-format-1.json")
NUMBERS = st.floats(0, 10**9, allow_nan=False)
PLANS = st.builds(
    BuildPlan,
    tag_extra=st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers() | st.booleans(), max_size=3),
    components=st.lists(st.builds(PlannedComponent, weight=NUMBERS), max_size=3).map(tuple),
    format_version=st.just(FORMAT_VERSION),
)
SCHEMA = jsonschema.Draft202012Validator(plan_schema())
ONE = """
import sys; sys.path.insert(0, ".")
from mbs.model.plan import *; from mbs.model.nsvc import NSVC
extra = {name: 1 for name in {"mock.package_manager", "b", "a", "repo_include_all"}}
print(to_json(BuildPlan(nsvc=NSVC("n", "s", 1, "c"), build_id=1, owner="o", scmurl=None, branch=None, scratch=False,
    rebuild_strategy="all", koji_tag="t", build_tag="t-build", target="t", dist="d", arches=("x86_64",),
    tag_permission=None, tag_extra=extra, packages=(), blocked_packages=(), dependencies=(), groups=(),
    macros=PlannedMacros("%x 1"), components=(), publication=Publication("s", "1.c"), modulemd="---")))
"""


@given(PLANS)
@settings(max_examples=60)
def test_a_plan_survives_json_and_follows_its_schema(plan: BuildPlan) -> None:
    text = to_json(plan)
    assert from_json(text) == plan
    assert to_json(from_json(text)) == text
    SCHEMA.validate(json.loads(text))


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    written = {
        subprocess.run(
            [sys.executable, "-c", ONE], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(written) == 1


@pytest.fixture
def raw(example_plan: BuildPlan) -> dict[str, object]:
    found: dict[str, object] = json.loads(to_json(example_plan))
    return found


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format_version": 99}, "its format is 99, this service reads format 2"),
        ({"format_version": None}, "its format is None"),
        ({"format_version": [2]}, "its format is [2]"),
        ({"owner": 5}, "Expected `str`, got `int` - at `$.owner`"),
        ({"scratch": 1}, "Expected `bool`, got `int` - at `$.scratch`"),
        ({"build_id": True}, "Expected `int`, got `bool` - at `$.build_id`"),
        ({"tag_extra": {"a": []}}, "Expected `bool | int | str`, got `array` - at `$.tag_extra[...]`"),
        ({"arches": "x86_64"}, "Expected `array`, got `str` - at `$.arches`"),
        ({"nsvc": {"name": "n"}}, "Object missing required field `stream` - at `$.nsvc`"),
        ({"surprise": 1}, "Object contains unknown field `surprise`"),
    ],
)
def test_a_damaged_plan_is_one_clear_error(raw: dict[str, object], change: dict[str, object], complaint: str) -> None:
    with pytest.raises(UnreadablePlan) as refused:
        from_json(json.dumps(raw | change), build="7 (n:s:1:c)")
    assert complaint in str(refused.value)
    assert "module build 7 (n:s:1:c)" in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format_version": 1}', "[" * 100_000])
def test_what_is_no_plan_at_all_is_the_same_error(text: str) -> None:
    with pytest.raises(UnreadablePlan, match="of module build 7 cannot be read"):
        from_json(text, build=7)


def test_a_missing_field_is_named(raw: dict[str, object]) -> None:
    del raw["koji_tag"]
    with pytest.raises(UnreadablePlan, match="missing required field `koji_tag`"):
        from_json(json.dumps(raw))


def test_fields_with_defaults_may_be_missing(raw: dict[str, object], example_plan: BuildPlan) -> None:
    del raw["side_tag"]
    assert from_json(json.dumps(raw)) == example_plan


def test_the_schema_refuses_what_the_reader_refuses(raw: dict[str, object]) -> None:
    assert SCHEMA.is_valid(raw)
    assert not SCHEMA.is_valid(raw | {"owner": 5})
    assert not SCHEMA.is_valid(raw | {"surprise": 1})
    assert not SCHEMA.is_valid(raw | {"format_version": 3})


def test_the_schema_describes_every_field() -> None:
    assert set(plan_schema()["properties"]) == {each.name for each in fields(BuildPlan)}


def test_reuse_from_is_a_whole_identity(example_plan: BuildPlan) -> None:
    plan = replace(example_plan, reuse_from=NSVC("example", "1", 2**64 - 1, "9c690d0e"))
    assert from_json(to_json(plan)) == plan


def test_a_plan_of_the_first_format_is_read_as_one_of_today() -> None:
    plan = from_json(OLD.read_text())
    assert plan.format_version == FORMAT_VERSION
    assert from_json(to_json(plan)) == plan
    assert {one.name: one.priority // RANKS for one in plan.components} == {
        one["name"]: one["priority"] for one in json.loads(OLD.read_text())["components"]
    }
    assert len({one.priority for one in plan.components}) == len(plan.components)
    assert [(gate.components, gate.before) for gate in plan.gates] == [
        ((), ("greeter-macros", "phrasebook")),
        (("greeter-macros", "phrasebook"), ("libgreet",)),
        (("libgreet",), ("cpu-greet", "greet")),
        (("cpu-greet", "greet"), ()),
    ]


def test_with_buildafter_each_component_that_is_waited_for_has_a_gate(example_plan: BuildPlan) -> None:
    alpha, beta, gamma = example_plan.components
    plan = replace(example_plan, components=(alpha, beta, replace(gamma, after=("alpha",))))
    assert plan.gates == (
        PlannedGate(0, (), ("alpha", "beta")),
        PlannedGate(1, ("alpha",), ("gamma",), of_component=True),
        PlannedGate(2, ("beta", "gamma"), ()),
    )
    assert replace(plan, components=()).gates == ()
