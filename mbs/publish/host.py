"""Where an import is made: part of what Koji keeps about a module's build (§16.2)."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

from mbs.modulemd.reader import LIBRARY_VERSION
from mbs.publish.metadata import Host

DISTRIBUTION = "airflow-module-build-service"
_TIMEOUT = 60.0
_FIELDS = ("name", "version", "release", "arch", "epoch", "sigmd5")
_NONE = "(none)"


@cache
def this_host() -> Host:
    """Describe this machine and this service, once per process."""
    return Host(
        arch=platform.machine(),
        os=_os_name(),
        version=version(DISTRIBUTION),
        tools={"libmodulemd": LIBRARY_VERSION, "airflow": version("apache-airflow"), "koji": version("koji")},
        rpms=_installed_rpms(),
    )


def _os_name() -> str:
    """Give `Fedora Linux 42`; a system without os-release says what its kernel is."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.system()
    return f"{release['NAME']} {release.get('VERSION_ID', '')}".strip()


def _installed_rpms() -> tuple[Mapping[str, object], ...]:
    """List the installed packages; keys of signers have no checksum and are none.

    A machine without an RPM database has nothing to tell.
    """
    if shutil.which("rpm") is None:
        return ()
    query = "\\t".join(f"%{{{field}}}" for field in _FIELDS) + "\\n"
    try:
        done = subprocess.run(
            ["rpm", "-qa", "--qf", query], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return ()
    return tuple(installed_rpm(line) for line in sorted(done.stdout.splitlines()) if not line.endswith(_NONE))


def installed_rpm(line: str) -> Mapping[str, object]:
    """Read one line of the query; a package without an epoch has None."""
    values: dict[str, object] = {"type": "rpm", **dict(zip(_FIELDS, line.split("\t"), strict=True))}
    epoch = values["epoch"]
    return {**values, "epoch": None if epoch == _NONE else int(str(epoch))}
