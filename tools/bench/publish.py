"""Final documents: 400 components on 5 arches, 8 RPMs each per arch, module and -devel twin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mbs.model.document import Modulemd
from mbs.modulemd.reader import read_stream
from mbs.publish.final import final_documents
from mbs.publish.rpms import RpmFact
from tools.bench.figures import Figure, loop_seconds, peak_memory, seconds

ARCHES = ("x86_64", "aarch64", "ppc64le", "s390x", "i686")
PARTS = ("", "-libs", "-devel", "-doc", "-tools", "-debuginfo", "-debugsource", "-tests")


def run() -> Iterable[Figure]:
    """Measure three sizes; the largest has the target."""
    unit = loop_seconds()
    for count in (100, 200, 400):
        document, rpms = module(count), list(facts(count))
        took = seconds(lambda d=document, r=rpms: final_documents(d, r, ARCHES), repeat=2)  # type: ignore[misc]
        bound = count == 400
        yield Figure(
            f"{count} components, {len(rpms)} RPMs",
            took,
            "s",
            took / unit,
            "a loop of a million additions",
            "< 3 s" if bound else None,
            took < 3 if bound else None,
        )
    memory = peak_memory() / 1e6
    yield Figure("peak memory", memory, "MB", target="< 300 MB", held=memory < 300)


def module(count: int) -> Modulemd:
    """Make a document of `count` components whose -tests packages are filtered."""
    components = "".join(f"      pkg{n}: {{rationale: Part., ref: abc}}\n" for n in range(count))
    filtered = ", ".join(f"pkg{n}-tests" for n in range(count))
    return read_stream(
        "document: modulemd\nversion: 2\ndata:\n  name: big\n  stream: '1'\n  version: 1\n  context: c0ffee00\n"
        "  summary: Big\n  description: Big.\n  license: {module: [MIT]}\n"
        f"  filter: {{rpms: [{filtered}]}}\n  components:\n    rpms:\n{components}"
    )


def facts(count: int) -> Iterable[RpmFact]:
    """Give the RPMs that Koji would have in the module's tag."""
    for n in range(count):
        name = f"pkg{n}"
        made = RpmFact(name, "1.0", "1", "src", name, f"{name}-0:1.0-1.src", license="MIT", sigmd5=f"{n:032x}")
        yield made
        for arch in ARCHES:
            yield from (replace(made, name=name + part, arch=arch) for part in PARTS)
