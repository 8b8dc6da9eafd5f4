"""YAML nodes as plain data, for the few fields that are read without libmodulemd."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from mbs.modulemd.changes import plain_xmd


def plain(root: yaml.Node | None) -> object:
    """Give texts, lists and mappings by text; as in xmd, only TRUE and FALSE are anything else than text."""
    return plain_xmd(_plain(root))


def mapping(value: object) -> Mapping[str, object]:
    """Give a mapping as it is, and nothing of anything else."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """Give a text that is not empty."""
    return value if isinstance(value, str) and value else None


def _plain(node: yaml.Node | None) -> object:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(member) for member in node.value]
    return str(node.value) if node is not None else None


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
