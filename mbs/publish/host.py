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
_SIGNATURES = ("SIGPGP", "SIGGPG", "RSAHEADER")
"""Where RPM keeps a signature: of the whole package, or of its header alone."""
_ASKED = (*_FIELDS, *(f"{tag}:pgpsig" for tag in _SIGNATURES))
QUERY = "\\t".join(f"%{{{asked}}}" for asked in _ASKED) + "\\n"
"""What `rpm --queryformat` is asked for; `installed_rpm` reads a line of the answer."""
_NONE = "(none)"
_KEY_ID = "Key ID "


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
    try:
        done = subprocess.run(
            ["rpm", "-qa", "--qf", QUERY], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return ()
    rpms = (installed_rpm(line) for line in sorted(done.stdout.splitlines()))
    return tuple(rpm for rpm in rpms if rpm["sigmd5"] is not None)


def installed_rpm(line: str) -> Mapping[str, object]:
    """Read one line of the answer to `QUERY`; what RPM does not have is None, `signature` is the id of the key."""
    values = [None if value == _NONE else value for value in line.split("\t")]
    described: dict[str, object] = {"type": "rpm", **dict(zip(_FIELDS, values, strict=False))}
    epoch, signatures = described["epoch"], filter(None, values[len(_FIELDS) :])
    signature = next((text.rpartition(_KEY_ID)[2] for text in signatures), None)
    return {**described, "epoch": None if epoch is None else int(str(epoch)), "signature": signature}
