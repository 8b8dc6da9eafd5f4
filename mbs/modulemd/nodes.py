"""YAML nodes as plain data, for the few fields that are read without libmodulemd."""

from __future__ import annotations

from collections.abc import Mapping

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
