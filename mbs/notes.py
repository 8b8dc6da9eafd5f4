"""What is said at the head of a run: its note, in Markdown, of strangers' text quoted so that nothing in it acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mbs.quoting import markdown, quoted

NOTE_LENGTH = 1000
"""Characters that Airflow keeps of a note."""

SENTENCE_LENGTH = 300
"""Characters of a sentence in a note; the log has all of it."""

_ROOM_FOR_MORE = 60


def refusal(problems: Iterable[str]) -> str:
    """Say why a form was refused."""
    return listed("Refused:", [sentence(problem) for problem in problems])


def answer(messages: Iterable[str]) -> str:
    """Say what a form has done."""
    return listed("", [sentence(message) for message in messages])


def sentence(text: str) -> str:
    """Quote a sentence, cut to what a note has room for."""
    return markdown(quoted(text, SENTENCE_LENGTH))


def listed(head: str, items: Sequence[str], more: str = "in the log") -> str:
    """Put items of finished Markdown below a head, as many as a note holds; `more` says where the others are."""
    note = f"{head}\n\n" if head else ""
    for place, item in enumerate(items):
        if len(note) + len(item) > NOTE_LENGTH - _ROOM_FOR_MORE:
            return f"{note}\n({len(items) - place} more {more})"
        note += f"* {item}\n"
    return note.rstrip()
