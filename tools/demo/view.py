"""Drawing a module build: a live table in a terminal, one plain line for every change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.demo.progress import Line, Phase

_LOOKS = {
    Phase.WAITING: ("·", "dim"),
    Phase.STARTING: ("○", "cyan"),
    Phase.RUNNING: ("◐", "bold cyan"),
    Phase.RETRYING: ("↻", "yellow"),
    Phase.ASKING: ("?", "bold yellow"),
    Phase.DONE: ("●", "green"),
    Phase.REUSED: ("◆", "blue"),
    Phase.SKIPPED: ("-", "dim"),
    Phase.FAILED: ("✗", "bold red"),
    Phase.BLOCKED: ("✗", "dim red"),
}


class View(Protocol):
    """Shows a build while it runs."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        ...

    def show(self, lines: Sequence[Line]) -> None:
        """Show the state of now."""
        ...


def view_for(console: Console, title: str, arches: Sequence[str]) -> View:
    """Give a table where there is a terminal, plain lines elsewhere."""
    return LiveView(console, title, arches) if console.is_terminal else PlainView(console)


class LiveView:
    """A table that is drawn over itself."""

    def __init__(self, console: Console, title: str, arches: Sequence[str]) -> None:
        self._title, self._arches = title, tuple(arches)
        self._start = time.monotonic()
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture."""
        self._live.stop()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw the table anew."""
        seconds = int(time.monotonic() - self._start)
        self._live.update(table(f"{self._title}  {seconds // 60}:{seconds % 60:02}", self._arches, lines), refresh=True)


class PlainView:
    """A line of text for every change; for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen: dict[tuple[str, str, str], Phase] = {}
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        """Begin; there is nothing to prepare."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; there is nothing to clear."""

    def show(self, lines: Sequence[Line]) -> None:
        """Print what has changed."""
        for line in lines:
            news = {arch: phase for arch, phase in line.phases.items() if self._is_new(line, arch, phase)}
            for phase in dict.fromkeys(news.values()):
                self._print(line, [arch for arch, its in news.items() if its is phase], phase)

    def _is_new(self, line: Line, arch: str, phase: Phase) -> bool:
        key = (line.section, line.name, arch)
        if phase in {self._seen.get(key, Phase.WAITING), Phase.STARTING}:
            return False
        self._seen[key] = phase
        return True

    def _print(self, line: Line, arches: Sequence[str], phase: Phase) -> None:
        seconds = f"{time.monotonic() - self._start:5.0f} s"
        said = line.waits_for if phase is Phase.ASKING and line.waits_for else phase.value
        text = f"{seconds}  {line.section:8}  {line.name:20}  {', '.join(arches):16}  {said}"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def table(title: str, arches: Sequence[str], lines: Sequence[Line]) -> Table:
    """Draw batches, their components, and a mark for every arch."""
    drawn = Table(title=title, title_justify="left", title_style="bold", header_style="dim", expand=False)
    drawn.add_column("")
    drawn.add_column("component")
    for arch in arches:
        drawn.add_column(arch, justify="center", min_width=8)
    drawn.add_column("waits for", style="dim")
    for position, line in enumerate(lines):
        first = position == 0 or lines[position - 1].section != line.section
        if first and position:
            drawn.add_section()
        drawn.add_row(line.section if first else "", line.name, *_marks(arches, line.phases), line.waits_for)
    return drawn


def _marks(arches: Sequence[str], phases: Mapping[str, Phase]) -> list[Text]:
    if "" in phases:
        return [_mark(phases[""], words=True), *(Text() for _ in arches[1:])]
    marks = {arch: _mark(phase, words=phase is Phase.REUSED) for arch, phase in phases.items()}
    return [marks.get(arch, Text()) for arch in arches]


def _mark(phase: Phase, *, words: bool = False) -> Text:
    sign, style = _LOOKS[phase]
    return Text(f"{sign} {phase.value}" if words and phase is not Phase.WAITING else sign, style)
