"""The three acts of the demo: a module, one that is built on top of it, and the first again with one change."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devhub.examples import publish
from tools.stack.layout import Layout, checkout


@dataclass(frozen=True, slots=True)
class Act:
    """One module build to show."""

    module: str
    stream: str
    about: str
    """What is to be seen, one line."""
    before: Callable[[Layout], object] = lambda _: None
    """What happens in the git repositories first."""


def change_greet(layout: Layout) -> None:
    """Commit a change of the program in the git repository of the package greet."""
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch, "rpms", "greet")
        shutil.copytree(checkout() / "examples" / "rpms" / "greet", package)
        source = package / "greet.c"
        source.write_text(source.read_text().replace("no greeting in", "no greeting is known in"))
        publish(Path(scratch), layout.examples)


ACTS = (
    Act("greeter", "1", "greeter: five packages in three batches, for two arches"),
    Act("salute", "1", "salute: a module on top, built with greeter's libgreet-devel"),
    Act("greeter", "1", "greeter again: a commit has changed greet, in its last batch", change_greet),
)
