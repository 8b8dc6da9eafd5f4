"""The settings of the service: section `[mbs]` of airflow.cfg, or `AIRFLOW__MBS__<NAME>` in the environment.

Names are those of MBS (§20) where the meaning is the same. Gone, because Airflow, its roles, its connections or its
executors do that now: everything about messaging, Celery, the Koji profile, the patience with it, logs and mock;
because what they ask is no longer there: PDC (`check_for_eol`, `pdc_url`) and Product Pages (`product_pages_*`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from mbs.components import ComponentSettings
from mbs.expansion import ExpansionSettings
from mbs.model.errors import MbsError, Problem
from mbs.model.plan import Strategy
from mbs.model.states import CANCELABLE
from mbs.modulemd.rules import Rules
from mbs.sandbox.limits import Limits
from mbs.scm.git import GitSettings
from mbs.scm.url import ScmRules
from mbs.settings import entry
from mbs.settings.values import read

T = TypeVar("T")

LEAST_MEMORY = 128 * 1024 * 1024
"""Bytes that reading a document takes, with the parsers."""

_NOT_ZERO = (("koji_builds_slots", "would be built"), ("submissions_at_once", "could be submitted"))
"""Settings that switch everything off with 0, and what then never happens."""

STUCK_STATES = tuple(state.label for state in CANCELABLE)
"""The states that a build can be stuck in: those that a person may cancel."""


class InvalidSettings(MbsError):
    """Settings that contradict themselves or cannot be read; carries every problem at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take the problems; `where` of each is the setting."""
        self.problems = problems
        lines = "\n".join(f"  {problem.where}: {problem.message}" for problem in problems)
        super().__init__(f"The settings in section [mbs] are not valid:\n{lines}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting. In airflow.cfg lists are separated by commas and mappings are JSON."""

    # Where things are

    database_url: str = ""
    """URL of the registry's PostgreSQL for the command line; inside Airflow the connection `mbs_registry` counts.
    `MBS_DATABASE_URL` in the environment wins."""
    api_url: str = "http://localhost:8080"
    """URL of the server (Airflow's API server), for the command line. `MBS_API_URL` in the environment wins."""

    # Who may do what

    allowed_users: tuple[str, ...] = ()
    """Users who may submit, whatever their groups."""
    auth: tuple[str, ...] = ("airflow",)
    """How the REST API knows who asks, tried in this order: `airflow` (a token or a session of Airflow), `oidc`,
    `proxy` (a front server that authenticates, as with Kerberos), `no_auth` (anybody on this very machine)."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks and addresses of front servers whose word counts: who asks, and where a request came from."""
    proxy_user_header: str = "X-Remote-User"
    """The header in which a front server tells whom it has authenticated, as `user@REALM`."""
    proxy_realms: tuple[str, ...] = ()
    """Kerberos realms whose users are taken for ours; a front server may take those of others, too."""
    proxy_secret: str = field(default="", repr=False)
    """What a front server shows in the header `X-Proxy-Secret`; empty: its address is enough. Where others have
    accounts on its machine it is not."""
    proxy_secret_cmd: str = ""
    """A command that prints it."""
    ldap_uri: str = ""
    """LDAP server that knows the groups of a front server's users: `ldaps://`, or `ldap://` with StartTLS."""
    ldap_groups_dn: str = ""
    """Where its groups (posixGroup) are."""
    ldap_user: str = ""
    """DN to log in as there; empty: nobody."""
    ldap_password: str = field(default="", repr=False)
    """Its password."""
    ldap_password_cmd: str = ""
    """A command that prints it."""
    ldap_ca_file: str = ""
    """Certificates of the authority that signed the LDAP server's; empty: the system's."""
    oidc_issuer: str = ""
    """URL of the OpenID provider, as its tokens name it."""
    oidc_client_id: str = ""
    """Who the service is to the provider, where it asks it about tokens that are no JWT (RFC 7662)."""
    oidc_client_secret: str = field(default="", repr=False)
    """The secret for that."""
    oidc_client_secret_cmd: str = ""
    """A command that prints it."""
    oidc_audience: tuple[str, ...] = ()
    """Whom tokens must be made for, one of these; empty: `oidc_client_id`."""
    oidc_required_scopes: tuple[str, ...] = ("openid",)
    """Scopes that a token must have, all of them."""
    oidc_user_claim: str = "preferred_username"
    """The claim with the user's name, of the token or of UserInfo; it must be the provider's to give, and unique."""
    oidc_groups_claim: str = "groups"
    """The claim with the user's groups, of the token or of UserInfo."""
    allowed_groups: tuple[str, ...] = ("packager",)
    """Groups whose members may submit; empty: everyone who may log in."""
    admin_groups: tuple[str, ...] = ()
    """Groups whose members may cancel the module builds of others, too."""
    allowed_groups_to_import_module: tuple[str, ...] = ()
    """Groups whose members may import modules through the REST API; empty: it imports none."""
    allowed_users_to_import_module: tuple[str, ...] = ()
    """Users who may import modules through the form, which knows no groups; empty: nobody."""
    allowed_users_to_choose_owner: tuple[str, ...] = ()
    """Users (of automation) who may submit in the name of others."""

    # What may be submitted

    scmurls: tuple[str, ...] = ("https://src.fedoraproject.org/modules/",)
    """Prefixes of the SCM URLs that may be submitted."""
    allow_custom_scmurls: bool = False
    """Whether any SCM URL may be submitted."""
    allow_local_scmurls: bool = False
    """Whether `file://` repositories are read at all: for a laptop."""
    yaml_submit_allowed: bool = False
    """Whether a pasted document may be submitted for more than a scratch build."""
    modules_allow_scratch: bool = False
    """Whether scratch builds may be submitted."""
    scratch_build_only_branches: tuple[str, ...] = ()
    """Regular expressions of branches that only scratch builds may come from."""
    max_builds: int = 50
    """Module builds that one submission may expand to."""
    max_combinations: int = 10_000
    """Combinations of streams that are tried for one submission, whether they can be satisfied or not."""
    max_components: int = 1000
    """Components of one module, those of the modules that it includes counted."""
    max_modulemd_size: int = 2 * 1024 * 1024
    """Size of a submitted document, in bytes."""
    submission_deadline: float = 300.0
    """Seconds for which a document is fetched, read and planned before that is given up."""
    submissions_at_once: int = 4
    """Submissions that one server of the REST API plans at a time; whoever comes then is asked to come again."""
    submission_memory: int = 512 * 1024 * 1024
    """Memory that reading and planning a document may take, in bytes; each git that fetches has as much."""
    allow_name_override_from_scm: bool = False
    """Whether a document may name its module otherwise than its repository."""
    allow_stream_override_from_scm: bool = False
    """Whether a document may name its stream otherwise than its branch."""
    allow_dashes_in_svc: bool = False
    """Whether streams and contexts may contain dashes."""
    allowed_privileged_module_names: tuple[str, ...] = ()
    """Modules that may set keys of `xmd.mbs` themselves, the most important first."""
    default_branch: str = "master"
    """Branch of a submission, and ref of components, where none is named."""

    # Platforms and streams

    base_module_names: tuple[str, ...] = ("platform",)
    """Modules that stand for a distribution release, the most important first."""
    base_module_stream_exclusions: tuple[str, ...] = ()
    """Base module streams that "any stream" does not mean; they can still be named."""
    allow_only_compatible_base_modules: bool = True
    """Take modules built against older y and z releases only; otherwise from every base module with a common virtual
    stream (Fedora)."""
    br_stream_override_module: str = "platform"
    """The module whose stream a branch name may set."""
    br_stream_override_regexes: tuple[str, ...] = ()
    """Searched in the branch name, the first match counts; its groups, joined, are the stream."""
    stream_suffixes: Mapping[str, float] = field(default_factory=dict)
    """Regular expressions of base module streams, and what is added to their stream version."""
    default_modules_scm_url: str = "https://pagure.io/releng/fedora-module-defaults.git"
    """Repository of the default streams, for base modules that use default modules."""
    uses_rawhide: bool = True
    """Whether the base module stream that Koji's rawhide target builds for has its defaults in `rawhide_branch`."""
    rawhide_branch: str = "master"
    """Branch of the default streams of rawhide."""

    # Components

    rpms_default_repository: str = "https://src.fedoraproject.org/rpms/"
    """Prefix of the repository of a component that names none."""
    rpms_allow_repository: bool = False
    """Whether components may name a repository."""
    rpms_default_cache: str = "http://pkgs.fedoraproject.org/repo/pkgs/"
    """Prefix of the lookaside cache of a component that names none."""
    rpms_allow_cache: bool = False
    """Whether components may name a cache."""
    modules_default_repository: str = "https://src.fedoraproject.org/modules/"
    """Prefix of the repository of an included module that names none."""
    modules_allow_repository: bool = False
    """Whether included modules may name a repository."""
    rebuild_strategy: str = Strategy.CHANGED_AND_AFTER.value
    """What is rebuilt where nothing else is asked for: all, changed-and-after, only-changed."""
    rebuild_strategy_allow_override: bool = False
    """Whether a submission may choose its strategy."""
    rebuild_strategies_allowed: tuple[str, ...] = tuple(strategy.value for strategy in Strategy)
    """The strategies that a submission may choose."""
    default_build_seconds: float = 300.0
    """Expected duration of a component build that Koji has no average for, in seconds."""

    # Koji

    arches: tuple[str, ...] = ("x86_64",)
    """Arches to build for, where neither the module nor its base module says."""
    base_module_arches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Arches by `name:stream` of a base module."""
    allow_arch_override: bool = False
    """Whether the arches of a component are passed to Koji as `arch_override`."""
    default_dist_tag_prefix: str = "module+"
    """Begin of the release suffix of module RPMs."""
    koji_tag_prefixes: tuple[str, ...] = ("module", "scrmod")
    """First parts of the names of tags that belong to the service."""
    koji_tag_permission: str = "tag"
    """Koji permission that the tags ask of whoever tags into them; the service's user on the hub must have it. Empty:
    none, so that the hub's policies alone decide."""
    koji_tag_extra_opts: Mapping[str, Any] = field(
        default_factory=lambda: {
            "mock.package_manager": "dnf",
            "repo_include_all": True,
            "mock.new_chroot": 0,
            "mock.yum.module_hotfixes": 1,
        }
    )
    """Extra options of the tags."""
    koji_build_priority: int = 10
    """Priority of component builds, added to Koji's default; a higher number builds later."""
    koji_build_macros_target: str = ""
    """Koji target that module-build-macros is built in; empty: the module's own."""
    block_base_module_rpms: bool = False
    """Whether RPMs of the base module are kept out of the buildroot where another dependency brings its own under the
    same name; Koji is asked for all RPMs of the base module then."""
    koji_enable_content_generator: bool = True
    """Whether finished modules are imported into Koji."""
    koji_cg_devel_module: bool = True
    """Whether the -devel twin is imported too."""
    koji_cg_tag_build: bool = True
    """Whether imported modules are tagged."""
    koji_cg_build_tag_template: str = "{}-modular-updates-candidate"
    """Tag of imported modules; {} is the stream of the base module."""
    koji_cg_default_build_tag: str = "modular-updates-candidate"
    """Tag of imported modules where the one from the template does not exist."""
    koji_builds_slots: int = 20
    """Slots of the pool `koji_builds` when it is created: the arch builds that the service keeps in Koji at a time, of
    all modules together. Later the size is changed in the UI."""
    koji_poll_interval: float = 5.0
    """Seconds between two looks at the tasks and repositories that are waited for."""
    koji_away_timeout: float = 6 * 3600.0
    """Seconds for which a hub may be away before what waits for it fails."""

    # Airflow

    schedule_from_states: bool = True
    """Whether the scheduler evaluates only those tasks of a module build whose upstream tasks have ended. Off, it loads
    and evaluates all of every running build in every loop, as it does for other DAGs."""

    # Git

    scm_net_timeout: float = 60.0
    """Seconds for one command of git."""
    scm_net_retry_interval: float = 15.0
    """Seconds between two attempts of a git command that the network broke."""

    scm_max_fetch: int = 256 * 1024 * 1024
    """Bytes that git may bring from one repository; of a modulemd's commit a quarter of it."""

    # Upkeep

    dag_retention: int = 14
    """Days for which the DAG of a finished build stays."""
    koji_target_delete_time: int = 86400
    """Seconds after which the Koji target of a finished build is deleted."""
    cleanup_failed_builds_time: int = 180
    """Days after which a failed build is untagged and becomes garbage."""
    cleanup_stuck_builds_time: int = 7
    """Days after which a build that stays in one state is canceled."""
    cleanup_stuck_builds_states: tuple[str, ...] = ("init", "build")
    """The states in which a build can be stuck."""
    ready_needs_approval: bool = False
    """Whether a person has to approve between done and ready."""
    approvers: tuple[str, ...] = ()
    """Users who may approve, as `name`; as `name=id` where Airflow's auth manager knows users by something else than
    their name (FAB: the number of the account). Empty: everybody who may answer in Airflow."""
    approval_by_submitter: bool = True
    """Whether who submitted a module build, or owns it, may approve it."""
    rebuild_dependants: bool = False
    """Whether modules that buildrequire a stream are submitted again when it becomes ready."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Settings:
        """Read settings as they stand in a file, all texts; raise InvalidSettings with every problem at once."""
        problems: list[Problem] = []
        found: dict[str, Any] = {}
        for name, text in values.items():
            if name not in _TYPES:
                problems.append(Problem("there is no such setting", name))
                continue
            try:
                found[name] = read(text, _TYPES[name])
            except ValueError as error:
                problems.append(Problem(str(error), name))
        settings = cls(**found)
        problems += settings._contradictions()
        if problems:
            raise InvalidSettings(tuple(problems))
        return settings

    @property
    def expansion(self) -> ExpansionSettings:
        """The part that stream expansion reads."""
        return _part(ExpansionSettings, self)

    @property
    def components(self) -> ComponentSettings:
        """The part that components are recorded by."""
        return _part(ComponentSettings, self)

    @property
    def rules(self) -> Rules:
        """What is allowed in a document."""
        return _part(Rules, self)

    @property
    def scm_rules(self) -> ScmRules:
        """Which SCM URLs are accepted."""
        return ScmRules(self.scmurls, allow_custom=self.allow_custom_scmurls, allow_local=self.allow_local_scmurls)

    @property
    def git(self) -> GitSettings:
        """How patient git is, and what it reads."""
        return GitSettings(
            timeout=self.scm_net_timeout,
            retry_interval=self.scm_net_retry_interval,
            allow_local=self.allow_local_scmurls,
            redirects=self._redirects,
            largest_modulemd=self.max_modulemd_size,
            largest_fetch=self.scm_max_fetch,
        )

    @property
    def _redirects(self) -> ScmRules:
        """Where a server may send git to: to what the settings name, and anywhere where any URL may be submitted."""
        named = (self.rpms_default_repository, self.modules_default_repository, self.default_modules_scm_url)
        return ScmRules((*self.scmurls, *named), allow_custom=self.allow_custom_scmurls)

    @property
    def sandbox(self) -> Limits:
        """What the work on a stranger's document may use."""
        return Limits(seconds=self.submission_deadline, memory=self.submission_memory, file=self.scm_max_fetch)

    def _contradictions(self) -> Iterator[Problem]:
        for name in ("scratch_build_only_branches", "br_stream_override_regexes", "stream_suffixes"):
            yield from _broken_regexes(name, getattr(self, name))
        if self.koji_cg_build_tag_template.count("{}") != 1:
            yield Problem("must contain {} once, for the stream of the base module", "koji_cg_build_tag_template")
        if unknown := {self.rebuild_strategy, *self.rebuild_strategies_allowed} - set(Strategy):
            yield Problem(f"{min(unknown)} is none of {', '.join(Strategy)}", "rebuild_strategy")
        if unknown := set(self.cleanup_stuck_builds_states) - set(STUCK_STATES):
            yield Problem(f"{min(unknown)} is no state that a build can be stuck in", "cleanup_stuck_builds_states")
        yield from (
            Problem(f"must be at least 1, or nothing {what}", name)
            for name, what in _NOT_ZERO
            if not getattr(self, name)
        )
        if self.scm_max_fetch < 1024 * 1024:
            yield Problem("must be at least a megabyte, or no repository could be read", "scm_max_fetch")
        if self.submission_memory < LEAST_MEMORY:
            least = f"must be at least {LEAST_MEMORY}, or no document could be read"
            yield Problem(least, "submission_memory")
        yield from entry.contradictions(self)
        for name in ("arches", "base_module_names"):
            if not getattr(self, name):
                yield Problem("must name at least one", name)


_TYPES = get_type_hints(Settings)


def _part(wanted: type[T], settings: Settings) -> T:
    """Make smaller settings of the fields that have the same names."""
    shared = {each.name for each in fields(Settings)} & {each.name for each in fields(wanted)}  # type: ignore[arg-type]
    return wanted(**{name: getattr(settings, name) for name in shared})


def _broken_regexes(name: str, patterns: object) -> Iterator[Problem]:
    for pattern in patterns if isinstance(patterns, tuple | Mapping) else ():
        try:
            re.compile(pattern)
        except re.error as error:
            yield Problem(f"{pattern!r} is not a regular expression: {error}", name)
