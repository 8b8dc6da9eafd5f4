"""Real module streams (Fedora 29's modules.yaml), taken back to what their packagers submitted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mbs.model.document import Dependencies, Modulemd, PackagerV3
from mbs.model.nsvc import NSVC
from mbs.model.registered import BuildRequire, MemoryProvider, RegisteredModule
from mbs.modulemd.changes import Changes, edit
from mbs.modulemd.collection import OTHER_KINDS
from mbs.modulemd.guard import MANY_DOCUMENTS, scan
from mbs.modulemd.reader import read_part, read_stream
from mbs.planning.request import Request
from mbs.settings import Settings

ARCHES = ("aarch64", "ppc64le", "s390x", "x86_64")

SETTINGS = Settings(
    allow_dashes_in_svc=True, yaml_submit_allowed=True, rpms_allow_repository=True, rpms_allow_cache=True, arches=ARCHES
)
"""What the service allowed then: these documents say where everything is."""


def path() -> Path:
    """Give where the file is expected: `MBS_TEST_CORPUS`, else beside the checkout."""
    beside = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fedora-29-modules.yaml"
    return Path(os.environ.get("MBS_TEST_CORPUS", beside))


@cache
def documents() -> Mapping[str, Modulemd]:
    """Give the stream documents by `name:stream`; none where the file is missing."""
    if not path().is_file():
        return {}
    return {f"{one.name}:{one.stream}": one for one in read_all(path().read_bytes())}


def read_all(text: str | bytes) -> tuple[Modulemd, ...]:
    """Read the stream documents of a `modules.yaml`, in its order; other kinds are skipped."""
    parts = (part for part in scan(text, MANY_DOCUMENTS) if part.kind not in OTHER_KINDS)
    read = (read_part(part) for part in parts)
    return tuple(one for each in read for one in (each.streams if isinstance(each, PackagerV3) else (each,)))


def document(name_stream: str) -> Modulemd | None:
    """Give one document without reading the others; None where the file is missing."""
    if not path().is_file():
        return None
    name, _, stream = name_stream.partition(":")
    parts = path().read_text(encoding="utf-8").split("\n---\n")
    found = (part for part in parts if f"\n  name: {name}\n" in part and f"\n  stream: {stream}\n" in part)
    return read_stream(next(found).removeprefix("---\n").removesuffix("...\n"))


def submitted(document: Modulemd) -> str:
    """Give the document without what the service added, and with the buildrequires that it then had."""
    xmd = {key: value for key, value in document.xmd.items() if key != "mbs"}
    pairs = tuple(_restored(pair, document) for pair in document.dependencies)
    gone = Changes(version=0, context="", arch="", rpm_artifacts=(), content_licenses=(), xmd=xmd, dependencies=pairs)
    return edit(document.text, gone)


def request(document: Modulemd) -> Request:
    """Ask for it with the refs that were built then."""
    refs = {name: entry["ref"] for name, entry in entries(document, "rpms").items()}
    strategy = "changed-and-after"
    return Request(
        owner="pat", modulemd=submitted(document), rebuild_strategy=strategy, rpm_component_ref_overrides=refs
    )


@cache
def provider() -> MemoryProvider:
    """Register the platforms and everything that any of the documents was built against."""
    known: dict[tuple[str, str], RegisteredModule] = {}
    for document in documents().values():
        needed = entries(document, "buildrequires")
        platform = NSVC("platform", needed["platform"]["stream"], 5, "00000000")
        known[platform.name, platform.stream] = _platform(platform)
        for name, entry in needed.items():
            if name != "platform":
                known.setdefault((name, entry["stream"]), _module(name, entry, platform))
    return MemoryProvider(known.values())


def _restored(pair: Dependencies, document: Modulemd) -> Dependencies:
    resolved = {name: (entry["stream"],) for name, entry in entries(document, "buildrequires").items()}
    return Dependencies({**pair.buildrequires, **resolved}, pair.requires)


def _platform(nsvc: NSVC) -> RegisteredModule:
    number = float(nsvc.stream.removeprefix("f")) * 10000
    document = Modulemd(nsvc.name, nsvc.stream, nsvc.version, nsvc.context)
    return RegisteredModule(nsvc, document, f"module-{nsvc.stream}-build", stream_version=number, arches=ARCHES)


def _module(name: str, entry: Mapping[str, Any], platform: NSVC) -> RegisteredModule:
    """Take the document from the corpus; where it has none, one that requires nothing stands in."""
    stream = entry["stream"]
    document = documents().get(f"{name}:{stream}") or Modulemd(name, stream)
    nsvc = NSVC(name, stream, int(entry["version"]), entry["context"])
    tag = f"module-{name}-{stream}-{nsvc.version}-{nsvc.context}"
    base = BuildRequire(platform.name, platform.stream, platform.version, platform.context)
    return RegisteredModule(nsvc, document, tag, commit=entry["ref"], buildrequires={"platform": base})


def entries(document: Modulemd, key: str) -> Mapping[str, Any]:
    """Give a mapping of `xmd.mbs`."""
    found = document.xmd_mbs[key]
    return found if isinstance(found, dict) else {}
