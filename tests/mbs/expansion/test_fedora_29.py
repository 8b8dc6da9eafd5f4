"""Real modules, expanded again: Fedora 29's documents say what MBS resolved for them and which context it gave."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mbs.model.document import Dependencies, Modulemd
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire, MemoryProvider, RegisteredModule
from mbs.model.versions import stream_version
from mbs.modulemd.registered import imported
from tests.mbs.expansion.conftest import expand
from tools.corpus import read_all

ROOT = Path(__file__).parents[3]
CORPUS = Path(os.environ.get("MBS_TEST_CORPUS", ROOT.parent / "shared" / "data")) / "fedora-29-modules.yaml"

SAME_HASHES_SINCE = 20180501000000
"""Modules of April 2018 have contexts of an older formula."""


@pytest.fixture(scope="module")
def fedora_29() -> list[RegisteredModule]:
    if not CORPUS.exists():
        pytest.skip(f"no {CORPUS}: set MBS_TEST_CORPUS to the directory of the corpus")
    return [imported(document, ("platform",)) for document in read_all(CORPUS.read_bytes())]


def built_of(one: BuildRequire, platform: BuildRequire) -> RegisteredModule:
    """What is known of a module that another was built against."""
    nsvc, base = one.nsvc, one.name == platform.name
    return RegisteredModule(
        nsvc=nsvc,
        document=Modulemd(name=nsvc.name, stream=nsvc.stream),
        stream_version=stream_version(nsvc.stream) if base else None,
        buildrequires={} if base else {"platform": platform},
    )


def expanded_again(module: RegisteredModule) -> tuple[str, set[NSVC]]:
    """Expand the module against exactly what it was built against; give the context and what was resolved."""
    platform = module.buildrequires["platform"]
    provider = MemoryProvider(built_of(one, platform) for one in module.buildrequires.values())
    listed = {name: (one.stream,) for name, one in module.buildrequires.items()}
    pair = Dependencies(listed, module.document.dependencies[0].requires)
    (result,) = expand(replace(module.document, dependencies=(pair,)), provider).results
    return result.context, {one.nsvc for one in result.buildrequires.values()}


def test_every_module_resolves_to_what_mbs_resolved_in_the_same_context(fedora_29: list[RegisteredModule]) -> None:
    modules = [module for module in fedora_29 if module.nsvc.version >= SAME_HASHES_SINCE]
    expected = {
        module.nsvc: (module.nsvc.context, {one.nsvc for one in module.buildrequires.values()}) for module in modules
    }
    assert len(expected) > 40
    assert {module.nsvc: expanded_again(module) for module in modules} == expected
