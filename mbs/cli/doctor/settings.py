"""Settings that each make sense, and together do not."""

from __future__ import annotations

from collections.abc import Iterator

from mbs.cli.doctor.finding import Finding, right, wrong
from mbs.settings import Settings

OWN_PREFIXES = {"module", "scrmod"}
"""First parts of the tags that this service makes (`mbs.model.naming`)."""


def judge(settings: Settings) -> Iterator[Finding]:
    """Say what contradicts what."""
    found = [*_nobody_may(settings), *_nothing_may(settings), *_never_read(settings)]
    yield from found
    if not found:
        yield right("the settings agree with each other")


def _nobody_may(settings: Settings) -> Iterator[Finding]:
    if settings.allowed_groups and not settings.allowed_users:
        groups = ", ".join(settings.allowed_groups)
        what = f"nobody may submit: allowed_groups names {groups}, which a form is not told, and allowed_users is empty"
        yield wrong(what, "allowed_users = NAME, ...; or an empty allowed_groups, so that Airflow's roles decide")


def _nothing_may(settings: Settings) -> Iterator[Finding]:
    from_scm = settings.scmurls or settings.allow_custom_scmurls
    if not (from_scm or settings.yaml_submit_allowed or settings.modules_allow_scratch):
        yield wrong("nothing may be submitted: scmurls is empty", "scmurls = https://src.example.org/modules/")
    for name in ("scmurls", "rpms_default_repository", "modules_default_repository"):
        value = getattr(settings, name)
        urls = (value,) if isinstance(value, str) else value
        if not settings.allow_local_scmurls and any(url.startswith("file:") for url in urls):
            yield wrong(f"{name} names file://, which allow_local_scmurls forbids", f"{name} = https://...")
    if settings.scratch_build_only_branches and not settings.modules_allow_scratch:
        what = "nothing may be built from scratch_build_only_branches, since modules_allow_scratch is off"
        yield wrong(what, "modules_allow_scratch = True")


def _never_read(settings: Settings) -> Iterator[Finding]:
    for key in settings.base_module_arches:
        if key.partition(":")[0] not in (*settings.base_module_names, *settings.allowed_privileged_module_names):
            what = f"base_module_arches has {key}, which is no base module"
            yield wrong(what, "base_module_names, or another key NAME:STREAM")
    if absent := OWN_PREFIXES - set(settings.koji_tag_prefixes):
        what = f"koji_tag_prefixes lacks {', '.join(sorted(absent))}: upkeep would leave the service's own targets"
        yield wrong(what, f"koji_tag_prefixes = {','.join((*settings.koji_tag_prefixes, *sorted(absent)))}")
