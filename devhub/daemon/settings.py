"""What the builders are told when they start, from the section `builder` of the hub's YAML file and its options."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devhub import policy
from devhub.builder.latency import Latency, parse_latency
from devhub.settings import Settings, SettingsRefused

_WEEK = 7 * 24 * 3600.0
_PLAIN_PATH = re.compile(r"[\w./+@=~-]+")
_NUMBERS = ("repo_builders", "build_timeout", "git_timeout", "poll", "repo_expires", "repo_deleted")
_LISTS = ("assume", "allowed_scms", "always_build")
_LATENCY = ("latency", "seed", "time_scale")

#: What every platform that can run rpmbuild offers, and what RPMs that are built on it ask for.
PLATFORM = (
    *("bash", "coreutils", "cpio", "diffutils", "findutils", "gawk", "git*", "glibc*", "grep", "gzip", "info", "sed"),
    *("tar", "unzip", "util-linux", "which", "xz", "bzip2", "shadow-utils", "system-release*", "fedora-release*"),
    *("fedpkg-minimal", "gnupg2", "rpmdevtools", "dnf*", "python3", "perl-interpreter"),
    *("binutils", "gcc*", "make", "patch", "pkgconf*", "redhat-release*", "redhat-rpm-config", "rpm-build"),
    *("/bin/*", "/usr/bin/*", "/sbin/*", "/usr/sbin/*", "rpmlib(*)", "rtld(*)", "config(*)"),
    *("ld-linux*", "libc.so.*", "libm.so.*", "libdl.so.*", "libpthread.so.*", "librt.so.*", "libgcc_s.so.*"),
)

#: Where sources may come from: repositories on this machine, and Fedora's.
SOURCES = (":*", "localhost:*", "localhost:[0-9]*:*", "127.0.0.1:*", "src.fedoraproject.org:/*")


@dataclass(frozen=True, slots=True)
class BuilderSettings:
    """Directories, limits and models of the builders; times are seconds.

    files         the files tree that the hub serves, with `work`, `packages` and `repos` in it
    scratch       where builds happen; emptied at every start
    builders      builds that each host runs at once, and beside them `repo_builders` repositories
    assume        globs over requirements that the platform is taken to satisfy
    allowed_scms  `host:path` globs, the first match decides, `!` forbids (Koji's allowed_scms)
    simulate      make RPM files without compiling, except for packages that match `always_build`
    latency       what each stage takes at least
    policies      what everybody may do, and not only admins (see `devhub.policy`)
    repo_expires  how long a replaced repository stays READY, and after that `repo_deleted` until its files go
    """

    files: Path
    scratch: Path
    builders: int = 4
    repo_builders: int = 4
    assume: tuple[str, ...] = PLATFORM
    allowed_scms: tuple[str, ...] = SOURCES
    always_build: tuple[str, ...] = ("module-build-macros", "*-macros")
    simulate: bool = False
    latency: Latency = field(default_factory=Latency)
    policies: frozenset[str] = frozenset()
    build_timeout: float = 3600.0
    git_timeout: float = 300.0
    poll: float = 0.1
    repo_expires: float = _WEEK
    repo_deleted: float = _WEEK

    @classmethod
    def of(cls, hub: Settings) -> BuilderSettings:
        """Read the hub's settings; raises `SettingsRefused` with one line for a key or value that cannot be used.

        Keys are those of this class, with the latency as `latency` (see `devhub.builder.latency`), `seed` and
        `time_scale`.
        """
        given = {**hub.seed.get("builder", {}), **hub.builder_options}
        unknown = sorted(given.keys() - {*_NUMBERS, *_LISTS, *_LATENCY, "simulate"})
        if unknown:
            raise SettingsRefused(f"builder: unknown key {', '.join(unknown)}")
        state = hub.state.absolute()
        if not _PLAIN_PATH.fullmatch(str(state)):
            raise SettingsRefused(f"{state}: rpmbuild needs a path of letters, digits and ._+@=~- only")
        return cls(
            files=state / "files",
            scratch=state / "scratch",
            builders=hub.builders,
            simulate=bool(given.get("simulate", False)),
            latency=_latency(given),
            policies=policy.open_to_all(hub.seed.get("policy", {})),
            **{name: _number(name, given[name]) for name in _NUMBERS if name in given},
            **{name: _globs(name, given[name]) for name in _LISTS if name in given},
        )

    @property
    def workers(self) -> int:
        """Threads that work at the same time: simulated builds wait without one."""
        return 2 * (os.cpu_count() or 1) if self.simulate else 64


def _latency(given: dict[str, Any]) -> Latency:
    try:
        return parse_latency(given.get("latency") or "", int(given.get("seed", 0)), float(given.get("time_scale", 1.0)))
    except (TypeError, ValueError) as error:
        raise SettingsRefused(f"builder: {error}") from error


def _number(name: str, value: object) -> Any:  # noqa: ANN401 - int or float, as the field has it
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise SettingsRefused(f"builder: {name} must be a number of at least 0, not {value!r}")
    return value


def _globs(name: str, value: object) -> Any:  # noqa: ANN401 - a tuple; the dataclass has the type
    if not isinstance(value, list) or not all(isinstance(glob, str) for glob in value):
        raise SettingsRefused(f"builder: {name} must be a list of globs")
    return tuple(value)
