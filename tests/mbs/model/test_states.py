from __future__ import annotations

from itertools import pairwise, product

import pytest

from mbs.model.errors import ForbiddenTransition
from mbs.model.states import (
    COMPONENT_TRANSITIONS,
    MODULE_TRANSITIONS,
    ComponentState,
    ModuleState,
    check_component,
    check_module,
)


def test_codes_are_those_of_the_api() -> None:
    assert [(state.label, int(state)) for state in ModuleState] == [
        ("init", 0),
        ("wait", 1),
        ("build", 2),
        ("done", 3),
        ("failed", 4),
        ("ready", 5),
        ("garbage", 6),
    ]
    assert [int(state) for state in ComponentState] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("old", "new"), list(product(ModuleState, ModuleState)))
def test_a_module_build_changes_exactly_as_the_table_says(old: ModuleState, new: ModuleState) -> None:
    if old is new:
        assert not check_module("m:1:2:c", old, new)
    elif new in MODULE_TRANSITIONS[old]:
        assert check_module("m:1:2:c", old, new)
    else:
        with pytest.raises(ForbiddenTransition, match=f"m:1:2:c is in state {old.label} and cannot become {new.label}"):
            check_module("m:1:2:c", old, new)


@pytest.mark.parametrize(("old", "new"), list(product([None, *ComponentState], [None, *ComponentState])))
def test_a_component_changes_exactly_as_the_table_says(old: ComponentState | None, new: ComponentState | None) -> None:
    if old is new:
        assert not check_component("foo", old, new)
    elif new in COMPONENT_TRANSITIONS[old]:
        assert check_component("foo", old, new)
    else:
        with pytest.raises(ForbiddenTransition, match="Component foo is"):
            check_component("foo", old, new)


def test_a_build_walks_from_submission_to_ready_and_a_complete_component_is_never_built_again() -> None:
    path = [None, *(ModuleState(code) for code in (0, 1, 2, 3, 5, 6))]
    assert all(new in MODULE_TRANSITIONS[old] for old, new in pairwise(path))
    assert ComponentState.BUILDING not in COMPONENT_TRANSITIONS[ComponentState.COMPLETE]
    assert None not in COMPONENT_TRANSITIONS[ComponentState.COMPLETE]


@pytest.mark.parametrize("ended", [ComponentState.FAILED, ComponentState.CANCELED, ComponentState.DELETED])
def test_a_component_that_ended_without_success_may_be_built_again_or_have_been_built_all_the_same(
    ended: ComponentState,
) -> None:
    assert COMPONENT_TRANSITIONS[ended] == {None, ComponentState.COMPLETE}
