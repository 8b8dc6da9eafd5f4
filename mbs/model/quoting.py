"""Strangers' text for people's eyes: what a document, a git server or a hub says is shown and does nothing.

Terminals, logs, pages and notes show what packagers wrote, often to others than its writer. So what acts (control and
bidirectional characters, Markdown) or is not seen (zero-width characters) is written out, and what is long is cut.

| Where it is shown | Function | What comes of it |
|---|---|---|
| a terminal, a log | `printable` | its lines |
| a name, a title, a message of another program | `plain` | one line |
| a value within a sentence, or several | `quoted`, `listed` | one line, cut |
| a sentence of a note, which is Markdown | `markdown` | one line without markup, links, HTML; cut to a length |
| a value in a note, or in a table of Markdown | `code` | one line in the letters of a machine; cut likewise |
"""

from __future__ import annotations

import re
from collections.abc import Iterable

QUOTE_LENGTH = 100
"""Characters of a quotation."""

LINE_LENGTH = 1000
"""Characters of a problem, with all that it quotes."""

PROBLEMS = 100
"""Problems of one refusal that are told."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0").union(
    *(map(chr, span) for span in (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0)))
)
"""What Python calls printable and nobody sees: fillers and variation selectors."""

_LINKED_BY_ITSELF = re.compile(r"(\S*(?:://|www\.|@)\S*)", re.IGNORECASE)
"""Words of which GitHub's Markdown, which Airflow's pages speak, makes links even where they are escaped."""

_MARKUP = re.compile(r"[\\`*\[\]<|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=[#A-Za-z])")
_BLOCK = re.compile(r"[-+>=#:]|\d{1,9}(?=[.)])")
"""What begins a heading, a list, a quotation or a rule where a text begins with it."""


def printable(text: str) -> str:
    """Write out what a terminal or a page would act on, or not show; line breaks stay."""
    lines = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(char if char == "\n" or _is_seen(char) else ascii(char)[1:-1] for char in lines)


def plain(text: str) -> str:
    """Give a text as one line in which nothing acts and everything is seen."""
    return printable(" ".join(text.split()))


def quoted(text: str, length: int = QUOTE_LENGTH) -> str:
    """Give a text as one line of at most this many characters."""
    return _cut(plain(text[: 10 * length]), length, whole=len(text) <= 10 * length)


def listed(texts: Iterable[object], most: int = 10) -> str:
    """Join what the user named, the first `most` of it, and count the rest."""
    names = [quoted(str(text)) for text in texts]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def code(text: str, length: int | None = None, *, in_cell: bool = False) -> str:
    """Quote a value in Markdown: it is shown as it is, in the letters of a machine; `in_cell`, a bar would end it."""
    line = plain(text) if length is None else quoted(text, length)
    line = line.replace("|", r"\x7c") if in_cell else line
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def markdown(text: str, length: int | None = None) -> str:
    """Quote a sentence in Markdown: it is one line without links, images, markup or HTML."""
    words = _LINKED_BY_ITSELF.split(plain(text) if length is None else quoted(text, length))
    line = "".join(code(word) if place % 2 else _MARKUP.sub(r"\\\g<0>", word) for place, word in enumerate(words))
    begin = _BLOCK.match(line)
    return line if begin is None else _escaped_at(line, begin.end() if line[0].isdigit() else 0)


def _cut(text: str, length: int, *, whole: bool = True) -> str:
    return text if whole and len(text) <= length else f"{text[: length - 3]}..."


def _escaped_at(line: str, place: int) -> str:
    return f"{line[:place]}\\{line[place:]}"


def _is_seen(char: str) -> bool:
    return char.isprintable() and char not in _INVISIBLE
