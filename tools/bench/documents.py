"""A document that measurements fill with as many components as they want."""

from __future__ import annotations

from collections.abc import Iterable

_DOCUMENT = """\
document: modulemd
version: 2
data:
  name: many
  stream: "1"
  summary: Many components
  description: Many components
  license: {{module: [MIT]}}
  dependencies: [{{buildrequires: {{platform: [{platform}]}}, requires: {{platform: [{platform}]}}}}]
  components:
    rpms:
{components}
"""


def document_of(components: Iterable[str], platform: str) -> str:
    """Give a modulemd on a stream of platform; `components` are lines of its `rpms`."""
    return _DOCUMENT.format(components="\n".join(components), platform=platform)
