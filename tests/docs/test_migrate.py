"""Whoever comes from MBS finds each of its settings in the table, and each of ours that it names exists."""

from __future__ import annotations

import dataclasses
import re

from mbs.settings import Settings
from tests.docs.pages import ROOT, Page

TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in Page(ROOT / "docs" / "how-to" / "migrate-from-mbs.md").text.splitlines()
    if line.startswith("| `")
]

# fmt: off
MBS = [
    "system", "resolver", "messaging", "messaging_topic_prefix", "default_dist_tag_prefix", "polling_interval",
    "cache_dir", "mbs_url", "check_for_eol", "pdc_url", "koji_config", "koji_profile", "krb_keytab", "krb_principal",
    "krb_ccache", "arches", "base_module_arches", "allow_arch_override", "koji_build_priority", "koji_repository_url",
    "koji_build_macros_target", "koji_tag_prefixes", "koji_tag_permission", "koji_tag_extra_opts",
    "koji_target_delete_time", "koji_enable_content_generator", "koji_cg_tag_build", "koji_cg_devel_module",
    "koji_cg_build_tag_template", "koji_cg_default_build_tag", "koji_external_repo_url_prefix",
    "allow_name_override_from_scm", "allow_stream_override_from_scm", "allow_custom_scmurls", "scmurls",
    "rpms_default_repository", "rpms_allow_repository", "rpms_default_cache", "rpms_allow_cache",
    "modules_default_repository", "modules_allow_repository", "allowed_groups", "allowed_users", "admin_groups",
    "allowed_groups_to_import_module", "no_auth", "auth_method", "ldap_uri", "ldap_groups_dn", "yaml_submit_allowed",
    "modules_allow_scratch", "scratch_build_only_branches", "num_concurrent_builds",
    "num_threads_for_build_submissions", "net_timeout", "net_retry_interval", "scm_net_timeout",
    "scm_net_retry_interval", "base_module_names", "allow_only_compatible_base_modules",
    "base_module_stream_exclusions", "rebuild_strategy", "rebuild_strategy_allow_override",
    "rebuild_strategies_allowed", "cleanup_failed_builds_time", "cleanup_stuck_builds_time",
    "cleanup_stuck_builds_states", "br_stream_override_module", "br_stream_override_regexes",
    "allowed_privileged_module_names", "stream_suffixes", "product_pages_url", "product_pages_module_streams",
    "product_pages_schedule_task_name", "default_modules_scm_url", "default_branch", "uses_rawhide", "rawhide_branch",
    "dnf_minrate", "dnf_timeout", "num_workers", "celery_broker_url", "celery_task_always_eager",
    "celery_worker_prefetch_multiplier", "celery_task_routes", "celery_imports", "allow_dashes_in_svc",
    "strict_module_state_transitions", "build_logs_dir", "build_logs_name_format", "log_backend", "log_file",
    "log_level", "debug", "distgits", "mock_config", "mock_config_file", "mock_build_srpm_cmd", "mock_resultsdir",
    "mock_purge_useless_logs", "arch_autodetect", "arch_fallback", "yum_config_file", "default_buildroot_packages",
    "default_srpm_buildroot_packages", "host", "port", "secret_key", "sqlalchemy_database_uri",
    "sqlalchemy_pool_size", "sqlalchemy_pool_timeout", "sqlalchemy_pool_recycle", "sqlalchemy_max_overflow",
    "sqlalchemy_connect_args", "oidc_client_secrets", "oidc_required_scope", "server_name",
]
# fmt: on
"""Every option of MBS 3.9.2."""

OURS = {field.name for field in dataclasses.fields(Settings)}


def quoted(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_every_setting_of_mbs_has_its_line_once() -> None:
    assert sorted(name for line in TABLE for name in quoted(line[0])) == sorted(MBS)


def test_what_it_has_become_is_a_setting_or_gone_with_a_reason() -> None:
    for theirs, ours, why in TABLE:
        assert set(quoted(ours)) <= OURS, theirs
        assert quoted(ours) or (ours == "gone" and why), theirs


def test_a_name_that_both_have_stays_the_same() -> None:
    for theirs, ours, _ in TABLE:
        for name in set(quoted(theirs)) & OURS:
            assert quoted(ours) == [name], name


def test_no_setting_of_the_same_default_is_told_of_and_each_other_is() -> None:
    defaults = {"koji_tag_permission": "admin", "koji_build_priority": 10, "default_branch": "master"}
    said = {name: why for theirs, _, why in TABLE for name in quoted(theirs)}
    for name, theirs in defaults.items():
        assert (getattr(Settings(), name) == theirs) is (not said[name]), name
