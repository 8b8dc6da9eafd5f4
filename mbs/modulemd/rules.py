"""What this service allows in a submitted modulemd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mbs.model.document import DEVEL_SUFFIX
from mbs.model.errors import Finding, bad_request, unprocessable
from mbs.model.quoting import quoted

_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}")
"""What may stand in a Koji tag (its RegexNameInternal), a path and a DAG id without harm."""
_FOREIGN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+~^-]{0,127}")
"""The same for a module that was built elsewhere: it brings its own tag."""
LONGEST_CONTEXT = 13
"""Characters of a context, the number of a scratch build counted; those of modulemd-packager v3 have ten."""
_CONTEXT = re.compile(rf"[A-Za-z0-9_]{{1,{LONGEST_CONTEXT}}}")
_IN_RELEASE = re.compile(r"[A-Za-z0-9_+~^]+(\.[A-Za-z0-9_+~^]+)*")
_MARKING = "data.xmd.mbs.disttag_marking"
LONGEST_NVR = 255
"""Bytes of a path component; signing, composing and mirroring tools name files after a build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides about a document: the part of `mbs.settings.Settings`, which explains it, by name."""

    base_module_names: tuple[str, ...]
    allowed_privileged_module_names: tuple[str, ...]
    modules_allow_repository: bool
    allow_name_override_from_scm: bool
    allow_stream_override_from_scm: bool
    allow_dashes_in_svc: bool
    koji_cg_devel_module: bool
    default_branch: str


def scm_stream(branch: str, rules: Rules) -> str:
    """Give the stream that a branch stands for: dashes become `_` where they are not allowed."""
    return branch if rules.allow_dashes_in_svc else branch.replace("-", "_")


def identity_problems(
    name: str | None = None, stream: str | None = None, context: str | None = None, *, finished: bool = False
) -> Iterator[Finding]:
    """Find characters that must not get into tags, paths and ids; what is missing is not judged.

    A `finished` module, from elsewhere, may also have those that only Koji's tags refuse (`~` and `^`).
    """
    for kind, value in (("name", name), ("stream", stream), ("context", context)):
        if value and not (_FOREIGN if finished else _IDENTIFIER).fullmatch(value):
            signs = ". _ + ~ ^ -" if finished else ". _ + -"
            yield bad_request(
                f'The {kind} "{quoted(value)}" is not valid: use letters, digits and {signs}, with a letter or digit '
                "first, 128 characters at most",
                f"data.{kind}",
            )


def context_problems(context: str | None, where: str) -> Iterator[Finding]:
    """Find what libmodulemd does not write as a context; a scratch build needs room for its number."""
    if context and "-" in context:
        yield bad_request("Dashes not allowed in context", where)
    elif context and not _CONTEXT.fullmatch(context):
        yield bad_request(
            f'The context "{quoted(context)}" is not valid: use letters, digits and _, {LONGEST_CONTEXT} characters '
            "at most",
            where,
        )


def length_problems(name: str, stream: str, context: str | None) -> Iterator[Finding]:
    """Find names that together are too long for the module's build in Koji and its twin (MBS §7.6).

    Counted with the longest version; a context that is not chosen yet has 8 characters.
    """
    longest = len(f"{name}{DEVEL_SUFFIX}-{stream}-{2**64 - 1}.{context or 8 * '0'}")
    if longest > LONGEST_NVR:
        yield bad_request(
            f"Name, stream and context are {longest - LONGEST_NVR} characters too long together: "
            f"<name>{DEVEL_SUFFIX}-<stream>-<version>.<context> names a build in Koji and can have {LONGEST_NVR}",
            "data.stream",
        )


def marking_problems(marking: object) -> Iterator[Finding]:
    """Find a `disttag_marking` that cannot be part of an RPM's release: rpmbuild would refuse every package."""
    if isinstance(marking, str) and "-" in marking:
        yield unprocessable("The disttag_marking cannot contain a dash", _MARKING)
    elif marking and not (isinstance(marking, str) and _IN_RELEASE.fullmatch(marking) and len(marking) <= 64):
        yield unprocessable(
            f'The disttag_marking "{quoted(str(marking))}" cannot be part of a release: use letters, digits and '
            "_ + ~ ^ and single dots between them, 64 characters at most",
            _MARKING,
        )
