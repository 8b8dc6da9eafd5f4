"""Who types what the documentation shows, in a checkout whose service runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from tests.docs.pages import ADMINISTRATOR, ROOT, Page, Place, environment, follow, make_checkout
from tools.stack.layout import Layout

USUAL = "http://localhost:8080"
TUTORIAL = Page(ROOT / "docs" / "tutorial" / "first-module.md")


@dataclass(frozen=True)
class Reader:
    """A shell in the home of a stack, which is all of a checkout to it."""

    layout: Layout
    home: Path

    def follow(self, page: Page) -> None:
        """Type the commands of a page; fail where they do, or print something else than the page says."""
        checkout = self.layout.home
        if not (checkout / ".venv").exists():
            make_checkout(checkout)
        self._provide_rpkg()
        page.write_files(checkout)
        for name in filter(None, (block.file for block in page.blocks)):
            (checkout / name).write_text(self._here((checkout / name).read_text()))
        commands = [replace(command, line=self._here(command.line)) for command in page.commands(Place.SERVICE)]
        follow([ADMINISTRATOR, *commands], checkout, self._variables(), seconds=600)

    def _here(self, text: str) -> str:
        """Put this stack's address in the place of the one that every other has."""
        return text.replace(USUAL, self.layout.ui_url)

    def _provide_rpkg(self) -> None:
        """Put the command on the path, which the package of a distribution does elsewhere."""
        command = self.home / "bin" / "rpkg"
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\nexec {ROOT}/.venv/clients/bin/python {ROOT}/tests/clients/rpkg "$@"\n')
        command.chmod(0o755)

    def _variables(self) -> dict[str, str]:
        """Give what differs from a stack that was started without any variable, and Airflow's home."""
        ports = {name: str(port) for name, port in self.layout.ports.named().items()}
        home = str(self.layout.home)
        known = environment(self.home, **ports, MBS_STACK=home, MBS_API_URL=self.layout.ui_url, AIRFLOW_HOME=home)
        return known | {"PATH": f"{self.home / 'bin'}{os.pathsep}{known['PATH']}"}
