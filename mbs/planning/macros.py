"""module-build-macros as pure text: its macro file, its spec, and what may not enter the buildroot (§13)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from mbs.model.errors import Unprocessable
from mbs.model.naming import MACROS
from mbs.model.nsvc import NSVC


@dataclass(frozen=True, slots=True)
class Conflicts:
    """RPMs to conflict with, of one list."""

    key: str
    """Where MBS lists them in the document; the comment in the spec."""
    rpms: tuple[str, ...]
    """Each as `name-epoch:version-release`."""


def conflicts(
    filtered: Mapping[str, Iterable[str]], shadowed: Iterable[str], *, module: str, reused: Collection[str] = ()
) -> tuple[Conflicts, ...]:
    """Give what dependencies filter (`filtered`, by their names), then what base modules must not bring (`shadowed`).

    A module that is built against itself (`module` is its name) keeps what it filters but is about to reuse:
    `reused` are NVRs (`name-version-release`).
    """
    kept = {**filtered, module: [rpm for rpm in filtered.get(module, ()) if _without_epoch(rpm) not in reused]}
    groups = [Conflicts(f"xmd.mbs.buildrequires.{name}.filtered_rpms", tuple(kept[name])) for name in sorted(kept)]
    groups.append(Conflicts("xmd.mbs.ursine_rpms", tuple(shadowed)))
    return tuple(group for group in groups if group.rpms)


def _without_epoch(rpm: str) -> str:
    name, epoch_version, release = rpm.rsplit("-", 2)
    return f"{name}-{epoch_version.partition(':')[2] or epoch_version}-{release}"


VERSION = "0.1"
MACROS_FILE = "/etc/rpm/macros.zz-modules"
"""Sorts after the distribution's macros.dist, so that its %dist wins."""
SOURCE = "macros.modules"
"""Name of the macro file in the SRPM."""

_HARMLESS = re.compile(r"[A-Za-z0-9._+~^:@=,/-]+")
_NO_TIME = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def macro_file(nsvc: NSVC, dist: str, macros: str | None) -> str:
    """Give the content of the macro file; `dist` has no leading dot, `macros` is `buildopts.rpms.macros`.

    Raises `Unprocessable` where a value could break out of its line.
    """
    values = {
        "dist": f".{dist}",
        "modularitylabel": str(nsvc),
        "_module_build": "1",
        "_module_name": nsvc.name,
        "_module_stream": nsvc.stream,
        "_module_version": str(nsvc.version),
        "_module_context": nsvc.context,
    }
    lines = "".join(f"%{name} {_harmless(value)}\n" for name, value in values.items())
    return f"{lines}\n{macros.rstrip()}\n" if macros and macros.strip() else lines


def packagers_macros(content: str) -> str:
    """Give `buildopts.rpms.macros` back out of a macro file, where they follow the first empty line."""
    return content.partition("\n\n")[2]


def spec(nsvc: NSVC, dist: str, conflicts: Sequence[Conflicts]) -> str:
    """Give the spec; the same input gives the same text, also its changelog's date.

    Raises `Unprocessable` where a value could break out of its line.
    """
    template = Template(files("mbs.planning").joinpath("module-build-macros.spec.txt").read_text("utf-8"))
    return template.substitute(
        package=MACROS,
        version=VERSION,
        dist=_harmless(dist),
        label=_harmless(str(nsvc)),
        module_name=_harmless(nsvc.name),
        module_stream=_harmless(nsvc.stream),
        module_version=nsvc.version,
        module_context=_harmless(nsvc.context),
        source=SOURCE,
        macros_file=MACROS_FILE,
        conflicts="".join(_conflicts(group) for group in conflicts),
        date=_date(nsvc.version),
    )


def _conflicts(group: Conflicts) -> str:
    lines = "".join(f"Conflicts: {_conflict(rpm)}\n" for rpm in group.rpms)
    return f"# {_harmless(group.key)}\n{lines}" if lines else ""


def _conflict(rpm: str) -> str:
    """Turn `name-epoch:version-release` into what stands after `Conflicts:`."""
    parts = _harmless(rpm).rsplit("-", 2)
    if len(parts) != 3 or not all(parts):
        raise Unprocessable(f"{rpm!r} is not an RPM as name-epoch:version-release")
    name, epoch_version, release = parts
    return f"{name} = {epoch_version}-{release}"


def _harmless(value: str) -> str:
    if not _HARMLESS.fullmatch(value):
        raise Unprocessable(f"{value!r} cannot stand in an RPM macro: only letters, digits and ._+~^:@=,/- can")
    return value


def _date(version: int) -> str:
    """Give the changelog's date; a module's version ends with the time of its commit (§7.1)."""
    try:
        when = dt.datetime.strptime(str(version)[-14:], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        when = _NO_TIME
    when = max(_NO_TIME, when)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[when.weekday()]
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][when.month - 1]
    return f"{day} {month} {when.day:02} {when.year}"
