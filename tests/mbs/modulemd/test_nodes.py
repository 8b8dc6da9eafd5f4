from __future__ import annotations

import yaml

from mbs.model.errors import Problem
from mbs.modulemd.nodes import lines_by_path, located, original_line

TEXT = """\
# a comment
a: {b: [c,

  d]}

e: f
"""


def composed(text: str) -> yaml.Node:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    assert root is not None
    return root


def test_every_place_has_its_line() -> None:
    assert lines_by_path(composed(TEXT)) == {"a": 2, "a.b": 2, "a.b.0": 2, "a.b.1": 4, "e": 6}


def test_a_problem_gets_the_line_of_its_place_or_of_what_is_around_it() -> None:
    lines = lines_by_path(composed(TEXT))
    assert located(Problem("x", "a.b.1"), lines).line == 4
    assert located(Problem("x", "e.missing.deeper"), lines).line == 6
    assert located(Problem("x", "z"), lines).line is None
    assert located(Problem("x"), lines).line is None
    assert located(Problem("x", "e", line=1), lines).line == 1


def test_a_line_of_the_rewritten_text_is_found_in_the_original() -> None:
    # libmodulemd sees: `---`, `a: {b: [c, d]}`, `e: f`
    assert original_line(TEXT, 2, 12) == 4
    assert original_line(TEXT, 3, 4) == 6
    assert original_line(TEXT, 99, 1) is None
