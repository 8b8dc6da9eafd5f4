"""`python -m tools.stack start|stop|status`."""

from __future__ import annotations

import os

import click

from tools.stack import StackProblem, manager, secrets
from tools.stack.environment import forget_services
from tools.stack.layout import checkout, layout


@click.group()
def main() -> None:
    """Run the whole service on this machine."""


@main.command()
def start() -> None:
    """Start what does not run, and wait until everything is ready."""
    stack = layout()
    manager.start(stack, click.echo)
    click.echo(f"Airflow: {stack.ui_url}, user admin, password {secrets.password(stack, 'admin')}")


@main.command()
def stop() -> None:
    """Stop everything that was started."""
    manager.stop(layout(), click.echo)


@main.command()
def status() -> None:
    """Tell what runs and what was started again; exit 1 where not everything is ready."""
    found = manager.status(layout())
    for name, each in found.items():
        click.echo(f"{name:15} {each.state:10}{_restarts(each)}".rstrip())
    raise SystemExit(0 if {each.state for each in found.values()} == {"ready"} else 1)


def _restarts(status: manager.Status) -> str:
    if not status.restarts:
        return ""
    times = "once" if status.restarts == 1 else f"{status.restarts} times"
    return f"restarted {times}, last at {status.starts[-1].astimezone():%Y-%m-%d %H:%M:%S}"


if __name__ == "__main__":
    forget_services(os.environ, checkout())
    try:
        main()
    except StackProblem as problem:
        click.echo(str(problem), err=True)
        raise SystemExit(1) from None
