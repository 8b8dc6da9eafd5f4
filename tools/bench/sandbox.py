"""A sandbox: what it costs a submission to be planned in a process of its own, with git repositories on this disk."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devhub.examples import publish
from mbs.model.nsvc import NSVC
from mbs.model.registered import StoredModule
from mbs.modulemd.reader import read_stream
from mbs.planning.hub import HubFacts
from mbs.planning.planner import PlanRequest, plan_in_sandbox
from mbs.planning.request import Request, read_request
from mbs.planning.sandboxed import drafts
from mbs.sandbox.process import run as run_in_sandbox
from mbs.scm.repository import GitScm
from mbs.settings import Settings
from tools.bench.documents import document_of
from tools.bench.figures import Figure, seconds

EXAMPLES = Path(__file__).parents[2] / "examples"
HUB = HubFacts(arches_by_tag={"module-f40-build": ("x86_64", "aarch64")})

_COMPONENT = "      package-{0}: {{rationale: Number {0}., buildorder: {1}, repository: '{2}', ref: main}}"


@dataclass(frozen=True, slots=True)
class Platform:
    """A `ModuleStore` with the platform of the examples."""

    text: str

    def streams(self, name: str) -> tuple[str, ...]:
        """Give its one stream."""
        return ("f40",) if name == "platform" else ()

    def builds(self, name: str, stream: str) -> tuple[StoredModule, ...]:
        """Give its one build."""
        return self.base_modules(name) if stream == "f40" else ()

    def base_modules(self, name: str) -> tuple[StoredModule, ...]:
        """Give its one build."""
        nsvc = NSVC("platform", "f40", 1, "00000000")
        found = StoredModule(nsvc, self.text, "module-f40-build", stream_version=400000.0)
        return (found,) if name == "platform" else ()


def run() -> Iterator[Figure]:
    """Measure an empty sandbox, the example at hand and in a sandbox, and a module of twenty components."""
    interpreter = _processor_seconds(partial(subprocess.run, [sys.executable, "-c", "pass"], check=True))
    nothing = _processor_seconds(lambda: run_in_sandbox("operator:is_", None, {}, Settings().sandbox))
    yield Figure("sandbox that does nothing, processor time", nothing, "s", nothing / interpreter, "python -c pass")
    store = Platform(read_stream((EXAMPLES / "platform" / "platform.yaml").read_text()).text)
    with tempfile.TemporaryDirectory() as directory:
        sources = publish(EXAMPLES, Path(directory))
        settings = _settings(directory)
        greeter = read_request({"scmurl": sources["modules/greeter"], "branch": "main"}, "pat", settings)
        order = PlanRequest(greeter, settings)
        at_hand = _processor_seconds(partial(drafts, order, store, HUB, GitScm(settings.git)))
        apart = _processor_seconds(partial(plan_in_sandbox, order, store, HUB))
        yield Figure("greeter planned at hand, processor time", at_hand, "s")
        yield Figure("greeter planned in a sandbox, processor time", apart, "s", apart / at_hand, "at hand")
        repository = sources["rpms/greet"].partition("?")[0]
        many = PlanRequest(_many(20, repository, settings), settings)
        wall = seconds(partial(plan_in_sandbox, many, store, HUB), repeat=5)
        yield Figure("20 components planned in a sandbox, wall time", wall, "s", target="< 2 s", held=wall < 2)


def _processor_seconds(work: Callable[[], object]) -> float:
    """Give the least processor time of five runs, that of the processes they start included."""
    return min(_spent_by(work) for _ in range(5))


def _spent_by(work: Callable[[], object]) -> float:
    before = os.times()
    work()
    return sum(os.times()[:4]) - sum(before[:4])


def _settings(git: str) -> Settings:
    return Settings(
        scmurls=(f"file://{git}/modules/",),
        rpms_default_repository=f"file://{git}/rpms/",
        default_branch="main",
        allow_local_scmurls=True,
        allow_stream_override_from_scm=True,
        yaml_submit_allowed=True,
        rpms_allow_repository=True,
    )


def _many(count: int, repository: str, settings: Settings) -> Request:
    lines = (_COMPONENT.format(number, number // 10, repository) for number in range(count))
    return read_request({"modulemd": document_of(lines, "f40")}, "pat", settings)
