"""Reads damaged documents of every kind: `python fuzz_libmodulemd.py NUMBER` tells how many were read and refused."""

from __future__ import annotations

import json
import random
import sys
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mbs.model.errors import InvalidModulemd, Refused
from mbs.model.registered import FinishedModules
from mbs.modulemd.collection import collect
from mbs.modulemd.registered import ImportRules
from mbs.planning.check import pasted
from mbs.settings import Settings

RPM = {"rationale": "r", "ref": "main", "buildorder": 1, "arches": ["x86_64"], "buildonly": False}
COMMON: dict[str, Any] = {
    "name": "foo",
    "stream": "1",
    "summary": "s",
    "description": "d",
    "xmd": {"mbs_options": {"blocked_packages": ["x"]}},
    "references": {"community": "https://example.org"},
    "profiles": {"default": {"description": "d", "rpms": ["x"]}},
    "api": {"rpms": ["x"]},
    "filter": {"rpms": ["x"]},
    "components": {"rpms": {"a": dict(RPM), "b": dict(RPM)}, "modules": {"m": {"rationale": "r", "buildorder": 2}}},
}
STREAM = COMMON | {
    "version": 7,
    "context": "c0ffee00",
    "arch": "x86_64",
    "license": {"module": ["MIT"], "content": ["BSD"]},
    "servicelevels": {"rawhide": {"eol": "2030-01-31"}},
    "buildopts": {"rpms": {"macros": "%x 1", "whitelist": ["a"]}, "arches": ["x86_64"]},
    "artifacts": {
        "rpms": ["a-0:1-1.x86_64"],
        "rpm-map": {
            "sha256": {
                "ee47083ed80146eb2c84e9a94d0836393912185dcda62b9d93ee0c2ea5dc795b": {
                    "name": "a",
                    "epoch": 0,
                    "version": "1",
                    "release": "1",
                    "arch": "x86_64",
                    "nevra": "a-0:1-1.x86_64",
                }
            }
        },
    },
}
V1 = STREAM | {
    "eol": "2030-01-31",
    "dependencies": {"buildrequires": {"platform": "f28"}, "requires": {"platform": "f28"}},
}
V2 = STREAM | {
    "static_context": True,
    "dependencies": [{"buildrequires": {"platform": ["f28"]}, "requires": {"gtk": []}}],
}
V3 = COMMON | {
    "license": ["MIT"],
    "configurations": [
        {"context": "A", "platform": "f28", "requires": {"gtk": ["1"]}, "buildopts": dict(STREAM["buildopts"])},
        {"context": "B", "platform": "f29", "buildrequires": {"gtk": "1"}},
    ],
}
KINDS = (("modulemd", 1, V1), ("modulemd", 2, V2), ("modulemd-packager", 2, V2), ("modulemd-packager", 3, V3))
VALUES: tuple[Any, ...] = (
    None,
    "",
    "x",
    0,
    -1,
    2**63,
    2**64,
    True,
    [],
    {},
    ["x"],
    [""],
    {"x": "y"},
    {"": ""},
    [["x"]],
    {"x": None},
    "2020-13-40",
)


def damaged(value: Any, random: random.Random, chance: float) -> Any:
    """Replace, rename, drop or repeat parts."""
    if random.random() < chance:
        return random.choice(VALUES)
    if isinstance(value, dict):
        members = {key: damaged(member, random, chance) for key, member in value.items() if random.random() > chance}
        if random.random() < chance:
            members[random.choice(("x", "macro", "rpms", "name", ""))] = random.choice(VALUES)
        return members
    if isinstance(value, list):
        return [damaged(member, random, chance) for member in value] + (value[:1] if random.random() < chance else [])
    return value


def collected(text: str) -> FinishedModules:
    """Read a document as finished ones are read."""
    found = collect([("", text.encode())], ImportRules(("platform",)))
    if found.problems:
        raise InvalidModulemd(*found.problems)
    return found


def main(number: int) -> None:
    """Give every document to both ways in; it is read, or refused."""
    counts = {True: 0, False: 0}

    @settings(max_examples=number, derandomize=True, deadline=None, database=None)
    @given(st.sampled_from(KINDS), st.integers(0, 2**32))
    def read(kind: tuple[str, int, dict[str, Any]], seed: int) -> None:
        document, version, data = kind
        chance = random.Random(seed)  # noqa: S311 - no secret depends on it
        data = json.loads(json.dumps(damaged(data, chance, 0.01)))  # nothing is shared, so there are no anchors
        text = yaml.safe_dump({"document": document, "version": version, "data": data}).replace("null", "")
        for way in (lambda text: pasted(text, Settings(), module_name="foo"), collected):
            try:
                way(text)
                counts[True] += 1
            except Refused:
                counts[False] += 1

    read()
    print(counts[True], counts[False])


if __name__ == "__main__":
    main(int(sys.argv[1]))
