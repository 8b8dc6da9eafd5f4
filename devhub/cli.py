"""The command `devhub`: an embedded Koji hub for development and tests."""

from __future__ import annotations

import logging
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from devhub.client import PROFILE, write_configuration
from devhub.database import StateRefused
from devhub.examples import publish
from devhub.init import open_hub
from devhub.server import PortInUse, Server, listen
from devhub.settings import Settings, SettingsRefused, read_seed

if TYPE_CHECKING:
    from devhub.daemon import Daemon

STATE = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("var/devhub"),
    show_default=True,
    help="Directory of everything the hub keeps.",
)
CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML of users, hosts and tags for an empty hub [default: the one that comes with devhub].",
)


@click.group()
def main() -> None:
    """Run a small Koji hub that really builds RPMs.

    Users of a new hub are kojiadmin, mbs and alice, their passwords their names: for development only.
    """


@main.command()
@STATE
@CONFIG
def init(state: Path, config: Path | None) -> None:
    """Make the state directory of a hub, and do nothing to one that is there."""
    try:
        open_hub(Settings(state=state, seed=read_seed(config)))
    except (StateRefused, SettingsRefused, OSError) as error:
        _give_up(error)
    click.echo(f"The hub's state is in {state}.")


@main.command()
@STATE
@CONFIG
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--builders", type=click.IntRange(0), default=2, show_default=True, help="Concurrent tasks per arch.")
@click.option("--threads", type=click.IntRange(1), default=8, show_default=True, help="Concurrent requests.")
@click.option("--max-body", type=click.IntRange(1), default=64 << 20, show_default=True, help="Largest request, bytes.")
@click.option("--max-upload", type=click.IntRange(1), default=4 << 30, show_default=True, help="Largest file, bytes.")
@click.option("--verbose", is_flag=True, help="Log what the builders do.")
@click.option("--simulate/--compile", default=None, help="Make RPM files without compiling, or really build [default].")
@click.option("--latency", help='Model of times: "srpm=fixed:20 build=lognormal:240:0.8 repo=uniform:60:180".')
@click.option("--seed", type=int, help="Seed of the latency model.")
@click.option("--time-scale", type=click.FloatRange(0), help="Seconds of this machine per second of the model.")
def serve(config: Path | None, verbose: bool, **options: Any) -> None:
    """Serve hub, files and builders until interrupted."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    models = {name: options.pop(name) for name in ("simulate", "latency", "seed", "time_scale")}
    given = {name: value for name, value in models.items() if value is not None}
    try:
        settings = Settings(seed=read_seed(config), builder_options=given, **options)
        listener = listen(settings)  # before anything is made: a port in use leaves no state behind
        daemon = _daemon(settings)
        server = Server(open_hub(settings), settings, listener)
    except (StateRefused, SettingsRefused, PortInUse, OSError) as error:
        _give_up(error)
    _run(server, daemon, settings.state)


@main.command()
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), default=Path("var/examples"), show_default=True
)
@click.option("--from", "source", type=click.Path(file_okay=False, path_type=Path), default=Path("examples"))
def examples(into: Path, source: Path) -> None:
    """Make git repositories of the examples (again: commit what has changed) and print their URLs."""
    try:
        urls = publish(source, into)
    except (OSError, subprocess.CalledProcessError) as error:
        _give_up(error)
    for name, url in urls.items():
        click.echo(f"{name} {url}")


def _daemon(settings: Settings) -> Daemon | None:
    """Make the builders, unless there shall be none; they begin to work when the server is up."""
    if not settings.builders:
        return None
    from devhub.daemon import BuilderSettings, Daemon  # noqa: PLC0415 - they need libsolv, the hub alone does not

    BuilderSettings.of(settings)  # refused before anything is made
    return Daemon(open_hub(settings), settings)


def _run(server: Server, daemon: Daemon | None, state: Path) -> None:
    signal.signal(signal.SIGTERM, _stop)
    configuration = write_configuration(state, server.url)
    if daemon is not None:
        daemon.start()
    click.echo(f"Koji hub: {server.url}")
    click.echo(f"Use it:   koji -c {shlex.quote(str(configuration))} -p {PROFILE} --user mbs --password mbs list-tags")
    sys.stdout.flush()
    try:
        server.run()
    except SystemExit:
        pass
    finally:
        server.close()
        if daemon is not None:
            daemon.stop()


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _give_up(error: Exception) -> NoReturn:
    click.echo(f"devhub: {error}", err=True)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
