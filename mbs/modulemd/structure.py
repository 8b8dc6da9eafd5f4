"""The fields of modulemd documents, to tell every structural problem at once.

libmodulemd stops at the first, and reads over unknown fields; a misspelt `buildorder` would build in another order
(docs/decisions/0003). The fields are those of modulemd v1 and v2 and modulemd-packager v2 and v3.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from mbs.errors import Problem
from mbs.modulemd.shapes import Anything, ListOf, MapOf, Record, Shape, Text, Texts

_TEXT = Text()
_TEXTS = Texts()
_NUMBER = Text(r"[+-]?[0-9]{1,18}", "a number")
_VERSION = Text(r"[0-9]{1,20}", "a number of at most 64 bits")
_BOOLEAN = Text(r"true|false", "true or false")
_PACKAGE = Text(r"[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,127}", "a package name (letters, digits and . _ + ~ ^ -)")
_RPMS = Record({"rpms": _TEXTS}, may_be_empty=True)

_RPM = Record(
    {
        "rationale": _TEXT,
        "name": _TEXT,
        "repository": _TEXT,
        "cache": _TEXT,
        "ref": _TEXT,
        "buildonly": _BOOLEAN,
        "buildroot": _BOOLEAN,
        "srpm-buildroot": _BOOLEAN,
        "buildorder": _NUMBER,
        "buildafter": _TEXTS,
        "arches": _TEXTS,
        "multilib": _TEXTS,
    }
)
_MODULE = Record(
    {
        "rationale": _TEXT,
        "name": _TEXT,
        "repository": _TEXT,
        "ref": _TEXT,
        "buildonly": _BOOLEAN,
        "buildorder": _NUMBER,
        "buildafter": _TEXTS,
    }
)
_BUILDOPTS = Record({"rpms": Record({"macros": _TEXT, "whitelist": _TEXTS}), "arches": _TEXTS})

_COMMON: dict[str, Shape] = {
    "name": _TEXT,
    "stream": _TEXT,
    "summary": _TEXT,
    "description": _TEXT,
    "xmd": MapOf(Anything(), may_be_empty=True),
    "references": Record({"community": _TEXT, "documentation": _TEXT, "tracker": _TEXT}),
    "profiles": MapOf(Record({"description": _TEXT, "rpms": _TEXTS, "default": _BOOLEAN})),
    "api": _RPMS,
    "filter": _RPMS,
    "demodularized": _RPMS,
    "components": Record({"rpms": MapOf(_RPM, _PACKAGE), "modules": MapOf(_MODULE, _PACKAGE)}),
}
_STREAM: dict[str, Shape] = _COMMON | {
    "version": _VERSION,
    "context": _TEXT,
    "arch": _TEXT,
    "license": Record({"module": _TEXTS, "content": _TEXTS}, required=("module",)),
    "servicelevels": Anything(),
    "buildopts": _BUILDOPTS,
    "artifacts": Record({"rpms": _TEXTS, "rpm-map": Anything()}),
}
_REQUIRED = ("summary", "description", "license")
_V1 = Record(
    _STREAM | {"eol": _TEXT, "dependencies": Record({"buildrequires": MapOf(_TEXT), "requires": MapOf(_TEXT)})},
    _REQUIRED,
)
_V2 = Record(
    _STREAM
    | {
        "static_context": _BOOLEAN,
        "dependencies": ListOf(Record({"buildrequires": MapOf(_TEXTS), "requires": MapOf(_TEXTS)})),
    },
    _REQUIRED,
)
_CONFIGURATION = Record(
    {
        "context": Text(r"[A-Za-z0-9]{1,10}", "one to ten letters and digits"),
        "platform": _TEXT,
        "buildrequires": MapOf(Texts(single=True)),
        "requires": MapOf(Texts(single=True)),
        "buildopts": _BUILDOPTS,
    },
    required=("context", "platform"),
)
_V3 = Record(_COMMON | {"license": _TEXTS, "configurations": ListOf(_CONFIGURATION)}, (*_REQUIRED, "configurations"))
_DATA = {
    ("modulemd", "1"): _V1,
    ("modulemd", "2"): _V2,
    ("modulemd-stream", "1"): _V1,
    ("modulemd-stream", "2"): _V2,
    ("modulemd-packager", "2"): _V2,
    ("modulemd-packager", "3"): _V3,
}


def structural_problems(root: yaml.Node) -> Iterator[Problem]:
    """Tell every field of a document that is unknown, missing, given twice or of the wrong type, with its line."""
    known = _data(root)
    if known is None:
        kinds = ", ".join(sorted({f"{kind} {version}" for kind, version in _DATA}))
        yield Problem(f"The document is of no known kind and version; known are {kinds}", "document", 1)
        return
    yield from Record({"document": _TEXT, "version": _TEXT, "data": known}, ("data",)).problems(root, "")


def is_known(root: yaml.Node) -> bool:
    """Say whether a document is of a kind and version whose fields are known."""
    return _data(root) is not None


def _data(root: yaml.Node) -> Record | None:
    """Give the shape of `data`, None for an unknown kind or version."""
    return _DATA.get((_field(root, "document"), _field(root, "version")))


def _field(node: yaml.Node, name: str) -> str:
    """Give the text of a field, empty where there is none."""
    if not isinstance(node, yaml.MappingNode):
        return ""
    return next((str(value.value) for key, value in node.value if key.value == name), "")
