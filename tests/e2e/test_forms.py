"""What a form refuses, and how it says so."""

from __future__ import annotations

import pytest

from mbs.model.naming import PROBLEMS
from mbs.model.quoting import markdown
from mbs.registry import BuildFilter
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

BAD = """\
document: modulemd
version: 2
data:
  name: platform
  stream: "1"
  summary: Three things are wrong
  description: The name, the reserved field and the repository
  license: {module: [MIT]}
  xmd: {mbs: {koji_tag: mine}}
  components:
    rpms:
      x: {rationale: Fetched from elsewhere, repository: "ext::sh -c id"}
"""


def test_every_problem_of_a_document_is_in_the_note_and_the_log_and_nothing_is_recorded(world: World) -> None:
    known = world.registry.builds.find(BuildFilter()).total
    tags = len(world.hub.listTags())
    run = world.api.trigger("submit_module", {"modulemd": BAD})
    ended = world.api.wait("submit_module", run)
    assert ended["state"] == "failed"
    problems = world.api.xcom("submit_module", run, "submit", PROBLEMS)
    assert len(problems) >= 2
    log = world.api.log("submit_module", run, "submit")
    for problem in problems:
        assert f"* {markdown(problem)}" in ended["note"]
        assert problem in log
    assert "Traceback" not in log
    assert world.registry.builds.find(BuildFilter()).total == known
    assert len(world.hub.listTags()) == tags


def test_a_form_without_anything_in_it_says_what_is_missing(world: World) -> None:
    run = world.api.trigger("submit_module", {})
    note = world.api.wait("submit_module", run)["note"]
    assert "Missing scmurl" in note
    assert "Missing branch" in note
