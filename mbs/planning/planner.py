"""Who reads a stranger's document: a sandbox, and never the process that has the registry, Koji and their passwords.

What the sandbox asks is answered here: which modules are registered, and what Koji says about tags and packages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from mbs.model.nsvc import NSVC
from mbs.model.registered import FinishedModules, ModuleStore
from mbs.planning.draft import Draft
from mbs.planning.hub import Hub
from mbs.planning.request import Request
from mbs.sandbox import process
from mbs.scm.url import ScmUrl
from mbs.settings import Settings


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A submission that is to be planned."""

    request: Request
    settings: Settings
    reuse_from: tuple[int, NSVC] | None = None
    """Id and identity of the build that components are to be reused from."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """Base modules or finished modules that are to be read."""

    document: str | ScmUrl
    """One document, or many."""
    settings: Settings
    skip_invalid: bool = False
    """Whether documents that cannot be taken are left out."""
    koji_tag_template: str | None = None
    """Where it is given, what published documents lack is filled in."""


class Planner(Protocol):
    """Plans a submission; raises Refused with all that is wrong."""

    def __call__(self, request: PlanRequest, store: ModuleStore, hub: Hub) -> tuple[Draft, ...]:
        """Give a draft for each of its builds."""
        ...


def plan_in_sandbox(request: PlanRequest, store: ModuleStore, hub: Hub) -> tuple[Draft, ...]:
    """Plan a submission in a sandbox.

    Raises besides what `process.run` raises: HubUnavailable, HubRefused, RegistryUnavailable.
    """
    questions: process.Questions = {
        "streams": store.streams,
        "builds": store.builds,
        "base_modules": store.base_modules,
        "tag_arches": hub.tag_arches,
        "absent_tags": hub.absent_tags,
        "build_seconds": hub.build_seconds,
        "build_tag": hub.build_tag,
    }
    answer = process.run("mbs.planning.sandboxed:plan", request, questions, request.settings.sandbox)
    return msgspec.convert(answer, tuple[Draft, ...])


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A document that is to be judged without asking anybody."""

    document: str | bytes
    settings: Settings
    module_name: str | None = None
    module_stream: str | None = None
    branch: str | None = None


def check_in_sandbox(request: CheckRequest) -> None:
    """Judge a document; raise Refused with every problem and its line, and what `process.run` does."""
    process.run("mbs.planning.sandboxed:check", request, {}, request.settings.sandbox)


def read_in_sandbox(request: ImportRequest) -> FinishedModules:
    """Read modules that are to be imported; raise Unprocessable with all that is wrong, and what `process.run` does."""
    answer = process.run("mbs.planning.sandboxed:read_import", request, {}, request.settings.sandbox)
    return msgspec.convert(answer, FinishedModules)
