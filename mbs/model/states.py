"""States of module builds and components, and every transition that there is.

Pure: nothing here knows a database. Codes are visible in the API and are MBS's (§2.1) and Koji's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntEnum
from typing import TypeVar

from mbs.model.errors import ForbiddenTransition


class ModuleState(IntEnum):
    """State of a module build."""

    INIT = 0
    """Received; nothing decided yet."""
    WAIT = 1
    """Validated, expanded, planned and recorded; nothing in Koji yet."""
    BUILD = 2
    """Its tags exist and its components are being built."""
    DONE = 3
    """Everything is built, and imported unless it is a scratch build, whose last state this is."""
    FAILED = 4
    READY = 5
    """Usable as a dependency and by a compose."""
    GARBAGE = 6
    """Retired, or a failed build whose time is over."""

    @property
    def label(self) -> str:
        """Give the name as people and the API write it: `build`."""
        return self.name.lower()


class ComponentState(IntEnum):
    """State of a component: Koji's build states; a component without one was not submitted yet."""

    BUILDING = 0
    COMPLETE = 1
    DELETED = 2
    FAILED = 3
    CANCELED = 4

    @property
    def label(self) -> str:
        """Give the name as Koji writes it: `COMPLETE`."""
        return self.name


CANCELABLE = (ModuleState.BUILD, ModuleState.INIT, ModuleState.WAIT)
"""States of a module build in which a person may cancel it, in the order in which MBS names them."""

UNFINISHED = frozenset({ModuleState.INIT, ModuleState.WAIT, ModuleState.BUILD, ModuleState.DONE})
"""States of a module build that something still has to happen to; but done is the end of a scratch build."""

_M = ModuleState
MODULE_TRANSITIONS: Mapping[ModuleState | None, frozenset[ModuleState]] = {
    None: frozenset({_M.INIT, _M.READY}),  # submitted; imported
    _M.INIT: frozenset({_M.WAIT, _M.FAILED}),
    _M.WAIT: frozenset({_M.BUILD, _M.FAILED}),
    _M.BUILD: frozenset({_M.DONE, _M.FAILED}),
    # MBS has no way out of done but ready; here a person may refuse the approval that stands between the two.
    _M.DONE: frozenset({_M.READY, _M.FAILED}),
    # MBS resumes at init or wait (§17.5); "clear failed" in Airflow goes on in the middle, hence build.
    _M.FAILED: frozenset({_M.INIT, _M.WAIT, _M.BUILD, _M.GARBAGE}),
    # An import of the same NSVC replaces what is there (§6.4), also what was retired.
    _M.READY: frozenset({_M.GARBAGE}),
    _M.GARBAGE: frozenset({_M.READY}),
}
"""What may follow each state of a module build; None is "not recorded yet"."""

_C = ComponentState
COMPONENT_TRANSITIONS: Mapping[ComponentState | None, frozenset[ComponentState | None]] = {
    # Adopted and reused builds are complete at once; a submission that Koji refuses has failed at once.
    None: frozenset({_C.BUILDING, _C.COMPLETE, _C.FAILED, _C.CANCELED}),
    _C.BUILDING: frozenset({_C.COMPLETE, _C.FAILED, _C.CANCELED, None}),
    _C.COMPLETE: frozenset({_C.DELETED}),
    # Koji has the last word: what was recorded as ended without success may have been built all the same.
    _C.FAILED: frozenset({_C.COMPLETE, None}),
    _C.CANCELED: frozenset({_C.COMPLETE, None}),
    _C.DELETED: frozenset({_C.COMPLETE, None}),
}
"""What may follow each state of a component; None is "waits to be submitted"."""


def check_module(what: object, old: ModuleState | None, new: ModuleState) -> bool:
    """Say whether `what` changes its state at all; raise ForbiddenTransition where it must not."""
    return _changes(f"Module build {what}", old, new, MODULE_TRANSITIONS[old])


def check_component(what: object, old: ComponentState | None, new: ComponentState | None) -> bool:
    """Say whether component `what` changes its state at all; raise ForbiddenTransition where it must not."""
    return _changes(f"Component {what}", old, new, COMPONENT_TRANSITIONS[old])


State = TypeVar("State", ModuleState, ComponentState)


def _changes(what: str, old: State | None, new: State | None, allowed: Collection[State | None]) -> bool:
    if old is new:
        return False
    if new not in allowed:
        msg = f"{what} is in state {_label(old)} and cannot become {_label(new)}."
        raise ForbiddenTransition(msg)
    return True


def _label(state: ModuleState | ComponentState | None) -> str:
    return "new" if state is None else state.label
