"""The document of one result, as it is stored and built from."""

from __future__ import annotations

from mbs.expansion.result import ExpandedStream
from mbs.modulemd.changes import Changes
from mbs.modulemd.document import Modulemd
from mbs.modulemd.reader import apply


def write(result: ExpandedStream) -> Modulemd:
    """Give the document with its one dependency pair, its context and what was resolved in `xmd.mbs` (§8.4)."""
    return apply(
        result.source,
        Changes(context=result.context, dependencies=(result.dependencies,), xmd=_xmd(result)),
    )


def _xmd(result: ExpandedStream) -> dict[str, object]:
    mbs: dict[str, object] = {**result.source.xmd_mbs, "buildrequires": result.buildrequires_xmd(), "mse": True}
    if result.static:
        mbs["static_context"] = True
    return {**result.source.xmd, "mbs": mbs}
