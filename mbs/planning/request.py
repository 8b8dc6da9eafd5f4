"""What a user asks for, read from JSON or a form: every rule of MBS §3.11 that is kept, all problems at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mbs.components.selection import srpm_overrides
from mbs.model.errors import Finding, Findings, InvalidRequest, bad_request, forbidden, refuse, unprocessable
from mbs.model.naming import is_koji_name, is_user_name
from mbs.model.nsvc import NSVC
from mbs.model.quoting import listed, quoted
from mbs.modulemd.rules import scm_stream
from mbs.planning.fields import SUBMISSION, is_list_of_texts
from mbs.scm.url import ScmUrl, is_ref, submitted_url
from mbs.settings import Settings

Streams = Mapping[str, tuple[str, ...]]

FIELDS = {field.name: field for field in SUBMISSION}

_NAMES: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "branch": (is_ref, "a branch that git could have"),
    "side_tag": (is_koji_name, "a tag that Koji could have"),
    "owner": (is_user_name, "a user that Koji could have"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A submission that is allowed as far as one can tell without its document."""

    owner: str
    rebuild_strategy: str
    modulemd: str | bytes | None = None
    """A pasted document; otherwise it is read from `scmurl`."""
    scmurl: str | None = None
    url: ScmUrl | None = None
    """`scmurl`, read and allowed; None for a pasted document."""
    branch: str | None = None
    module_name: str | None = None
    module_stream: str | None = None
    scratch: bool = False
    srpms: tuple[str, ...] = ()
    side_tag: str | None = None
    buildrequire_overrides: Streams = field(default_factory=dict)
    require_overrides: Streams = field(default_factory=dict)
    rpm_component_ref_overrides: Mapping[str, str] = field(default_factory=dict)
    reuse_components_from: int | NSVC | None = None


def read_request(data: Mapping[str, Any], user: str, settings: Settings, *, may_choose_owner: bool = False) -> Request:
    """Read a submission of `user`; raise InvalidRequest or NotAuthorized with every problem.

    null counts as missing, an empty value only where MBS takes it so. `may_choose_owner` is for services whose users
    are not told apart.
    """
    given = {key: value for key, value in data.items() if key not in FIELDS or not FIELDS[key].is_missing(value)}
    if may_choose_owner and given.get("owner") == "":
        del given["owner"]
    scratch = str(given.get("scratch", False)).lower() in {"true", "1"}
    refuse([*_problems(given, settings, scratch=scratch, may_choose_owner=may_choose_owner)])
    from_scm = "modulemd" not in given
    return Request(
        owner=str(given.get("owner", user)),
        rebuild_strategy=given.get("rebuild_strategy", settings.rebuild_strategy),
        modulemd=given.get("modulemd"),
        scmurl=given.get("scmurl"),
        url=submitted_url(given["scmurl"], settings.scm_rules) if from_scm else None,
        branch=given.get("branch"),
        module_name=given.get("module_name"),
        module_stream=given.get("module_stream") or _typed_stream(given, settings),
        scratch=scratch,
        srpms=tuple(given.get("srpms", ())),
        side_tag=given.get("side_tag"),
        buildrequire_overrides=_streams(given.get("buildrequire_overrides", {})),
        require_overrides=_streams(given.get("require_overrides", {})),
        rpm_component_ref_overrides=dict(given.get("rpm_component_ref_overrides", {})),
        reuse_components_from=_reuse(given.get("reuse_components_from")),
    )


def _typed_stream(given: Mapping[str, Any], settings: Settings) -> str | None:
    """Give the stream of a pasted document that a person typed as its branch.

    A client that sends the SCM URL along (rpkg) names the branch that it happens to be on: there the document counts.
    """
    branch = given.get("branch")
    return scm_stream(branch, settings.rules) if branch and "modulemd" in given and "scmurl" not in given else None


def _problems(
    given: Mapping[str, Any], settings: Settings, *, scratch: bool, may_choose_owner: bool
) -> Iterator[Finding]:
    if unknown := sorted(map(str, given.keys() - FIELDS.keys())):
        yield bad_request(f"The request contains invalid parameters: {listed(unknown)}")
    yield from _wrong_types(given)
    yield from _name_problems(given)
    yield from _scratch_problems(given, settings, scratch=scratch)
    if "owner" in given and not may_choose_owner:
        yield bad_request("The request contains 'owner' parameter, however NO_AUTH is not allowed", "owner")
    if "modulemd" not in given:
        yield from _scm_problems(given, settings)
    elif not scratch and not settings.yaml_submit_allowed:
        yield forbidden("YAML submission is not enabled", "modulemd")
    yield from _strategy_problems(given, settings)
    yield from _reuse_problems(given, settings)


def _wrong_types(given: Mapping[str, Any]) -> Iterator[Finding]:
    for key in (name for name in FIELDS if name in given):
        if expected := FIELDS[key].expected(given[key]):
            yield bad_request(f'The "{key}" parameter must be {expected}', key)
    if given.get("modulemd") in ("", b""):
        yield unprocessable("The input modulemd was empty", "modulemd")


def _name_problems(given: Mapping[str, Any]) -> Iterator[Finding]:
    """Find names that nothing can have: they get into refs, tags of Koji, notes and the names of DAGs' tags."""
    for key, (is_name, what) in _NAMES.items():
        value = given.get(key)
        if isinstance(value, str) and not is_name(value):
            yield bad_request(f'The "{key}" parameter is not the name of {what}: {quoted(value)}', key)


def _scratch_problems(given: Mapping[str, Any], settings: Settings, *, scratch: bool) -> Iterator[Finding]:
    if scratch and not settings.modules_allow_scratch:
        yield forbidden("Scratch builds are not enabled", "scratch")
    branch = given.get("branch")
    if not scratch and isinstance(branch, str) and _matches(branch, settings.scratch_build_only_branches):
        yield bad_request("Only scratch module builds can be built from this branch.", "branch")
    if "srpms" not in given:
        return
    if not scratch:
        yield forbidden("srpms may only be specified for scratch builds", "srpms")
    if not is_list_of_texts(given["srpms"]):
        yield bad_request("srpms must be specified as a list", "srpms")
    else:
        found = Findings()
        found.of(lambda: srpm_overrides(given["srpms"]))
        yield from found


def _scm_problems(given: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    for key in ("scmurl", "branch"):
        if key not in given:
            yield bad_request(f"Missing {key}", key)
    if isinstance(given.get("scmurl"), str):
        found = Findings()
        found.of(lambda: submitted_url(given["scmurl"], settings.scm_rules))
        yield from (replace(one, problem=replace(one.problem, where="scmurl")) for one in found)
    for key, what in (("module_name", "Module name"), ("module_stream", "Stream name")):
        if key in given:
            yield bad_request(f"{what} override is only allowed when a YAML file is submitted", key)


def _strategy_problems(given: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    wanted = given.get("rebuild_strategy")
    if wanted is None or wanted == settings.rebuild_strategy:
        return
    if not settings.rebuild_strategy_allow_override:
        text = 'The request contains the "rebuild_strategy" parameter but overriding the default isn\'t allowed'
        yield bad_request(text, "rebuild_strategy")
    elif wanted not in settings.rebuild_strategies_allowed:
        allowed = ", ".join(sorted(settings.rebuild_strategies_allowed))
        text = f'The rebuild method of "{quoted(str(wanted))}" is not allowed. Choose from: {allowed}.'
        yield bad_request(text, "rebuild_strategy")


def _reuse_problems(given: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    if "reuse_components_from" not in given:
        return
    if given.get("rebuild_strategy", settings.rebuild_strategy) == "all":
        text = (
            'You cannot specify the parameter "reuse_components_from" when the "rebuild_strategy" parameter is set '
            'to "all"'
        )
        yield bad_request(text, "reuse_components_from")
    try:
        _reuse(given["reuse_components_from"])
    except InvalidRequest:
        text = 'The parameter "reuse_components_from" contains an invalid module identifier'
        yield bad_request(text, "reuse_components_from")


def _reuse(value: object) -> int | NSVC | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return NSVC.or_number(str(value))


def _streams(overrides: Mapping[str, list[str]]) -> Streams:
    return {name: tuple(streams) for name, streams in overrides.items()}


def _matches(branch: str, patterns: tuple[str, ...]) -> bool:
    return any(re.search(pattern, branch) for pattern in patterns)
