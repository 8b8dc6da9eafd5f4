"""Documents that are made to do harm: what they may cost, and that libmodulemd never sees what it crashes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mbs.model.errors import Refused
from mbs.modulemd.guard import ONE_DOCUMENT
from mbs.modulemd.reader import read
from mbs.modulemd.validation import validate_included
from mbs.planning.check import pasted
from mbs.settings import Settings
from tests.mbs.modulemd.fuzz_libmodulemd import collected
from tests.mbs.modulemd.test_validation import V3

SETTINGS = Settings()
MEGABYTE = 1024 * 1024
MOST_MEMORY = 64 * MEGABYTE
"""What a document may add to the process; 23 MB were measured, and 800 MB when the path of every node was written."""
HEAD = """\
document: modulemd
version: 2
data:
  name: foo
  stream: f1
  summary: A module
  description: Of the tests
  license: {module: [MIT]}
  dependencies: [{buildrequires: {platform: [f28]}}]
"""
LONG = "k" * 256


def nested(depth: int, key: str, members: int) -> str:
    inner = ", ".join(f"{key}{number:05}"[-256:] + ": x" for number in range(members))
    return "".join(f"{{{key}: " for _ in range(depth)) + f"{{{inner}}}" + "}" * depth


def above(key: str) -> str:
    """Put many values below long keys: the path of each is written in 26 of them."""
    return HEAD + "  xmd: " + f"{{{key}: " * 26 + f"[{', '.join('x' * 30_000)}]" + "}" * 26 + "\n  zork: 1\n"


ATTACKS = {
    "the longest keys above many values": above(LONG),
    "longer keys above many values": above("k" * 1000),
    "long keys in xmd": HEAD + f"  xmd: {nested(27, LONG, 5000)}\n  zork: 1\n",
    "longer keys": HEAD + f"  xmd: {{{'k' * 100_000}: x}}\n",
    "unknown fields": HEAD + "".join(f"  field{number:05}: x\n" for number in range(15_000)),
    "components without a ref": HEAD
    + "  components:\n    rpms:\n"
    + "".join(f"      p{number}: {{rationale: r, ref: '..', repository: 'x', cache: 'y'}}\n" for number in range(3500)),
    "a circle of all components": HEAD
    + "  components:\n    rpms:\n"
    + "".join(f"      p{n}: {{rationale: r, buildafter: [p{(n + 1) % 900}]}}\n" for n in range(900)),
    "one huge scalar": HEAD + f"  context: {'x' * 1_900_000}\n",
    "a huge name": HEAD.replace("foo", "x" * 1_900_000),
    "many list members": HEAD + f"  api: {{rpms: [{', '.join(['[]'] * 39_000)}]}}\n",
    "anchors": HEAD + "  xmd: {a: &a [x, x], b: [*a, *a]}\n",
    "many documents": f"---\n{HEAD}" * 2000,
    "deep brackets": HEAD + "  xmd: " + "[" * 100_000,
    "errors that quote": HEAD + "  artifacts: {rpms: [" + ", ".join(f"{'q' * 5000}{n}" for n in range(300)) + "]}\n",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_little_memory_and_is_told_in_few_words(name: str, tmp_path: Path) -> None:
    file = tmp_path / "attack.yaml"
    file.write_text(ATTACKS[name])
    program = (
        "import sys; from pathlib import Path\n"
        "from mbs.model.errors import Refused; from mbs.settings import Settings\n"
        "from mbs.planning.check import pasted\n"
        "hwm = lambda: next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "peak = lambda: int(hwm().split()[1]) * 1024\n"  # getrusage would tell that of the tests before the exec
        "before, said = peak(), ''\n"
        "try: pasted(Path(sys.argv[1]).read_text(), Settings())\n"
        "except Refused as refused: said = str(refused)\n"
        "print(peak() - before, len(said.splitlines()), max(map(len, said.splitlines())))\n"
    )
    run = subprocess.run([sys.executable, "-c", program, file], capture_output=True, text=True, timeout=60, check=True)
    memory, lines, longest = map(int, run.stdout.split())
    assert run.stderr == ""
    assert memory < MOST_MEMORY
    assert 1 <= lines <= 101
    assert longest < 500


BROKEN_BUILDOPTS = [
    "{rpms: {macro: x}}",
    "{rpms: }",
    "{rpms: [x]}",
    "{rpms: x}",
    "{rpms: {macros: [x]}}",
    "{rpms: {whitelist: {a: b}}}",
    "[x]",
]


def submit(text: str) -> object:
    return pasted(text, SETTINGS, module_name="foo")


def include(text: str) -> object:
    return validate_included(text, ONE_DOCUMENT)


FINISHED: tuple[Callable[[str], object], ...] = (read, collected)


@pytest.mark.parametrize("buildopts", BROKEN_BUILDOPTS)
def test_broken_buildopts_are_told_on_every_way_in(buildopts: str) -> None:
    v3 = V3.replace("platform: f33", f"platform: f33, buildopts: {buildopts}")
    v2 = HEAD + f"  buildopts: {buildopts}\n"
    for text, line in ((v3, "line 8: "), (v2, "line 10: ")):
        for door in (submit, include, *FINISHED):
            if door in FINISHED and text == v2 and "macro:" in buildopts:
                continue  # an unknown field of a finished document is not ours to judge
            with pytest.raises(Refused) as refused:
                door(text)
            assert str(refused.value).startswith(line)


def test_libmodulemd_survives_whatever_passes_the_structure_check() -> None:
    """The fuzzer runs in a process of its own: a crash would take the tests along."""
    fuzzer = Path(__file__).with_name("fuzz_libmodulemd.py")
    run = subprocess.run([sys.executable, fuzzer, "1500"], capture_output=True, text=True, timeout=600, check=False)
    assert (run.returncode, run.stderr[-2000:]) == (0, "")
    read_documents, refused = map(int, run.stdout.split())
    assert read_documents > 50
    assert refused > 50
