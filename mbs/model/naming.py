"""Names that are an API: of a module build in Koji (MBS §7.6, §12.1), of the pool, and of the form `submit_module`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict
from urllib.parse import quote

from mbs.model.document import DEVEL_SUFFIX, text_of
from mbs.model.errors import Unprocessable
from mbs.model.nsvc import NSVC
from mbs.model.registered import RegisteredModule

BUILD_SUFFIX = "-build"
MACROS = "module-build-macros"
"""The component of batch 0 that every module build with components has."""
NOARCH = "noarch"
"""The arch of what is the same on all; Koji builds it once."""
KOJI_BUILDS = "koji_builds"
"""Airflow's pool of the arch builds in Koji: a task holds its slot for as long as it waits."""
READY_MODULES = ("modules ready", "module-build://ready/")
"""Name and URI of Airflow's asset of all modules, in its normal form; an event is a module build that became ready."""
CONTENT_GENERATOR = "module-build-service"
"""As which Koji knows whoever imports modules; clients of MBS look for this name."""
MAX_TAG = 256
"""Characters of a build tag's name."""
MAX_TARGET = 50
"""Characters of a target's name in Koji."""

_KOJI_NAME = re.compile(rf"[A-Za-z0-9/_.+-]{{1,{MAX_TAG}}}")
_USER_NAME = re.compile(rf"[A-Za-z0-9/_.@-]{{1,{MAX_TAG}}}")
_FIELDS = ("name", "stream", "version", "context")
_FIELD = re.compile(rf"\{{({'|'.join(_FIELDS)})\}}")
_BRACES = re.compile(r"\{[^{}]*\}?|\}")


class KojiBuild(NamedTuple):
    """Name, version and release of a module's build in Koji."""

    name: str
    version: str
    release: str

    def __str__(self) -> str:
        """Give the NVR."""
        return "-".join(self)


def koji_tag(nsvc: NSVC, *, scratch_id: int | None = None) -> str:
    """Name the tag that collects the module's builds: `module-<n>-<s>-<v>-<c>`, hashed where that is too long.

    A scratch build has `scrmod-` and its id, so that it never meets a real one.
    """
    return _name(nsvc, scratch_id, MAX_TAG - len(BUILD_SUFFIX))


def tag_from_template(template: str, nsvc: NSVC) -> str:
    """Name the tag of a module that was built elsewhere: `module-{name}-{stream}-{version}-{context}`.

    Raises `Unprocessable` where the template has another field, or Koji could have no tag of that name.
    """
    if unknown := sorted(set(_BRACES.findall(template)) - {f"{{{field}}}" for field in _FIELDS}):
        raise Unprocessable(
            f"The template of Koji tags {template!r} has {', '.join(unknown)}: write "
            f"{', '.join(f'{{{field}}}' for field in _FIELDS)} only"
        )
    tag = _FIELD.sub(lambda found: str(getattr(nsvc, found[1])), template)
    if not is_koji_name(tag):
        raise Unprocessable(
            f"The Koji tag {tag!r}, made from a template, is not one that Koji allows: letters, digits and / _ . + -, "
            f"{MAX_TAG} characters at most"
        )
    return tag


def is_koji_name(text: str) -> bool:
    """Say whether Koji could have a tag of that name (`RegexNameInternal` and `MaxNameLengthInternal` of a hub)."""
    return _KOJI_NAME.fullmatch(text) is not None


def is_user_name(text: str) -> bool:
    """Say whether Koji could have a user of that name (`RegexUserName` and `MaxNameLengthInternal` of a hub)."""
    return _USER_NAME.fullmatch(text) is not None


def build_tag(tag: str) -> str:
    """Name the tag that the buildroot is made from."""
    return tag + BUILD_SUFFIX


def target(nsvc: NSVC, *, scratch_id: int | None = None) -> str:
    """Name the build target: like the tag, but Koji allows 50 characters only."""
    return _name(nsvc, scratch_id, MAX_TARGET)


def dist(nsvc: NSVC, *, index: int, marking: str | None, scratch: bool = False, prefix: str = "module+") -> str:
    """Give the suffix of RPM releases without its dot: `module+f28+2+814cfa39`.

    `index` is the smallest id among the builds of one submission, so that the contexts of it agree.
    """
    marked = f"{marking}+" if marking else ""
    return f"{'scrmod+' if scratch else prefix}{marked}{index}+{_hash(nsvc, 8)}"


def dist_marking(
    buildrequires: Mapping[str, RegisteredModule], privileged: Iterable[str], base_module_names: Iterable[str]
) -> str | None:
    """Find what marks the platform in the dist: of a privileged module, else of a base module, else its stream."""
    for name in privileged:
        if name in buildrequires and (marking := _own_marking(buildrequires[name])):
            return marking
    for name in base_module_names:
        if name in buildrequires:
            return _own_marking(buildrequires[name]) or buildrequires[name].nsvc.stream
    return None


def koji_build(nsvc: NSVC, *, devel: bool = False) -> KojiBuild:
    """Name the module's own build in Koji, or its `-devel` twin."""
    name = f"{nsvc.name}{DEVEL_SUFFIX}" if devel else nsvc.name
    return KojiBuild(name, nsvc.stream.replace("-", "_"), f"{nsvc.version}.{nsvc.context}")


def _name(nsvc: NSVC, scratch_id: int | None, limit: int) -> str:
    """Give the readable name, or the hashed one where it is longer than `limit`."""
    prefix, end = ("module", "") if scratch_id is None else ("scrmod", f"+{scratch_id}")
    readable = f"{prefix}-{nsvc.name}-{nsvc.stream}-{nsvc.version}-{nsvc.context}{end}"
    return readable if len(readable) <= limit else f"{prefix}-{_hash(nsvc, 16)}{end}"


def _hash(nsvc: NSVC, digits: int) -> str:
    """Hash the NSVC, joined by dots."""
    text = f"{nsvc.name}.{nsvc.stream}.{nsvc.version}.{nsvc.context}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:digits]


def _own_marking(module: RegisteredModule) -> str | None:
    """Give `xmd.mbs.disttag_marking` where it is set."""
    return text_of(module.document.xmd_mbs.get("disttag_marking"))


PREFIX = "/module-build-service"
"""Where the REST API is, at any server that has it."""
OURS = 3
"""The version of it that is not MBS's."""

SUBMIT_DAG = "submit_module"
SUBMIT_TASK = "submit"

PROBLEMS = "problems"
"""XCom key of a refusal: every problem, a list of texts."""
BUILDS = "builds"
"""XCom key of what a submission has become: a list of `SubmittedBuild`."""


class SubmittedBuild(TypedDict):
    """A module build of a submission."""

    id: int
    """Number in the registry."""
    nsvc: str
    dag_id: str
    outcome: str
    """What became of it, as the end of a sentence: `is submitted`."""


def stream_asset(name: str, stream: str) -> tuple[str, str]:
    """Give name and URI of Airflow's asset of one stream; an event is a build of it that became ready."""
    return f"{name}:{stream}", f"module-build://stream/{quote(name)}/{quote(stream, safe='')}"
