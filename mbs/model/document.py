"""A modulemd document as frozen data; nothing of libmodulemd's types leaks in here.

Field names are modulemd's own. Sequences are tuples in the document's order (components: sorted by name, as
libmodulemd gives them); mappings are plain dicts that nobody changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEVEL_SUFFIX = "-devel"
"""Of the name of a module's twin, which is published with it and has what the module leaves out."""

BUILD_GROUP_PROFILES = {"build": "buildroot", "srpm-build": "srpm-buildroot"}
"""Koji's build groups, and the profiles of build dependencies that fill them (MBS §12.2)."""

_BOOLEANS = {"TRUE": True, "FALSE": False}


def mapping_of(value: object) -> Mapping[str, object]:
    """Read a mapping out of xmd, where anything may stand; anything else is an empty one."""
    return value if isinstance(value, Mapping) else {}


def text_of(value: object) -> str | None:
    """Read a text out of xmd; None of an empty one, and of anything else."""
    return value if isinstance(value, str) and value else None


def texts_of(value: object) -> tuple[str, ...]:
    """Read a list of texts out of xmd; none of anything else: libmodulemd writes an empty list as an empty text."""
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def is_true(value: object) -> bool:
    """Read a boolean of xmd, where libmodulemd keeps all but TRUE and FALSE as text."""
    return value is True or str(value).lower() in {"true", "yes", "1"}


def plain_xmd(value: object) -> object:
    """Give `value` as it is after it was written and read: text, booleans, lists and dicts with text as keys.

    Numbers become text, None becomes empty text; TRUE and FALSE are booleans even where they were text (MBS §6.1).
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_xmd(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_xmd(item) for item in value]
    text = "" if value is None else str(value)
    return _BOOLEANS.get(text, text)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """One pair of `dependencies`: streams by module name, `-x` excludes, empty means any."""

    buildrequires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RpmComponent:
    """An entry of `components.rpms`."""

    name: str
    """The package; the whole service knows a component by it."""
    rationale: str = ""
    repository: str | None = None
    cache: str | None = None
    ref: str | None = None
    arches: tuple[str, ...] = ()
    multilib: tuple[str, ...] = ()
    buildorder: int = 0
    buildafter: tuple[str, ...] = ()
    """The packages that are built before; in the document they are called by their labels."""
    buildonly: bool = False
    buildroot: bool = False
    srpm_buildroot: bool = False
    label: str = ""
    """The entry's key, where it is another name than the package's (`name:`)."""

    @property
    def where(self) -> str:
        """Path in the document."""
        return f"data.components.rpms.{self.label or self.name}"


@dataclass(frozen=True, slots=True)
class ModuleComponent:
    """An entry of `components.modules`: a module whose components are built as part of this one."""

    name: str
    rationale: str = ""
    repository: str | None = None
    ref: str | None = None
    buildorder: int = 0
    buildafter: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Path in the document."""
        return f"data.components.modules.{self.name}"


@dataclass(frozen=True, slots=True)
class BuildOpts:
    """`buildopts`: RPM macros (verbatim), the whitelist of SRPM names, and the arches to build for."""

    rpm_macros: str | None = None
    rpm_whitelist: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Modulemd:
    """One module stream document (`modulemd` v2; v1 is upgraded while reading)."""

    name: str | None
    stream: str | None
    version: int = 0
    context: str | None = None
    arch: str | None = None
    static_context: bool = False
    summary: str = ""
    description: str = ""
    module_licenses: tuple[str, ...] = ()
    content_licenses: tuple[str, ...] = ()
    dependencies: tuple[Dependencies, ...] = ()
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """RPM names by profile name; `buildroot` and `srpm-buildroot` fill Koji's build groups."""
    rpm_api: tuple[str, ...] = ()
    rpm_filter: tuple[str, ...] = ()
    rpm_artifacts: tuple[str, ...] = ()
    rpms: tuple[RpmComponent, ...] = ()
    modules: tuple[ModuleComponent, ...] = ()
    buildopts: BuildOpts = field(default_factory=BuildOpts)
    xmd: Mapping[str, object] = field(default_factory=dict)
    text: str = field(default="", compare=False, repr=False)
    """The YAML (v2) of exactly this document, as libmodulemd dumps it; what is not modelled here lives on in it."""

    @property
    def xmd_mbs(self) -> Mapping[str, object]:
        """`xmd.mbs`, empty where it is missing."""
        return mapping_of(self.xmd.get("mbs"))

    @property
    def mbs_options(self) -> Mapping[str, object]:
        """`xmd.mbs_options`, empty where it is missing."""
        return mapping_of(self.xmd.get("mbs_options"))


@dataclass(frozen=True, slots=True)
class Configuration:
    """An entry of packager v3's `configurations`: a static context with single streams."""

    context: str
    platform: str
    buildrequires: Mapping[str, str] = field(default_factory=dict)
    requires: Mapping[str, str] = field(default_factory=dict)
    buildopts: BuildOpts = field(default_factory=BuildOpts)


@dataclass(frozen=True, slots=True)
class PackagerV3:
    """A `modulemd-packager` v3 document: one body, one stream document per configuration."""

    body: Modulemd
    configurations: tuple[Configuration, ...]
    streams: tuple[Modulemd, ...]
    """What libmodulemd makes of the configurations: one v2 document each, with its context, static."""
