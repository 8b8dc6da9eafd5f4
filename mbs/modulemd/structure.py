"""The fields of modulemd documents, to tell every structural problem at once.

libmodulemd stops at the first, and reads over unknown fields; a misspelt `buildorder` would build in another order
(docs/decisions/0003). And it frees an error twice where `buildopts.rpms` is not as it should be, and then crashes
later, for somebody else: so it is given nothing that was not found sound here. The fields are those of modulemd v1 and
v2 and modulemd-packager v2 and v3; other kinds of documents are never given to it.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from mbs.model.errors import Problem
from mbs.modulemd.shapes import Anything, Date, ListOf, MapOf, Number, Packages, Record, Shape, Slip, Text, Texts

MOST_FOUND = 1000
"""Problems of one document that are looked for; who has more has another kind of problem."""

_TEXT = Text()
_TEXTS = Texts()
_NUMBER = Number(-(2**31), 2**31 - 1)
"""libmodulemd keeps the lowest 32 bits of what is longer, without a word."""
_VERSION = Number(0, 2**64 - 1)
_BOOLEAN = Text(r"true|false", "true or false")
_PACKAGE = Text(r"[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,127}", "a package name (letters, digits and . _ + ~ ^ -)")
_RPMS = Record({"rpms": _TEXTS})
"""libmodulemd takes what follows an empty `filter:` for its value, and blames that."""
_LICENSES = Texts(needed=True)
_DATE = Date()
_SWITCH = Text(r"(?i:true|false|yes|no|1|0)", "true or false")
_XMD = MapOf(
    Anything(),
    may_be_empty=True,
    known={
        "mbs_options": Record(
            {
                "contexts": Anything(),
                "blocked_packages": Texts(),
                "repo_include_all": _SWITCH,
                "dynamic_buildrequires": _SWITCH,
            },
            may_be_empty=True,
        )
    },
)
"""What is for this service in xmd; the rules judge `mbs_options.contexts` (`static_contexts`) and `mbs`."""

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
        "repository": _TEXT,
        "ref": _TEXT,
        "buildonly": _BOOLEAN,
        "buildorder": _NUMBER,
    }
)
_BUILDOPTS = Record({"rpms": Record({"macros": _TEXT, "whitelist": _TEXTS}), "arches": _TEXTS})

_COMMON: dict[str, Shape] = {
    "name": _TEXT,
    "stream": _TEXT,
    "summary": _TEXT,
    "description": _TEXT,
    "xmd": _XMD,
    "references": Record({"community": _TEXT, "documentation": _TEXT, "tracker": _TEXT}),
    "profiles": MapOf(Record({"description": _TEXT, "rpms": _TEXTS, "default": _BOOLEAN})),
    "api": _RPMS,
    "filter": _RPMS,
    "demodularized": _RPMS,
    "components": Record({"rpms": Packages(MapOf(_RPM, _PACKAGE)), "modules": MapOf(_MODULE, _PACKAGE)}),
}
_STREAM: dict[str, Shape] = _COMMON | {
    "version": _VERSION,
    "context": _TEXT,
    "arch": _TEXT,
    "license": Record({"module": _LICENSES, "content": _TEXTS}, required=("module",)),
    "servicelevels": MapOf(Record({"eol": _DATE})),
    "buildopts": _BUILDOPTS,
    "artifacts": Record({"rpms": _TEXTS, "rpm-map": MapOf(MapOf(MapOf(_TEXT)))}),
}
_REQUIRED = ("summary", "description", "license")
_V1 = Record(
    _STREAM
    | {
        "eol": _DATE,
        "artifacts": Record({"rpms": _TEXTS}, ("rpms",)),
        "dependencies": Record({"buildrequires": MapOf(_TEXT), "requires": MapOf(_TEXT)}),
    },
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
_V3 = Record(
    _COMMON | {"license": _LICENSES, "configurations": ListOf(_CONFIGURATION, unique="context")},
    (*_REQUIRED, "configurations"),
)
_DATA = {
    ("modulemd", "1"): _V1,
    ("modulemd", "2"): _V2,
    ("modulemd-stream", "1"): _V1,
    ("modulemd-stream", "2"): _V2,
    ("modulemd-packager", "2"): _V2,
    ("modulemd-packager", "3"): _V3,
}

UNKNOWN_KIND = "is of no known kind and version; known are " + ", ".join(f"{kind} {of}" for kind, of in sorted(_DATA))
"""What is wrong with a document that none of the shapes is for."""


def structural_problems(root: yaml.Node) -> Iterator[Problem]:
    """Tell every field of a document that is unknown, missing, given twice or of the wrong type, with its line."""
    known = _data(root)
    if known is None:
        yield Problem(f"The document {UNKNOWN_KIND}", "document", 1)
        return
    yield from Record({"document": _TEXT, "version": _TEXT, "data": known}, ("data",)).problems(root, "")


def reading_problems(root: yaml.Node) -> Iterator[Problem]:
    """Tell what keeps a finished document from being read; fields of other makers are none of our business there."""
    for problem in structural_problems(root):
        foreign = isinstance(problem, Slip) or (problem.where or "").startswith("data.xmd.")
        if not foreign or _field(root, "version") == "3":
            yield problem


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
