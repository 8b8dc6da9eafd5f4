"""The default streams of a distribution: documents `modulemd-defaults` in a repository of their own (§11.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath

import yaml

from mbs.model.document import mapping_of, text_of
from mbs.model.errors import Finding, Findings, InvalidModulemd, Problem, Refused, refuse
from mbs.modulemd.guard import MANY_DOCUMENTS, scan
from mbs.modulemd.nodes import plain

OVERRIDES = "overrides"
"""The directory whose documents win over those beside it."""
_KIND = "modulemd-defaults"


def default_streams(files: Mapping[str, bytes]) -> dict[str, str]:
    """Give the default stream by module, from files by path, sorted.

    A document in `overrides` without a stream takes the default away. Raises `InvalidModulemd` with every file that
    cannot be read, and every module to which two files of a directory give different streams.
    """
    refused = Findings()
    found: dict[str, dict[str, str | None]] = {"": {}, OVERRIDES: {}}
    for path in sorted(files):
        directory = str(PurePosixPath(path).parent).removeprefix(".")
        for module, stream in refused.of(partial(_read, path, files[path])) or ():
            if found[directory].setdefault(module, stream) != stream:
                message = f"{path}: another file says that the default of {module} is not {stream}"
                refused.append(Finding(Problem(message), InvalidModulemd))
    refuse(refused)
    return {module: stream for module, stream in sorted((found[""] | found[OVERRIDES]).items()) if stream}


def _read(path: str, content: bytes) -> list[tuple[str, str | None]]:
    """Give module and default stream of every document of a file."""
    try:
        return list(_documents(content))
    except Refused as refused:
        raise refused.each(lambda problem: Problem(f"{path}: {problem}")) from None


def _documents(content: bytes) -> Iterator[tuple[str, str | None]]:
    """Give module and default stream of every document; other kinds are skipped."""
    for part in scan(content, MANY_DOCUMENTS):
        if part.kind == _KIND:
            data = mapping_of(mapping_of(plain(yaml.compose(part.text, Loader=yaml.CSafeLoader))).get("data"))
            module = text_of(data.get("module"))
            if module is None:
                raise InvalidModulemd(Problem(f"The document {_KIND} names no module", "data.module", part.line))
            yield module, text_of(data.get("stream"))
