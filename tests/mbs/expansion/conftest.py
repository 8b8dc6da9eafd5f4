"""A small universe of modules to expand against, written down in a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import pytest

from mbs.expansion.expand import expand as expand_under
from mbs.model.document import Dependencies, Modulemd
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire, RegisteredModule
from mbs.model.versions import stream_version
from mbs.settings import Settings

expand = partial(expand_under, settings=Settings().expansion)
"""Expansion under the settings that nobody has changed."""

Listed = Mapping[str, Sequence[str]]


class MakeModule(Protocol):
    """Registers `name:stream:version:context`, with its alternative requires, built on a platform `stream:version`."""

    def __call__(
        self,
        nsvc: str,
        *requires: Listed,
        on: str | None = None,
        virtual: Sequence[str] = (),
        retired: bool = False,
    ) -> RegisteredModule: ...


class MakeDocument(Protocol):
    """Makes the document of `app:1` from pairs of buildrequires and requires."""

    def __call__(self, *pairs: tuple[Listed, Listed], context: str | None = None) -> Modulemd: ...


def _frozen(section: Listed) -> dict[str, tuple[str, ...]]:
    return {name: tuple(streams) for name, streams in section.items()}


@pytest.fixture(scope="session")
def module() -> MakeModule:
    """Give the function that registers a module."""

    def make(
        nsvc: str,
        *requires: Listed,
        on: str | None = None,
        virtual: Sequence[str] = (),
        retired: bool = False,
    ) -> RegisteredModule:
        identity = NSVC.parse(nsvc)
        pairs = tuple(Dependencies(requires=_frozen(section)) for section in requires)
        return RegisteredModule(
            nsvc=identity,
            document=Modulemd(name=identity.name, stream=identity.stream, dependencies=pairs),
            koji_tag=f"module-{nsvc.replace(':', '-')}",
            commit="0123abc",
            stream_version=stream_version(identity.stream) if identity.name == "platform" else None,
            virtual_streams=tuple(virtual),
            buildrequires={"platform": BuildRequire("platform", on, 0, "00000000")} if on else {},
            retired=retired,
        )

    return make


@pytest.fixture(scope="session")
def document() -> MakeDocument:
    """Give the function that makes a document."""

    def make(*pairs: tuple[Listed, Listed], context: str | None = None) -> Modulemd:
        dependencies = tuple(Dependencies(_frozen(build), _frozen(run)) for build, run in pairs)
        return Modulemd(name="app", stream="1", context=context, dependencies=dependencies)

    return make
