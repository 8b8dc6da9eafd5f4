"""What can be changed in a modulemd document, and the values that xmd can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mbs.model.document import Dependencies

_BOOLEANS = {"TRUE": True, "FALSE": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """New values for fields of a `Modulemd`; None leaves a field as it is, an empty value clears it."""

    name: str | None = None
    stream: str | None = None
    version: int | None = None
    context: str | None = None
    arch: str | None = None
    static_context: bool | None = None
    dependencies: tuple[Dependencies, ...] | None = None
    xmd: Mapping[str, object] | None = None
    """The whole xmd: merging is the caller's."""
    content_licenses: tuple[str, ...] | None = None
    rpm_artifacts: tuple[str, ...] | None = None
    rpm_api: tuple[str, ...] | None = None
    rpm_filter: tuple[str, ...] | None = None
    profiles: Mapping[str, tuple[str, ...]] | None = None
    without_component_sources: bool = False
    """Remove `repository` and `cache` of every component (MBS §16.5)."""


def is_true(value: object) -> bool:
    """Read a boolean of xmd, where libmodulemd keeps all but TRUE and FALSE as text."""
    return value is True or str(value).lower() in {"true", "yes", "1"}


def plain_xmd(value: object) -> object:
    """Give `value` as it is after it was written and read: text, booleans, lists and dicts with text as keys.

    Numbers become text, None becomes empty text; TRUE and FALSE are booleans even where they were text (MBS §6.1).
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_xmd(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_xmd(item) for item in value]
    text = "" if value is None else str(value)
    return _BOOLEANS.get(text, text)
