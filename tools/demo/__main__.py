"""`make demo`: start the service, build a module, say what came out; exit 0 when it was built."""

from __future__ import annotations

import sys
import time

import click
from rich.console import Console

from tools.airflow_api import ApiError
from tools.demo import story
from tools.demo.progress import lines
from tools.demo.summary import print_summary
from tools.demo.view import view_for
from tools.stack import manager
from tools.stack.layout import layout
from tools.stack.problem import StackProblem


@click.command()
@click.option("--timeout", default=600.0, show_default=True, help="Seconds that the build may take.")
def main(timeout: float) -> None:
    """Build the example module on this machine, with an embedded Koji hub, and show it."""
    console = Console()
    try:
        demo(console, timeout)
    except (StackProblem, ApiError) as problem:
        console.print(str(problem), style="red", markup=False)
        sys.exit(1)


def demo(console: Console, timeout: float) -> None:
    """Do every step; exit 1 where the build failed."""
    begin = time.monotonic()
    stack = layout()
    console.print("Starting PostgreSQL, devhub and Airflow")
    manager.start(stack, lambda text: console.print(f"  {text}", markup=False, highlight=False))
    api, registry = story.api_of(stack), story.registry_of(stack)
    examples = story.publish_examples(stack)
    console.print("Importing the platform")
    story.import_platform(api)
    console.print("Submitting greeter, stream 1")
    build = story.submit(api, registry, examples / "modules" / "greeter", "1")
    with view_for(console, f"Building {build.plan.nsvc}", build.plan.arches) as view:
        state = story.follow(api, build, lambda states: view.show(lines(build.plan, states)), timeout)
    print_summary(console, stack, registry, build, time.monotonic() - begin)
    sys.exit(0 if state == "success" else 1)


if __name__ == "__main__":
    main()
