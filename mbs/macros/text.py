"""The macro file and the spec of module-build-macros, as pure text.

What comes from a document stands in these texts where RPM expands macros, so only harmless characters pass; the
packager's own macros (`buildopts.rpms.macros`) are verbatim by design, and reach the macro file only.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from importlib.resources import files
from string import Template

from mbs.errors import Unprocessable
from mbs.macros.conflicts import Conflicts
from mbs.nsvc import NSVC

NAME = "module-build-macros"
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


def spec(nsvc: NSVC, dist: str, conflicts: Sequence[Conflicts]) -> str:
    """Give the spec; the same input gives the same text, also its changelog's date.

    Raises `Unprocessable` where a value could break out of its line.
    """
    template = Template(files("mbs.macros").joinpath("module-build-macros.spec.txt").read_text("utf-8"))
    return template.substitute(
        package=NAME,
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
