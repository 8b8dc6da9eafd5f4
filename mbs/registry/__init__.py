"""The registry: what module builds there are, in which state, with which plan (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from mbs.model.errors import Conflict, Problem
from mbs.model.plan import Allocation, Identity, NewBuild
from mbs.model.registered import RegisteredModule
from mbs.model.states import ComponentState, ModuleState
from mbs.model.users import By
from mbs.registry import imports, recording, session
from mbs.registry.builds import Builds
from mbs.registry.changes import Changes
from mbs.registry.components import Components, HeldComponent
from mbs.registry.documents import Documents, Messages
from mbs.registry.events import Events
from mbs.registry.recording import Outcome, Recorded, Recording
from mbs.registry.rows import (
    BaseModuleFilter,
    BuildFilter,
    BundleEntry,
    ComponentFilter,
    ComponentRow,
    DocumentRow,
    Finished,
    Followed,
    Imported,
    Listing,
    ModuleBuildRow,
    Page,
    StoredPlan,
    TraceRow,
)
from mbs.registry.session import engine_for
from mbs.registry.views import BaseModuleView, BuildView, ComponentView, Form, StateChange, Views

__all__ = [
    "Allocation",
    "BaseModuleFilter",
    "BaseModuleView",
    "BuildFilter",
    "BuildView",
    "BundleEntry",
    "Changes",
    "ComponentFilter",
    "ComponentRow",
    "ComponentState",
    "ComponentView",
    "DocumentRow",
    "Finished",
    "Followed",
    "Form",
    "HeldComponent",
    "Identity",
    "Imported",
    "Listing",
    "ModuleBuildRow",
    "ModuleState",
    "NewBuild",
    "Outcome",
    "Page",
    "Recorded",
    "Recording",
    "Registry",
    "StateChange",
    "StoredPlan",
    "TraceRow",
    "Views",
    "Work",
    "engine_for",
]


class Work:
    """What can be done with the registry, by what it is done to."""

    def __init__(self, session: Callable[[], AbstractContextManager[Session]]) -> None:
        """Take what gives a session; all that is done within one is committed together."""
        self.builds = Builds(session)
        self.components = Components(session)
        self.documents = Documents(session)
        self.messages = Messages(session)
        self.views = Views(session)
        self.events = Events(session)


class Registry(Work):
    """Module builds and their components in PostgreSQL. Thread-safe; make another one after a fork.

    Every method, also of the groups, is a transaction of its own; `transaction` makes one of several. A database that
    does not answer raises RegistryUnavailable.
    """

    def __init__(self, engine: Engine, *, check: Callable[[], None] = lambda: None) -> None:
        """Take an engine; `check` is called before each transaction, and raises what forbids it."""
        super().__init__(self._session)
        self.engine = engine
        self._check = check

    def checked(self, check: Callable[[], None]) -> Registry:
        """Give the same registry for somebody who must be allowed each transaction."""
        return Registry(self.engine, check=check)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        self._check()
        with session.transaction(self.engine) as opened:
            yield opened

    @contextmanager
    def transaction(self) -> Iterator[Work]:
        """Do several things in one transaction: all of them, or none where something is raised. Never call Koji in it.

        with registry.transaction() as work:
            work.components.mark_untagged(build_id)
            work.builds.transition(build_id, ModuleState.GARBAGE, reason, by)
        """
        with self._session() as opened:
            yield Work(lambda: nullcontext(opened))

    @contextmanager
    def recording(
        self,
        identities: Sequence[Identity],
        *,
        by: By,
        key: str | None = None,
        may_resume: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Recording]:
        """Record or resume all contexts of a submission, or none; raise Conflict when all exist (MBS §3.11, §17.5).

        `may_resume` is asked about the owner of each build that had failed, and raises what forbids it.

        The caller stores a build for each allocation. What is asked for again under the same `key` is not recorded
        again; it has what it had.
        """
        with (
            session.transaction(self.engine) as opened,
            recording.record(opened, identities, by=by, key=key, may_resume=may_resume) as begun,
        ):
            yield begun

    def recorded_before(self, key: str) -> tuple[Recorded, ...] | None:
        """Give what the submission with this key was recorded as; None where it was not."""
        with session.transaction(self.engine) as opened:
            return recording.recorded_before(opened, key)

    def import_modules(
        self,
        modules: Sequence[RegisteredModule],
        *,
        base_module_names: Sequence[str],
        by: By = imports.OWNER,
        skip_invalid: bool = False,
    ) -> tuple[tuple[Imported, ...], tuple[Problem, ...]]:
        """Register many, or replace them (MBS §6.4): all or none; with `skip_invalid` those that can be.

        Gives a problem for each that could not. Raises Conflict where one is being built here.
        """
        with session.transaction(self.engine) as opened:
            done, problems = imports.import_modules(opened, modules, by=by, base_module_names=base_module_names)
            if problems and not skip_invalid:
                raise Conflict(*problems)
            return done, problems

    @contextmanager
    def component(self, build_id: int, name: str) -> Iterator[HeldComponent]:
        """Hold one component for a transaction. Never call Koji in it."""
        with self.transaction() as work:
            yield work.components.hold(build_id, [name])[name]
