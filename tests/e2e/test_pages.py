"""What the documentation shows beside a running service is what happens."""

from __future__ import annotations

import pytest

from mbs.registry import BuildFilter, ModuleState
from tests.docs.pages import ROOT, Page, Place, pages_with
from tests.e2e.reader import TUTORIAL, Reader
from tests.e2e.world import World, module
from tools.stack.client import FollowedBuild

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RETIRE = Page(ROOT / "docs" / "how-to" / "retire.md")
OTHERS = [page for page in pages_with(Place.SERVICE) if page not in {TUTORIAL, RETIRE}]


def test_who_follows_the_tutorial_has_a_module(world: World, greeter: FollowedBuild) -> None:
    assert world.row(greeter).state is ModuleState.READY


@pytest.mark.usefixtures("greeter")
@pytest.mark.parametrize("page", OTHERS, ids=str)
def test_what_a_page_shows_is_what_happens(page: Page, reader: Reader) -> None:
    reader.follow(page)


def test_what_is_retired_is_garbage_and_in_no_compose(world: World, reader: Reader) -> None:
    build = world.paste(module("oldtool", {}))
    assert world.ends(build) == "success"
    assert world.hub.listTagged("f40-modular-updates-candidate", package="oldtool")
    reader.follow(RETIRE)
    assert not world.registry.builds.find(BuildFilter(name="oldtool", states=(ModuleState.READY,))).items
    assert not world.hub.listTagged("f40-modular-updates-candidate", package="oldtool")
