"""Build orders of finished documents, as whoever wrote them meant them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

_UNSIGNED = re.compile(r"buildorder\W+\d{10,20}")


def with_signed_numbers(text: str, root: yaml.Node) -> str:
    """Give a document with every `buildorder` as the 32 bits that libmodulemd keeps of it.

    Older versions of it wrote -1 as 18446744073709551615, which newer ones refuse. `root` is the text's own.
    """
    if not _UNSIGNED.search(text):
        return text
    for node in sorted(_build_orders(root), key=lambda node: node.start_mark.index, reverse=True):
        start, end = node.start_mark.index, node.end_mark.index
        if re.fullmatch(r"[0-9]{1,20}", text[start:end]):
            text = f"{text[:start]}{_signed(int(node.value))}{text[end:]}"
    return text


def _signed(number: int) -> int:
    """Read the lowest 32 bits as C does."""
    return (number + 2**31) % 2**32 - 2**31


def _build_orders(node: yaml.Node, path: tuple[str, ...] = ()) -> Iterator[yaml.ScalarNode]:
    """Give the values at `data.components.*.*.buildorder`."""
    wanted = ("data", "components", None, None, "buildorder")
    if len(path) == len(wanted):
        yield from [node] if isinstance(node, yaml.ScalarNode) else []
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if wanted[len(path)] in {None, key.value}:
                yield from _build_orders(value, (*path, key.value))
