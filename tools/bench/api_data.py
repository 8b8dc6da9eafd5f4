"""Many module builds for measurements of the REST API: made in the database itself, in seconds."""

from __future__ import annotations

from sqlalchemy import Engine, text

BASE_MODULES = 20
"""Their ids come first."""

PLATFORMS = """
INSERT INTO module_builds (id, name, stream, version, context, state, owner, rebuild_strategy, koji_tag, arches,
    virtual_streams, stream_version, modulemd, time_completed)
SELECT n, 'platform', 'f' || 20 + n, 1, '00000000', 5, 'mbs_import', 'all', 'module-f' || 20 + n || '-build',
    '{x86_64,aarch64}', ARRAY['f' || 20 + n / 2, 'fedora'], (20 + n) * 10000, :document, now()
FROM generate_series(1, :platforms) AS n
"""

BUILDS = """
INSERT INTO module_builds (id, name, stream, version, context, build_context, build_context_no_bms, runtime_context,
    state, state_reason, owner, rebuild_strategy, scmurl, branch, commit, koji_tag, cg_build_koji_tag, arches,
    buildrequires, modulemd, reuse_from_id, time_submitted, time_modified, time_completed)
SELECT :platforms + n, 'module-' || n % 500, n % 5 || '.0', 20200000000000 + n, substr(md5(n::text), 1, 8),
    md5(n::text) || 'abcdef01', md5('no ' || n) || 'abcdef01', md5('run ' || n) || 'abcdef01',
    (ARRAY[5, 5, 5, 5, 5, 5, 4, 6, 3, 2])[1 + n % 10], CASE WHEN n % 10 = 6 THEN 'Component ' || n || ' failed' END,
    'packager-' || n % 97, (ARRAY['changed-and-after', 'only-changed', 'all'])[1 + n % 3],
    'https://src.example.org/modules/module-' || n % 500 || '?#' || md5(n::text), n % 5 || '.0', md5(n::text),
    'module-' || md5(n::text), 'f' || 21 + n % :platforms || '-modular-updates-candidate', '{x86_64,aarch64}',
    jsonb_build_object('platform', jsonb_build_object('ref', 'virtual', 'stream', 'f' || 21 + n % :platforms, 'version',
        '1', 'context', '00000000', 'koji_tag', 'module-f' || 21 + n % :platforms || '-build')),
    :document, CASE WHEN n > 500 AND n % 3 = 0 THEN :platforms + n - 500 END,
    now() - (:builds - n) * interval '5 minutes', now() - (:builds - n) * interval '4 minutes',
    CASE WHEN n % 10 < 9 THEN now() - (:builds - n) * interval '3 minutes' END
FROM generate_series(1, :builds) AS n
"""

LINKS = """
INSERT INTO base_module_links (build_id, base_module_id)
SELECT :platforms + n, 1 + n % :platforms FROM generate_series(1, :builds) AS n
"""

COMPONENTS = """
INSERT INTO component_builds (build_id, name, source, ref, batch, weight, arches, state, state_reason, task_id, nvr,
    tagged, tagged_in_final, build_time_only, buildonly)
SELECT :platforms + n, CASE WHEN c = 0 THEN 'module-build-macros' ELSE 'package-' || n % 50 * 20 + c END,
    'https://src.example.org/rpms/package-' || c || '?#' || md5(c || ' ' || n), md5(c || ' ' || n), (c + 9) / 10, c,
    '{x86_64,aarch64}', CASE WHEN n % 10 = 6 AND c = 19 THEN 3 ELSE 1 END,
    CASE WHEN n % 10 = 6 AND c = 19 THEN 'BuildrootError: package ' || n END, n * 100 + c,
    'package-' || c || '-1-' || n, n % 10 <> 6, c > 0 AND n % 10 <> 6, c = 0, c = 1
FROM generate_series(1, :builds) AS n, generate_series(0, :components - 1) AS c
"""

TRACES = """
INSERT INTO module_traces (build_id, time, state, by)
SELECT id, time_submitted + s * interval '1 minute', s, 'packager' FROM module_builds, generate_series(0, 4) AS s;
INSERT INTO component_traces (component_id, time, state, task_id)
SELECT id, now(), s, task_id FROM component_builds, generate_series(0, 1) AS s
"""

SEQUENCES = """
SELECT setval(pg_get_serial_sequence('module_builds', 'id'), (SELECT max(id) FROM module_builds))
"""


def fill(engine: Engine, *, builds: int, components: int, document: str) -> None:
    """Record so many module builds with so many components each, macros included, and all that a page shows of them."""
    numbers = {"platforms": BASE_MODULES, "builds": builds, "components": components, "document": document}
    with engine.begin() as connection:
        for statement in (PLATFORMS, BUILDS, LINKS, COMPONENTS, TRACES, SEQUENCES):
            connection.execute(text(statement), numbers)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
