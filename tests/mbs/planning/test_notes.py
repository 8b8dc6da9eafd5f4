"""What the note of a run says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mbs.planning.notes import NOTE_LENGTH, answer, refusal


def test_a_refusal_has_every_problem() -> None:
    assert refusal(["line 3: no license", "no stream"]) == "Refused:\n\n* line 3: no license\n* no stream"


def test_an_answer_has_every_sentence() -> None:
    assert answer(["a:1:2:c (number 3) is submitted."]) == "* a:1:2:c (number 3) is submitted."


@given(
    st.lists(
        st.one_of(
            st.text("ab .*\n", min_size=1, max_size=400).filter(str.strip),
            st.sampled_from(["`" * 300 + "@", "*" * 300, "x" * 300]),
        )
    )
)
def test_a_note_is_not_longer_than_airflow_keeps_and_says_how_much_is_missing(problems: list[str]) -> None:
    note = refusal(problems)
    assert len(note) <= NOTE_LENGTH
    items = note.count("\n* ")
    assert note.endswith(f"({len(problems) - items} more in the log)") or items == len(problems)
    assert items or not problems
