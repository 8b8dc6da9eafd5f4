"""Planning a module: from the pasted document to the bytes of its plan, refs given, nothing asked outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import count

from mbs.model.document import Modulemd
from mbs.model.nsvc import NSVC
from mbs.model.plan import Allocation, from_json, to_json
from mbs.model.registered import MemoryProvider, ModuleProvider, RegisteredModule
from mbs.planning.prepare import prepare
from mbs.planning.request import Request
from mbs.scm.protocol import PinnedScm
from mbs.scm.repository import GitScm
from mbs.settings import Settings
from tools import corpus
from tools.bench.documents import document_of
from tools.bench.figures import Figure, loop_seconds, peak_memory, seconds

REAL = "perl-bootstrap:5.24"
SYNTHETIC = 178
"""Components of the stand-in where the corpus is missing: as many as the real one."""

_COMPONENT = "      package-{0}: {{rationale: It is number {0}., buildorder: {1}, ref: {0:040x}}}"


_NUMBERS = count()


def run() -> Iterator[Figure]:
    """Measure a real module (time, memory), its plan written and read, and how the time grows with components."""
    name, request, provider, settings = _subject()
    once = seconds(partial(plan_text, request, provider, settings), repeat=7)
    yield _held(f"{name}: document to plan", once, 0.15)
    text = plan_text(request, provider, settings)
    yield Figure(f"{name}: plan of {len(text):,} bytes written", seconds(partial(to_json, from_json(text))), "s")
    yield Figure(f"{name}: plan of {len(text):,} bytes read back", seconds(partial(from_json, text)), "s")
    megabytes = memory_of_planning()
    yield Figure(f"{name}: memory above the interpreter", megabytes, "MB", target="< 60 MB", held=megabytes < 60)
    yield from _curve()


def plan_text(request: Request, provider: ModuleProvider, settings: Settings) -> str:
    """Do the measured work; the document is another one each time for libmodulemd's cache."""
    (build,) = prepare(_fresh(request), provider, PinnedScm(GitScm()), settings, now=0).builds
    return to_json(build.make_plan(Allocation(1, 1, build.nsvc)))


def memory_of_planning() -> float:
    """Plan in a process of its own and give its peak memory above that of an interpreter, in MB (10^6 bytes)."""
    code = "from tools.bench import planning; planning.print_memory()"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    empty = "from tools.bench.figures import peak_memory; print(peak_memory())"
    interpreter = subprocess.run([sys.executable, "-c", empty], capture_output=True, text=True, check=True)
    return (int(answer.stdout) - int(interpreter.stdout)) / 1e6


def print_memory() -> None:
    """Plan once and print the peak memory of this process, in bytes."""
    _, request, provider, settings = _subject()
    plan_text(request, provider, settings)
    sys.stdout.write(f"{peak_memory()}\n")


def synthetic(components: int) -> Request:
    """Ask for a module of this many components in batches of ten, refs pinned."""
    lines = (_COMPONENT.format(number, number // 10) for number in range(components))
    text = document_of(lines, "f29")
    return Request(owner="pat", modulemd=text, rebuild_strategy="all")


def _subject() -> tuple[str, Request, ModuleProvider, Settings]:
    """Give the real module, or its stand-in; of the corpus only what the one module needs."""
    platform = NSVC("platform", "f29", 5, "00000000")
    document = Modulemd(platform.name, platform.stream, platform.version, platform.context)
    base = RegisteredModule(platform, document, "module-f29-build", stream_version=290000.0, arches=corpus.ARCHES)
    real = corpus.document(REAL)
    if real is None:
        return f"{SYNTHETIC} synthetic components", synthetic(SYNTHETIC), MemoryProvider([base]), corpus.SETTINGS
    return REAL, corpus.request(real), MemoryProvider([base]), corpus.SETTINGS


def _fresh(request: Request) -> Request:
    """Give the same request with another text, so that nothing read before is used again."""
    return replace(request, modulemd=f"{request.modulemd!s}\n# {next(_NUMBERS)}\n")


def _curve() -> Iterator[Figure]:
    _, _, provider, settings = _subject()
    base = None
    for components in (50, 200, 800):
        each = seconds(partial(plan_text, synthetic(components), provider, settings)) / components * 1e6
        base = base or each
        yield Figure(f"{components} components, each", each, "us", each / base, "of 50")


def _held(name: str, value: float, limit: float) -> Figure:
    return Figure(name, value, "s", value / loop_seconds(), "1M additions", f"< {limit:g} s", value < limit)
