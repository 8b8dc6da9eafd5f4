from __future__ import annotations

import pytest

from mbs.model.errors import (
    Findings,
    InvalidModulemd,
    NotAuthorized,
    Problem,
    Refused,
    Unprocessable,
    bad_request,
    refuse,
)
from mbs.model.quoting import LINE_LENGTH, PROBLEMS


def test_a_refusal_tells_a_hundred_problems_and_counts_the_rest() -> None:
    refused = InvalidModulemd(*(Problem(f"problem {number}", line=number) for number in range(250)))
    assert [str(problem) for problem in refused.problems[-2:]] == ["line 99: problem 99", "... and 150 more."]
    assert str(refused).splitlines() == refused.lines
    assert len(refused.lines) == PROBLEMS + 1


def test_what_was_counted_stays_counted_when_refusals_are_joined() -> None:
    first = Refused(*(f"a {number}" for number in range(120)))
    second = Refused(*(f"b {number}" for number in range(130)))
    joined = Unprocessable(*first.problems, *second.problems)
    assert str(joined.problems[-1]) == "... and 150 more."
    assert len(joined.problems) == PROBLEMS + 1


def test_a_message_is_bounded_whatever_it_quotes() -> None:
    assert len(Problem("x" * 10_000_000).message) == LINE_LENGTH


def test_the_lines_of_a_refusal_are_those_that_people_are_told() -> None:
    lines = Refused(*(f"problem {number}" for number in range(PROBLEMS + 7))).lines
    assert len(lines) == PROBLEMS + 1
    assert lines[-2:] == ["problem 99", "... and 7 more."]
    assert Refused(*lines).lines == lines, "also where they were told before"
    assert Refused("one\ntwo\x1b", "x" * 10**6).lines == ["one\ntwo\\x1b", f"{'x' * (LINE_LENGTH - 3)}..."]


def test_findings_of_several_steps_are_told_at_once_and_the_gravest_decides() -> None:
    def fail() -> int:
        raise NotAuthorized("not here", "nor there")

    found = Findings()
    assert found.of(lambda: 5) == 5
    refuse(found)
    assert found.of(fail) is None
    found.append(bad_request("misspelt", "branch"))
    with pytest.raises(NotAuthorized) as refused:
        refuse(found)
    assert [str(problem) for problem in refused.value.problems] == ["not here", "nor there", "misspelt"]
