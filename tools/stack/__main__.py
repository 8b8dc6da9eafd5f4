"""`python -m tools.stack start|stop|status`."""

from __future__ import annotations

import click

from tools.stack import manager, secrets
from tools.stack.layout import layout
from tools.stack.problem import StackProblem


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
    """Tell what runs; exit 1 where not everything is ready."""
    found = manager.status(layout())
    for name, state in found.items():
        click.echo(f"{name:15} {state}")
    raise SystemExit(0 if set(found.values()) == {"ready"} else 1)


if __name__ == "__main__":
    try:
        main()
    except StackProblem as problem:
        click.echo(str(problem), err=True)
        raise SystemExit(1) from None
