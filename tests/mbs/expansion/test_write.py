from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mbs.expansion.expand import expand
from mbs.expansion.memory import MemoryProvider
from mbs.expansion.write import write
from mbs.modulemd.document import Dependencies
from mbs.modulemd.reader import read_stream

Make = Callable[..., Any]

TEXT = """\
document: modulemd
version: 2
data:
  name: app
  stream: "1"
  version: 7
  summary: An app
  description: An app.
  license:
    module: [MIT]
  xmd:
    mbs:
      branch: main
    other: kept
  dependencies:
    - buildrequires: {platform: [f28], gtk: ["1"]}
      requires: {platform: [f28]}
    - buildrequires: {platform: [f29], gtk: ["1"]}
      requires: {platform: [f29]}
"""


def test_a_result_is_written_with_its_own_pair_only(module: Make) -> None:
    provider = MemoryProvider(
        [
            module("platform:f28:0:00000000"),
            module("platform:f29:0:00000000"),
            module("gtk:1:28:c8", {"platform": ["f28"]}, on="f28"),
            module("gtk:1:29:c9", {"platform": ["f29"]}, on="f29"),
        ]
    )
    results = expand(read_stream(TEXT), provider).results
    written = [write(result) for result in results]

    assert [read_stream(one.text) for one in written] == written
    assert [one.context for one in written] == [result.context for result in results]
    assert written[1].dependencies == (Dependencies({"gtk": ("1",), "platform": ("f29",)}, {"platform": ("f29",)}),)
    assert written[1].xmd == {
        "mbs": {
            "branch": "main",
            "buildrequires": {
                "gtk": {
                    "ref": "0123abc",
                    "stream": "1",
                    "version": "29",
                    "context": "c9",
                    "koji_tag": "module-gtk-1-29-c9",
                },
                "platform": {
                    "ref": "0123abc",
                    "stream": "f29",
                    "version": "0",
                    "context": "00000000",
                    "koji_tag": "module-platform-f29-0-00000000",
                },
            },
            "mse": True,
        },
        "other": "kept",
    }


def test_a_static_context_is_marked(module: Make) -> None:
    provider = MemoryProvider([module("platform:f29:0:00000000")])
    text = TEXT.replace("version: 7\n", "version: 7\n  context: mine\n", 1).replace(', gtk: ["1"]', "")
    source = read_stream(
        text.replace("    - buildrequires: {platform: [f28]}\n      requires: {platform: [f28]}\n", "")
    )
    (result,) = expand(source, provider, static=True).results
    document = write(result)
    assert (document.context, document.xmd_mbs["static_context"]) == ("mine", True)
