"""The DAG bundle of module builds: Airflow's way to get DAG files from elsewhere; here from the registry.

Every unfinished module build has two small files: its plan, and a Python file that shows the modulemd (the UI's Code
tab) and asks `operators.graph` for the DAG. A plan never changes once it is recorded, so a worker that finds the
file of its DAG need not ask the registry.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.sdk import get_parsing_context

from mbs.model.errors import Infrastructure
from mbs.model.quoting import printable
from mbs.planning.ids import dag_id
from mbs.registry import Changes
from mbs.registry.rows import BundleEntry, StoredPlan
from operators.hooks import REGISTRY, registry, settings

log = logging.getLogger(__name__)

INDEX = "index.json"
"""Beside the files: the token of the plan by DAG id, as of the last refresh."""

ROUND = 5.0
"""Seconds between two rounds of an idle DAG processor; its sign of life, and what a person asks of it, can wait."""

_SOURCE = """\
# -*- coding: utf-8 -*-
# An Airflow DAG, written by the module build service; a change here is lost. The document that it builds:
#
{document}
#
from pathlib import Path

from operators.graph import module_build_dag
from mbs.model.plan import from_json

plan = from_json(Path(__file__).with_suffix(".json").read_text("utf-8"), build={build!r})
dag = module_build_dag(plan, {times})
"""


class ModuleBuildBundle(BaseDagBundle):
    """Serves one DAG file per module build that is unfinished, or finished not long ago.

    How long a finished build keeps its DAG is the setting `dag_retention`; after that Airflow hides it and keeps its
    history.
    """

    def __init__(self, *, registry_conn_id: str = REGISTRY, **kwargs: Any) -> None:
        self._changes: Changes | None = None
        self._stale = True
        super().__init__(**kwargs)
        self.keep = timedelta(days=settings().dag_retention)
        self.registry_conn_id = registry_conn_id

    @property
    def refresh_interval(self) -> int:
        """Seconds that the files may be old: none since the registry told of a change, else as configured.

        Airflow's DAG processor asks in every round of its loop, the only one who does. While it parses nothing it is
        kept waiting for a change: each round is a handful of queries, and it would make one every second.
        """
        self._stale = self._stale or self._changes is None or self._changes.heard(0 if has_children() else ROUND)
        return 0 if self._stale else self._longest

    @refresh_interval.setter
    def refresh_interval(self, seconds: int) -> None:
        self._longest = seconds

    @property
    def path(self) -> Path:
        """Directory of the DAG files."""
        return self.base_dir / "files"

    def initialize(self) -> None:
        """Fetch the files, unless this is a worker that has the one it came for."""
        wanted = get_parsing_context().dag_id
        if wanted is None or not (self.path / f"{wanted}.py").exists():
            self.refresh()
        super().initialize()

    def get_current_version(self) -> None:
        """Give no version: a plan does not change."""
        return

    def refresh(self) -> None:
        """Write the files of new module builds and remove those of old ones.

        While the registry does not answer the files stay as they are.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with self.lock():
                self._synchronise()
            self._stale = False
        except Infrastructure as error:
            log.warning("The registry does not answer; the DAGs of module builds stay as they are: %s", error)

    def view_url_template(self) -> str | None:
        """Give no page: the files are made, not kept somewhere."""
        return None

    def _synchronise(self) -> None:
        source = registry(self.registry_conn_id)
        self._changes = self._changes or Changes(source.engine)
        entries = {dag_id(entry.nsvc): entry for entry in source.builds.unfinished(finished_within=self.keep)}
        index = _read_index(self.base_dir / INDEX)
        changed = [entry.build_id for key, entry in entries.items() if not self._is_current(key, entry, index)]
        for stored in source.documents.plans(changed) if changed else ():
            self._write(stored)
        if changed or index.keys() != entries.keys():
            self._remove_all_but(entries)
            tokens = {key: entry.token for key, entry in entries.items()}
            replace(self.base_dir / INDEX, json.dumps(tokens))

    def _is_current(self, key: str, entry: BundleEntry, index: Mapping[str, str]) -> bool:
        return index.get(key) == entry.token and (self.path / f"{key}.py").exists()

    def _write(self, stored: StoredPlan) -> None:
        key = dag_id(stored.nsvc)
        replace(self.path / f"{key}.json", stored.plan)
        replace(self.path / f"{key}.py", source_of(stored))

    def _remove_all_but(self, keep: Iterable[str]) -> None:
        wanted = {f"{key}{suffix}" for key in keep for suffix in (".py", ".json")}
        for path in self.path.iterdir():
            if path.suffix in {".py", ".json"} and path.name not in wanted:
                path.unlink(missing_ok=True)


def source_of(stored: StoredPlan) -> str:
    """Give the text of the DAG file; nothing of the document can be anything but a comment in it."""
    lines = (f"# {printable(line)}".rstrip() for line in stored.modulemd.splitlines())
    times = {"submitted": stored.time_submitted, "restarted": stored.time_restarted}
    arguments = ", ".join(f"{name}={time.isoformat()!r}" for name, time in times.items() if time)
    return _SOURCE.format(document="\n".join(lines), build=str(stored.nsvc), times=arguments)


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old text or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def has_children() -> bool:
    """Tell whether this process has any: those of a DAG processor parse files."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _read_index(path: Path) -> dict[str, str]:
    try:
        index = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return index if isinstance(index, dict) else {}
