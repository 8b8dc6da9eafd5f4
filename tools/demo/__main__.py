"""`make demo`: start the service, build modules, say what came out; exit 0 when all of them were built."""

from __future__ import annotations

import os
import sys
import time

import click
from rich.console import Console

from mbs.model.errors import MbsError
from tools.demo.acts import ACTS, Act
from tools.demo.outcome import reused_of
from tools.demo.progress import lines
from tools.demo.summary import Shown, print_summary
from tools.demo.view import view_for
from tools.stack import StackProblem, manager
from tools.stack.client import RunningStack
from tools.stack.environment import forget_services
from tools.stack.layout import Layout, checkout, layout


@click.command()
@click.option("--timeout", default=600.0, show_default=True, help="Seconds that each build may take.")
def main(timeout: float) -> None:
    """Build the example modules on this machine, with an embedded Koji hub, and show it."""
    console = Console()
    try:
        sys.exit(0 if demo(console, timeout) else 1)
    except (StackProblem, MbsError) as problem:
        console.print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def demo(console: Console, timeout: float) -> bool:
    """Play every act, up to the first that fails, and sum up; give whether all of them succeeded."""
    begin = time.monotonic()
    stack = RunningStack(layout())
    console.print(beginning(stack.layout), markup=False, highlight=False, soft_wrap=True)
    manager.start(stack.layout, lambda text: console.print(f"  {text}", markup=False, highlight=False))
    stage = Stage(console, stack, timeout)
    succeeded = stage.play()
    print_summary(console, stack, stage.shown, time.monotonic() - begin)
    return succeeded


def beginning(stack: Layout) -> str:
    """Say what is started."""
    if stack.hub.own:
        return "Starting PostgreSQL, devhub and Airflow"
    return f"Starting PostgreSQL and Airflow, to build in {stack.hub.url} as {stack.hub.service.user}"


class Stage:
    """Where the acts are played: the running service, and what has been shown so far."""

    def __init__(self, console: Console, stack: RunningStack, timeout: float) -> None:
        self._console, self._stack, self._timeout = console, stack, timeout
        self.shown: list[Shown] = []

    def play(self) -> bool:
        """Play all acts, each on the results of those before it."""
        self._stack.publish_examples()
        self._console.print("Importing the platform")
        self._stack.import_platform()
        return all(self._act(number, act) for number, act in enumerate(ACTS, 1))

    def _act(self, number: int, act: Act) -> bool:
        begin = time.monotonic()
        self._console.print(f"\n{number} of {len(ACTS)}  {act.about}", style="bold", highlight=False, soft_wrap=True)
        act.before(self._stack.layout)
        build, registry = self._stack.example(act.module, act.stream), self._stack.registry
        with view_for(self._console, f"Building {build.plan.nsvc}", build.plan.arches) as view:

            def show(states: dict[str, str | None]) -> None:
                reason = registry.builds.get(build.build_id).state_reason
                view.show(lines(build.plan, states, reused_of(registry, build.build_id), reason))

            state = self._stack.follow(build, show, self._timeout)
        page = self._stack.api.page_of(build.dag_id, build.run_id)
        self.shown.append(Shown(build, page, time.monotonic() - begin))
        return state == "success"


if __name__ == "__main__":
    forget_services(os.environ, checkout())
    main()
