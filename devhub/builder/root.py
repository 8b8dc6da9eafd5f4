"""A build root without a chroot: RPMs unpacked into a directory, and an environment that makes tools look there first.

A namespace or an overlay would need privileges that a laptop's container often lacks. Instead the compiler, the linker,
pkg-config, the loader and the shell are pointed at the directory, and rpmbuild reads the macro files in it. A build
that uses an absolute path below /usr does not see the directory; the examples look things up beside their tools.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from devhub.builder.payload import unpack
from devhub.builder.process import HOST_PATH, host_environment, output_of

_LIBRARIES = ("usr/lib64", "usr/lib", "lib64", "lib")
_PROGRAMS = ("usr/bin", "bin", "usr/sbin", "sbin")
_ABSOLUTE_VARIABLE = re.compile(rb"^(\w+)\s*=\s*/usr(?=/|$)", re.MULTILINE)
_MACRO_PATH = re.compile(r"^(?:Macro path|macrofiles)\s*: (.*)$", re.MULTILINE)


def lay_out(root: Path, rpms: Iterable[Path]) -> None:
    """Unpack RPMs into `root` and make their pkg-config files speak of it instead of /usr."""
    root.mkdir(parents=True, exist_ok=True)
    for rpm in rpms:
        unpack(rpm, root)
    for file in root.glob("usr/*/pkgconfig/*.pc"):
        file.write_bytes(_ABSOLUTE_VARIABLE.sub(rb"\1=${pcfiledir}/../..", file.read_bytes()))


def environment(root: Path, home: Path) -> dict[str, str]:
    """Environment in which programs, headers and libraries of the root come before the host's."""
    libraries = _paths(root, _LIBRARIES)
    pkg_config = (*(f"{directory}/pkgconfig" for directory in _LIBRARIES[:2]), "usr/share/pkgconfig")
    return host_environment(home) | {
        "PATH": f"{_paths(root, _PROGRAMS)}:{HOST_PATH}",
        "CPATH": _paths(root, ("usr/include",)),
        "LIBRARY_PATH": libraries,
        "LD_LIBRARY_PATH": libraries,
        "PKG_CONFIG_PATH": _paths(root, pkg_config),
    }


def macro_path(root: Path) -> str:
    """The value of rpm's `--macros`: the host's distribution macros, then those of the root.

    Files of the root follow in rpm's own order, /usr/lib/rpm/macros.d before /etc/rpm, each sorted by name. What the
    host's administrator or user configured does not count, as it would not in a clean build root.
    """
    ours = [*sorted(root.glob("usr/lib/rpm/macros.d/macros.*")), *sorted(root.glob("etc/rpm/macros.*"))]
    return ":".join([*_distribution_macros(), *map(str, ours)])


@cache
def _distribution_macros() -> tuple[str, ...]:
    shown = _MACRO_PATH.search(output_of(["rpm", "--showrc"]))
    if shown is None:
        raise RuntimeError("rpm --showrc does not say where its macros are; is this rpm older than 4.14?")
    return tuple(entry for entry in shown[1].split(":") if not entry.startswith(("/etc/", "~")))


def _paths(root: Path, directories: Iterable[str]) -> str:
    return ":".join(str(root / directory) for directory in directories)
