"""Name, stream and version of what is submitted: the rules of MBS §6.2 (SCM) and §6.3 (YAML)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import overload

from mbs.model.document import Modulemd, PackagerV3
from mbs.model.errors import Finding, bad_request, refuse
from mbs.model.versions import commit_version
from mbs.modulemd.changes import Changes, apply
from mbs.modulemd.rules import Rules, context_problems, identity_problems, length_problems, scm_stream


@overload
def from_scm(document: Modulemd, *, repository: str, branch: str, committed: int, rules: Rules) -> Modulemd: ...
@overload
def from_scm(document: PackagerV3, *, repository: str, branch: str, committed: int, rules: Rules) -> PackagerV3: ...
@overload
def from_scm(
    document: Modulemd | PackagerV3, *, repository: str, branch: str, committed: int, rules: Rules
) -> Modulemd | PackagerV3: ...
def from_scm(
    document: Modulemd | PackagerV3, *, repository: str, branch: str, committed: int, rules: Rules
) -> Modulemd | PackagerV3:
    """Complete a document from a repository: its name, its branch, and the commit's time in seconds since 1970.

    The version has no platform prefix yet. Raises `InvalidRequest` with all contradictions.
    """
    body = _body(document)
    name, stream = body.name or repository, body.stream or scm_stream(branch, rules)
    refuse(
        [*scm_problems(document, repository=repository, branch=branch, rules=rules), *identity_problems(name, stream)]
    )
    return _identified(document, Changes(name=name, stream=stream, version=commit_version(committed)))


def scm_problems(document: Modulemd | PackagerV3, *, repository: str, branch: str, rules: Rules) -> Iterator[Finding]:
    """Find where a document contradicts its repository; for `validate`, to tell this with all the rest."""
    body, stream = _body(document), scm_stream(branch, rules)
    if body.name and body.name != repository and not rules.allow_name_override_from_scm:
        yield bad_request(f'The name "{body.name}" that is stored in the modulemd is not valid', "data.name")
    if body.stream and "-" in body.stream and not rules.allow_dashes_in_svc:
        yield bad_request("Dashes are not allowed in the stream value", "data.stream")
    elif body.stream and body.stream != stream and not rules.allow_stream_override_from_scm:
        yield bad_request(
            f'The stream "{body.stream}" that is stored in the modulemd does not match the stream determined by the '
            f'branch "{stream}"',
            "data.stream",
        )
    if body.version:
        yield bad_request(
            f'The version "{body.version}" is already defined in the modulemd but it shouldn\'t be since the version '
            "is generated based on the commit time",
            "data.version",
        )
    yield from context_problems(body.context, "data.context")
    yield from length_problems(body.name or repository, body.stream or stream, _longest_context(body))


def from_yaml(
    document: Modulemd | PackagerV3,
    *,
    module_name: str | None,
    module_stream: str | None,
    branch: str | None = None,
    now: int,
    rules: Rules,
) -> Modulemd | PackagerV3:
    """Complete a pasted document: `module_name` is the request's or the file's, `now` in seconds since 1970.

    A stream of the request wins over the document's, that over the branch of the request; the document's version wins
    over the time (MBS §6.3, §7.1; MBS makes no stream of the branch).
    """
    body = _body(document)
    refuse(yaml_problems(document, module_name=module_name, module_stream=module_stream, branch=branch, rules=rules))
    name, stream = _yaml_identity(body, module_name, module_stream, branch, rules)
    return _identified(document, Changes(name=name, stream=stream, version=body.version or commit_version(now)))


def yaml_problems(
    document: Modulemd | PackagerV3,
    *,
    module_name: str | None,
    module_stream: str | None,
    branch: str | None,
    rules: Rules,
) -> Iterator[Finding]:
    """Find what a pasted document lacks, and where its identity is no good."""
    body = _body(document)
    name, stream = _yaml_identity(body, module_name, module_stream, branch, rules)
    if not name:
        yield bad_request(
            'The module\'s name was not present in the modulemd file. Please use the "module_name" parameter',
            "data.name",
        )
    if "-" in stream and not rules.allow_dashes_in_svc:
        yield bad_request("Dashes not allowed in stream", "data.stream")
    yield from context_problems(body.context, "data.context")
    yield from identity_problems(name, stream)
    yield from length_problems(name, stream, _longest_context(body))


def _body(document: Modulemd | PackagerV3) -> Modulemd:
    """Give what holds name and stream."""
    return document.body if isinstance(document, PackagerV3) else document


def _identified(document: Modulemd | PackagerV3, changes: Changes) -> Modulemd | PackagerV3:
    """Write name, stream and version into the document, or into every stream of it."""
    if isinstance(document, Modulemd):
        return apply(document, changes)
    return replace(
        document,
        body=apply(document.body, changes),
        streams=tuple(apply(stream, changes) for stream in document.streams),
    )


def _yaml_identity(
    body: Modulemd, module_name: str | None, module_stream: str | None, branch: str | None, rules: Rules
) -> tuple[str, str]:
    """Give name and stream of a pasted document; no name is an empty one."""
    named = scm_stream(branch, rules) if branch else rules.default_branch
    return body.name or module_name or "", module_stream or body.stream or named


def _longest_context(body: Modulemd) -> str | None:
    """Give the longest context that the packager chose."""
    contexts = body.mbs_options.get("contexts")
    chosen = [body.context or "", *(contexts if isinstance(contexts, dict) else ())]
    return max(chosen, key=len) or None
