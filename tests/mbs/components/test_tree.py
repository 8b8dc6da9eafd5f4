"""Included modules are fetched recursively, and never forever."""

from __future__ import annotations

import pytest

from mbs.components.tree import gather
from mbs.model.document import ModuleComponent, Modulemd, RpmComponent
from mbs.model.errors import NotAuthorized, Unprocessable
from mbs.scm.protocol import Ref
from mbs.settings import Settings

SETTINGS = Settings(modules_default_repository="https://src.example.org/modules/").components


def module(name: str, *rpms: str, includes: tuple[ModuleComponent, ...] = ()) -> Modulemd:
    return Modulemd(name, "1", rpms=tuple(RpmComponent(rpm) for rpm in rpms), modules=includes)


def test_the_default_repository_and_the_branch_of_the_submission_are_used_all_the_way_down() -> None:
    known = {
        Ref("https://src.example.org/modules/b", "f28"): module("b", "b1", includes=(ModuleComponent("c", ref="x"),)),
        Ref("https://src.example.org/modules/c", "x"): module("c", "c1"),
    }
    root = Modulemd("a", "1", modules=(ModuleComponent("b"),), xmd={"mbs": {"branch": "f28"}})
    tree = gather(root, known.__getitem__, SETTINGS)
    assert [below.origin for below in tree.trees()] == [None, "b:f28", "c:x"]
    assert [rpm.name for rpm in tree.rpms()] == ["b1", "c1"]


def test_modules_that_include_each_other_are_refused_with_the_circle() -> None:
    known = {
        Ref("https://src.example.org/modules/a", "master"): module("a", "a1", includes=(ModuleComponent("b"),)),
        Ref("https://src.example.org/modules/b", "master"): module("b", "b1", includes=(ModuleComponent("a"),)),
    }
    circle = "modules/b#master -> https://src.example.org/modules/a#master -> https://src.example.org/modules/b#master"
    with pytest.raises(Unprocessable, match=f"include each other: https://src.example.org/{circle}"):
        gather(module("a", includes=(ModuleComponent("b"),)), known.__getitem__, SETTINGS)


def test_modules_that_multiply_are_refused_soon() -> None:
    fetched = []

    def fetch(ref: Ref) -> Modulemd:
        fetched.append(ref)
        level = int(ref.name) + 1
        twice = tuple(ModuleComponent(f"m{level}{side}", ref=str(level)) for side in "ab")
        return module(ref.name, f"p{level}", includes=twice)

    with pytest.raises(Unprocessable, match="can include at most 100 modules"):
        gather(module("root", includes=(ModuleComponent("m", ref="0"),)), fetch, SETTINGS)
    assert len(fetched) == 100


def test_everything_wrong_with_included_modules_is_told_at_once() -> None:
    def fetch(ref: Ref) -> Modulemd:
        if ref.name == "gone":
            raise Unprocessable(f"Failed to get the latest commit for {ref}")
        return module("empty")

    wrong = (
        ModuleComponent("custom", repository="https://elsewhere.example.org/x"),
        ModuleComponent("missing", ref="gone"),
        ModuleComponent("odd", ref="--upload-pack=id"),
    )
    with pytest.raises(NotAuthorized) as caught:
        gather(module("a", includes=wrong), fetch, SETTINGS)
    messages = str(caught.value).splitlines()
    assert messages[0] == (
        "Custom module repositories aren't allowed.  'custom' bears repository 'https://elsewhere.example.org/x'"
    )
    assert messages[1] == "Failed to get the latest commit for https://src.example.org/modules/missing#gone"
    assert "is no name for a ref" in messages[2]
    with pytest.raises(Unprocessable, match="The included module 'e' has no components"):
        gather(module("a", includes=(ModuleComponent("e"),)), fetch, SETTINGS)
