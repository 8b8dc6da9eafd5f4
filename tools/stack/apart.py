"""A stack beside the checkout's own: the same configuration, another AIRFLOW_HOME, ports that are free."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from tools.stack import manager
from tools.stack.layout import Layout, Ports, checkout, layout


def fresh_home(home: Path) -> Layout:
    """Make an empty AIRFLOW_HOME; end what a killed run left behind in one of the same name."""
    if home.exists():
        manager.stop(Layout(home, Ports()), lambda _: None)
        shutil.rmtree(home)
    home.mkdir(parents=True)
    for name in ("airflow.cfg", "dags", "plugins"):
        (home / name).symlink_to(checkout() / name)
    return layout(home, Ports(*free_ports(2)))


def free_ports(count: int) -> list[int]:
    """Give ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
