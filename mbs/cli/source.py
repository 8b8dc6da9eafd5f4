"""What `plan` and `submit` are given to build: a file, or a commit of a repository."""

from __future__ import annotations

from pathlib import Path

from mbs.cli.common import read_file
from mbs.errors import InvalidRequest
from mbs.modulemd.rules import scm_stream
from mbs.settings import Settings


def source_fields(source: Path | str, branch: str | None, settings: Settings) -> dict[str, object]:
    """Give the fields that name what is built: the commit of a URL, or the document in a file."""
    if isinstance(source, str):
        return {"scmurl": source, "branch": branch or settings.default_branch}
    return {
        "modulemd": _text(source, settings.max_modulemd_size),
        "module_name": source.stem,
        "module_stream": scm_stream(branch, settings.rules) if branch else None,
        "branch": branch,
    }


def _text(file: Path, limit: int) -> str:
    """Read a document as JSON can carry it."""
    content = read_file(file, limit)
    if not content:
        raise InvalidRequest(f"{file} was empty; a modulemd is expected.")
    if len(content) > limit:
        raise InvalidRequest(f"{file} is larger than the {limit} bytes that a modulemd may have.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file} is no text in UTF-8: byte {error.start} is not.") from None
