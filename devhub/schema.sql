-- The whole state of the hub. Names follow Koji's own tables, so that who knows one knows the other.
-- Versioned tables carry create_event and revoke_event; a row is current while revoke_event is null.
-- Times are seconds since the epoch (REAL); structured values are JSON text.

CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL);

CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, password TEXT,
    status INTEGER NOT NULL DEFAULT 0, usertype INTEGER NOT NULL DEFAULT 0);
CREATE TABLE permissions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT);
CREATE TABLE user_perms (
    user_id INTEGER NOT NULL REFERENCES users, perm_id INTEGER NOT NULL REFERENCES permissions,
    PRIMARY KEY (user_id, perm_id)) WITHOUT ROWID;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL REFERENCES users, key_hash TEXT NOT NULL,
    callnum INTEGER, start_time REAL NOT NULL, update_time REAL NOT NULL,
    expired INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0);

CREATE TABLE channels (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);
CREATE TABLE hosts (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL UNIQUE REFERENCES users, name TEXT NOT NULL UNIQUE,
    arches TEXT NOT NULL, capacity REAL NOT NULL DEFAULT 20, enabled INTEGER NOT NULL DEFAULT 1,
    ready INTEGER NOT NULL DEFAULT 0, task_load REAL NOT NULL DEFAULT 0, update_time REAL);

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, method TEXT NOT NULL, request TEXT NOT NULL,
    result TEXT, owner INTEGER REFERENCES users, host_id INTEGER REFERENCES hosts, parent INTEGER REFERENCES tasks,
    label TEXT, arch TEXT NOT NULL DEFAULT 'noarch', channel_id INTEGER NOT NULL REFERENCES channels,
    priority INTEGER NOT NULL, weight REAL NOT NULL DEFAULT 1.0, waiting INTEGER, awaited INTEGER,
    create_time REAL NOT NULL, start_time REAL, completion_time REAL);
CREATE INDEX tasks_by_state ON tasks (state, priority, id) WHERE state IN (0, 1, 4);
CREATE INDEX tasks_by_parent ON tasks (parent, label);
CREATE INDEX tasks_by_owner ON tasks (owner, method, state);

CREATE TABLE packages (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE tag_config (
    tag_id INTEGER NOT NULL REFERENCES tags, arches TEXT, perm_id INTEGER REFERENCES permissions,
    locked INTEGER NOT NULL DEFAULT 0, maven_support INTEGER NOT NULL DEFAULT 0,
    maven_include_all INTEGER NOT NULL DEFAULT 0, create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX tag_config_now ON tag_config (tag_id) WHERE revoke_event IS NULL;
CREATE INDEX tag_config_then ON tag_config (tag_id, create_event);
CREATE TABLE tag_extra (
    tag_id INTEGER NOT NULL REFERENCES tags, key TEXT NOT NULL, value TEXT,
    create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX tag_extra_now ON tag_extra (tag_id, key) WHERE revoke_event IS NULL;
CREATE INDEX tag_extra_then ON tag_extra (tag_id, create_event);
CREATE TABLE tag_inheritance (
    tag_id INTEGER NOT NULL REFERENCES tags, parent_id INTEGER NOT NULL REFERENCES tags, priority INTEGER NOT NULL,
    maxdepth INTEGER, intransitive INTEGER NOT NULL DEFAULT 0, noconfig INTEGER NOT NULL DEFAULT 0,
    pkg_filter TEXT NOT NULL DEFAULT '', create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX tag_inheritance_now ON tag_inheritance (tag_id, parent_id) WHERE revoke_event IS NULL;
CREATE INDEX tag_inheritance_then ON tag_inheritance (tag_id, create_event);
CREATE TABLE tag_packages (
    tag_id INTEGER NOT NULL REFERENCES tags, package_id INTEGER NOT NULL REFERENCES packages,
    owner INTEGER NOT NULL REFERENCES users, blocked INTEGER NOT NULL DEFAULT 0, extra_arches TEXT,
    create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX tag_packages_now ON tag_packages (tag_id, package_id) WHERE revoke_event IS NULL;
CREATE INDEX tag_packages_then ON tag_packages (tag_id, create_event);

CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE group_config (
    group_id INTEGER NOT NULL REFERENCES groups, tag_id INTEGER NOT NULL REFERENCES tags,
    blocked INTEGER NOT NULL DEFAULT 0, exported INTEGER NOT NULL DEFAULT 1, display_name TEXT NOT NULL,
    is_default INTEGER, uservisible INTEGER NOT NULL DEFAULT 1, description TEXT, langonly TEXT, biarchonly INTEGER,
    create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX group_config_now ON group_config (tag_id, group_id) WHERE revoke_event IS NULL;
CREATE INDEX group_config_then ON group_config (tag_id, create_event);
CREATE TABLE group_packages (
    group_id INTEGER NOT NULL REFERENCES groups, tag_id INTEGER NOT NULL REFERENCES tags, package TEXT NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0, type TEXT NOT NULL DEFAULT 'mandatory', basearchonly INTEGER, requires TEXT,
    create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX group_packages_now ON group_packages (tag_id, group_id, package) WHERE revoke_event IS NULL;
CREATE INDEX group_packages_then ON group_packages (tag_id, create_event);

CREATE TABLE build_targets (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE build_target_config (
    target_id INTEGER NOT NULL REFERENCES build_targets, build_tag INTEGER NOT NULL REFERENCES tags,
    dest_tag INTEGER NOT NULL REFERENCES tags, create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX build_target_config_now ON build_target_config (target_id) WHERE revoke_event IS NULL;

CREATE TABLE external_repos (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, url TEXT NOT NULL);
CREATE TABLE tag_external_repos (
    tag_id INTEGER NOT NULL REFERENCES tags, external_repo_id INTEGER NOT NULL REFERENCES external_repos,
    priority INTEGER NOT NULL, merge_mode TEXT NOT NULL DEFAULT 'koji', arches TEXT,
    create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE INDEX tag_external_repos_then ON tag_external_repos (tag_id, create_event);

CREATE TABLE content_generators (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE cg_users (
    cg_id INTEGER NOT NULL REFERENCES content_generators, user_id INTEGER NOT NULL REFERENCES users,
    PRIMARY KEY (cg_id, user_id)) WITHOUT ROWID;
CREATE TABLE btypes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE archive_types (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, extensions TEXT NOT NULL);

CREATE TABLE builds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, package_id INTEGER NOT NULL REFERENCES packages, version TEXT NOT NULL,
    release TEXT NOT NULL, epoch INTEGER, source TEXT, state INTEGER NOT NULL, task_id INTEGER REFERENCES tasks,
    owner INTEGER NOT NULL REFERENCES users, cg_id INTEGER REFERENCES content_generators, extra TEXT,
    token TEXT, create_event INTEGER NOT NULL, start_time REAL, completion_time REAL,
    UNIQUE (package_id, version, release));
CREATE INDEX builds_by_task ON builds (task_id);
CREATE TABLE build_types (
    build_id INTEGER NOT NULL REFERENCES builds, btype_id INTEGER NOT NULL REFERENCES btypes,
    PRIMARY KEY (build_id, btype_id)) WITHOUT ROWID;
CREATE TABLE tag_listing (
    build_id INTEGER NOT NULL REFERENCES builds, tag_id INTEGER NOT NULL REFERENCES tags,
    package_id INTEGER NOT NULL REFERENCES packages, creator_id INTEGER, revoker_id INTEGER,
    create_event INTEGER NOT NULL, revoke_event INTEGER);
CREATE UNIQUE INDEX tag_listing_now ON tag_listing (build_id, tag_id) WHERE revoke_event IS NULL;
CREATE INDEX tag_listing_then ON tag_listing (tag_id, create_event);

CREATE TABLE repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tag_id INTEGER NOT NULL REFERENCES tags, state INTEGER NOT NULL,
    begin_event INTEGER, create_event INTEGER NOT NULL, opts TEXT NOT NULL, custom_opts TEXT NOT NULL DEFAULT '{}',
    task_id INTEGER REFERENCES tasks, creation_time REAL NOT NULL, state_time REAL NOT NULL);
CREATE INDEX repos_by_tag ON repos (tag_id, state, create_event);
CREATE TABLE repo_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tag_id INTEGER NOT NULL REFERENCES tags, owner INTEGER REFERENCES users,
    priority INTEGER NOT NULL, at_event INTEGER, min_event INTEGER, opts TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1, task_id INTEGER REFERENCES tasks, repo_id INTEGER REFERENCES repos,
    tries INTEGER NOT NULL DEFAULT 0, create_time REAL NOT NULL, update_time REAL NOT NULL);
CREATE INDEX repo_requests_active ON repo_requests (tag_id) WHERE active;

CREATE TABLE buildroots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, br_type INTEGER NOT NULL DEFAULT 0, arch TEXT, host_id INTEGER,
    repo_id INTEGER REFERENCES repos, task_id INTEGER REFERENCES tasks, state INTEGER, cg_id INTEGER, cg_version TEXT,
    container_type TEXT, container_arch TEXT, host_os TEXT, host_arch TEXT, extra TEXT,
    create_event INTEGER, retire_event INTEGER);
CREATE INDEX buildroots_by_task ON buildroots (task_id);
CREATE TABLE rpms (
    id INTEGER PRIMARY KEY AUTOINCREMENT, build_id INTEGER NOT NULL REFERENCES builds, buildroot_id INTEGER,
    name TEXT NOT NULL, version TEXT NOT NULL, release TEXT NOT NULL, epoch INTEGER, arch TEXT NOT NULL,
    payloadhash TEXT NOT NULL, size INTEGER NOT NULL, buildtime INTEGER NOT NULL,
    UNIQUE (name, version, release, arch));
CREATE INDEX rpms_by_build ON rpms (build_id);
CREATE TABLE archives (
    id INTEGER PRIMARY KEY AUTOINCREMENT, build_id INTEGER NOT NULL REFERENCES builds, buildroot_id INTEGER,
    btype_id INTEGER NOT NULL REFERENCES btypes, type_id INTEGER NOT NULL REFERENCES archive_types,
    filename TEXT NOT NULL, size INTEGER NOT NULL, checksum TEXT NOT NULL, checksum_type INTEGER NOT NULL,
    extra TEXT, UNIQUE (build_id, btype_id, filename));
CREATE TABLE archive_components (
    archive_id INTEGER NOT NULL REFERENCES archives, rpm_id INTEGER NOT NULL REFERENCES rpms,
    PRIMARY KEY (archive_id, rpm_id)) WITHOUT ROWID;

CREATE TABLE faults (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE call_counts (method TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
