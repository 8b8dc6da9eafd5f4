"""The hub that a stack builds in: a devhub of its own, or the one that MBS_KOJI_HUB names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.stack import StackProblem
from tools.stack.environment import HUB_PREFIX

PLATFORM_TAG = "module-f40-build"
"""What the examples' platform is built from, on a devhub."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a hub."""

    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Hub:
    """A Koji hub and who we are there."""

    url: str
    """With its path, http://.../kojihub."""
    service: Account
    """The service's own."""
    admin: Account
    """Of an administrator, for the tests that order faults; without a name where there is none."""
    own: bool = True
    """Whether it is the stack's own devhub, which starts and stops with it."""
    web_url: str = ""
    """Of Koji's pages; empty for the hub's own /koji."""
    files_url: str = ""
    """Of Koji's files; empty for the hub's own /kojifiles."""
    platform_tag: str = PLATFORM_TAG

    @classmethod
    def devhub(cls, port: int) -> Hub:
        """Give the stack's own, with the users that every devhub has."""
        return cls(f"http://127.0.0.1:{port}/kojihub", Account("mbs", "mbs"), Account("kojiadmin", "kojiadmin"))

    @classmethod
    def named(cls, environ: Mapping[str, str]) -> Hub | None:
        """Read MBS_KOJI_HUB and what belongs to it; None where it is not set.

        Raises StackProblem where the hub is named without an account.
        """
        given = {name.removeprefix(HUB_PREFIX): value for name, value in environ.items() if value}
        if not (url := environ.get(f"{HUB_PREFIX}HUB")):
            return None
        if missing := [name for name in ("USER", "PASSWORD") if name not in given]:
            wanted = " and ".join(f"{HUB_PREFIX}{name}" for name in missing)
            raise StackProblem(f"{HUB_PREFIX}HUB names a hub, but not who we are there: set {wanted} too.")
        return cls(
            url=url.rstrip("/"),
            service=Account(given["USER"], given["PASSWORD"]),
            admin=Account(given.get("ADMIN_USER", ""), given.get("ADMIN_PASSWORD", "")),
            own=False,
            web_url=given.get("WEB_URL", "").rstrip("/"),
            files_url=given.get("FILES_URL", "").rstrip("/"),
            platform_tag=given.get("PLATFORM_TAG", PLATFORM_TAG),
        )

    @property
    def top_url(self) -> str:
        """The hub without its path."""
        return self.url.rpartition("/")[0]

    @property
    def files(self) -> str:
        """URL of Koji's files."""
        return self.files_url or f"{self.top_url}/kojifiles"

    def connection(self) -> dict[str, object]:
        """Give the Airflow connection `koji_default` for it."""
        places = {"web_url": self.web_url, "files_url": self.files_url}
        return {
            "conn_type": "koji",
            "description": "The Koji hub",
            "host": self.url,
            "login": self.service.user,
            "password": self.service.password,
            "extra": {"authentication": "password", **{name: url for name, url in places.items() if url}},
        }
