"""Building the SRPM with `rpmbuild -bs`: the same texts give the same file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mbs.errors import MbsError
from mbs.macros.text import NAME, SOURCE

_TIMEOUT = 60.0
_FILE_TIME = 946684800
"""Of the sources: 2000-01-01 in seconds since the epoch."""
_REPRODUCIBLE = {
    "source_date_epoch_from_changelog": "1",
    "use_source_date_epoch_as_buildtime": "1",
    "_buildhost": "localhost",
    "_source_payload": "w9.gzdio",
}
"""The build's time is the changelog's, and nothing of the host shows in the file.

The spec names its directories by RPM's variables instead of its macros for the same end: RPM keeps the expanded spec.
"""


class SrpmFailed(MbsError):
    """rpmbuild did not make an SRPM; its output says why."""


def build_srpm(directory: Path, spec: str, macros: str) -> Path:
    """Write the texts below `directory`, build, and give the SRPM's path; the directory must not hold another SRPM."""
    sources = directory / "SOURCES"
    sources.mkdir(parents=True, exist_ok=True)
    spec_file = _written(sources / f"{NAME}.spec", spec)
    _written(sources / SOURCE, macros)
    done = _run(["rpmbuild", *_defines(directory), "-bs", "--nodeps", str(spec_file)], directory)
    srpms = list((directory / "SRPMS").glob("*.src.rpm"))
    if done.returncode or len(srpms) != 1:
        raise SrpmFailed(f"rpmbuild of {NAME} failed:\n{(done.stdout + done.stderr).strip()}")
    return srpms[0]


def _run(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise SrpmFailed(
            f"{command[0]} is not on this machine; install the package rpm-build (rpm on Debian)"
        ) from None
    except subprocess.TimeoutExpired:
        raise SrpmFailed(f"{command[0]} did not end within {_TIMEOUT:g} seconds; is this machine overloaded?") from None


def _defines(directory: Path) -> list[str]:
    macros = {"_topdir": str(directory), "_sourcedir": str(directory / "SOURCES")}
    return [word for name, body in (macros | _REPRODUCIBLE).items() for word in ("--define", f"{name} {body}")]


def _environment(directory: Path) -> dict[str, str]:
    """Leave the user's macros out: they are looked for in HOME."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _written(path: Path, text: str) -> Path:
    """Write a source with a fixed time, since RPM keeps the times of sources."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    os.utime(path, (_FILE_TIME, _FILE_TIME))
    return path
