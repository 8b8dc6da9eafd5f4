from __future__ import annotations

from mbs.model.errors import InvalidModulemd, Problem, Refused, Unprocessable
from mbs.model.quoting import LINE_LENGTH, PROBLEMS, problem_lines


def test_a_refusal_tells_a_hundred_problems_and_counts_the_rest() -> None:
    refused = InvalidModulemd(*(Problem(f"problem {number}", line=number) for number in range(250)))
    assert [str(problem) for problem in refused.problems[-2:]] == ["line 99: problem 99", "... and 150 more."]
    assert str(refused).splitlines() == problem_lines(refused.problems)
    assert len(problem_lines(refused.problems)) == PROBLEMS + 1


def test_what_was_counted_stays_counted_when_refusals_are_joined() -> None:
    first = Refused(*(f"a {number}" for number in range(120)))
    second = Refused(*(f"b {number}" for number in range(130)))
    joined = Unprocessable.of([*first.problems, *second.problems])
    assert str(joined.problems[-1]) == "... and 150 more."
    assert len(joined.problems) == PROBLEMS + 1


def test_a_message_is_bounded_whatever_it_quotes() -> None:
    assert len(Problem("x" * 10_000_000).message) == LINE_LENGTH
