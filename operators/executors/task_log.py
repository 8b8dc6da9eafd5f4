"""Writes the logs of tasks as Airflow's UI reads them: a line of JSON for each sentence, without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from mbs.model.quoting import printable
from operators.executors.messages import LogFolder

MASK = "***"
"""What stands for a secret, as in Airflow."""

SHORTEST_SECRET = 5
"""Characters; Airflow masks no shorter ones: they would be found in any word."""


class TaskLogs:
    """The logs of all tasks; each line is written at once, so that one sees it while the task is held."""

    def __init__(self, folder: LogFolder, secrets: Iterable[str | None]) -> None:
        """Take the folder, and what must not appear in it."""
        self._folder = folder
        found = sorted({each for each in secrets if each and len(each) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, found))) if found else None

    def write(self, path: str, sentence: str, *, level: str = "info") -> None:
        """Write a sentence into the log at this path below the folder; `level` is one of Python's logging."""
        text = self._secrets.sub(MASK, sentence) if self._secrets else sentence
        time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = {"timestamp": time, "level": level, "event": printable(text), "logger": "task"}
        file = Path(self._folder.path, path)
        try:
            self._append(file, line)
        except FileNotFoundError:
            self._make(file)
            self._append(file, line)

    def _append(self, file: Path, line: object) -> None:
        with file.open("r+", encoding="utf-8") as stream:
            stream.seek(0, 2)
            stream.write(f"{json.dumps(line)}\n")

    def _make(self, file: Path) -> None:
        """Make the file and the folders above it, each with the mode that is configured."""
        for folder in reversed(file.relative_to(self._folder.path).parents):
            made = Path(self._folder.path, folder)
            if not made.exists():
                made.mkdir(parents=True, exist_ok=True)
                made.chmod(self._folder.folder_mode)
        file.touch(exist_ok=True)
        file.chmod(self._folder.file_mode)
