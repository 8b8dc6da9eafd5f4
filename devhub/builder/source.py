"""Fetch the sources of a package from git at one commit, trusting neither the URL nor the user's set-up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

import koji

from devhub.builder.process import Runner, host_environment

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9A-Za-z][0-9A-Za-z._/-]{0,199}")
_SCHEMES = ("file", "git", "git+file", "git+http", "git+https", "http", "https")


@dataclass(frozen=True, slots=True)
class GitSource:
    """A submitted URL taken apart: what git is given, and the two forms that Koji reports."""

    submitted: str
    repository: str
    revision: str
    host: str
    path: str
    subdirectory: str

    @property
    def resolved(self) -> str:
        """The URL that Koji stores with the build: as submitted, without its `?`."""
        return self.submitted.replace("?", "", 1) if not self.subdirectory else self.submitted

    @property
    def description(self) -> dict[str, str]:
        """`source` in the result of a source RPM task."""
        return {"source": self.resolved, "url": self.submitted}


def is_scm_url(source: str) -> bool:
    """Whether the source of a `build` is a URL; otherwise it is an uploaded file."""
    return "://" in source


def parse_git_url(url: str, allowed: Sequence[str]) -> GitSource:
    """Take `scheme://host/path?subdirectory#revision` apart and check it against `allowed` (`host:path` globs).

    Raises `koji.GenericError` for a malformed URL and `koji.BuildError` for one that is not allowed, with Koji's words.
    """
    scheme, _, rest = url.partition("://")
    parts = urlsplit(f"http://{rest}")
    if not parts.path:
        raise koji.GenericError(f"Unable to parse SCM URL: {url} . Could not find the path element.")
    if not parts.fragment:
        raise koji.GenericError(f"Unable to parse SCM URL: {url} . Could not find the fragment element.")
    if scheme not in _SCHEMES or "@" in parts.netloc or ".." in parts.query.split("/"):
        raise koji.GenericError(f"Invalid SCM URL: {url}")
    if not _COMMIT.fullmatch(parts.fragment) or ".." in parts.fragment:
        raise koji.GenericError(f"Invalid SCM URL: {url}")
    if not _is_allowed(parts.netloc, parts.path, allowed):
        raise koji.BuildError(f"{parts.netloc}:{parts.path} is not in the list of allowed SCMs")
    repository = f"{scheme.removeprefix('git+')}://{parts.netloc}{parts.path}"
    return GitSource(url, repository, parts.fragment, parts.netloc, parts.path, parts.query.strip("/"))


def checkout(source: GitSource, into: Path, runner: Runner) -> Path:
    """Clone a repository at the revision into a directory and answer where the sources lie in it.

    Raises `koji.BuildError` with Koji's words when git fails; its output is in the runner's log (checkout.log).
    """
    clone = ["clone", "--no-checkout", "--no-hardlinks", "--template=", "--", source.repository, str(into)]
    _git(runner, clone, into.parent)
    _git(runner, ["checkout", "--detach", "--no-guess", source.revision, "--"], into)
    sources = into / source.subdirectory
    if not sources.resolve().is_relative_to(into.resolve()) or not sources.is_dir():
        raise koji.BuildError(f"{source.subdirectory} is not a directory of {source.repository}")
    return sources


def _git(runner: Runner, arguments: list[str], cwd: Path) -> None:
    """Run git deaf to the user's configuration, to prompts, to hooks and to transports that were not asked for."""
    settings = ["-c", "core.hooksPath=/dev/null", "-c", "credential.helper=", "-c", "safe.directory=*"]
    environment = host_environment(cwd) | {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    if runner.run(["git", *settings, *arguments], cwd, environment):
        raise koji.BuildError(
            f'Error running GIT command "git {" ".join(arguments)}", see {runner.log.name} for details'
        )


def _is_allowed(host: str, path: str, allowed: Sequence[str]) -> bool:
    """Koji's `allowed_scms`: the first matching `host:path` decides, a leading `!` forbids."""
    for entry in allowed:
        host_glob, _, path_glob = entry.removeprefix("!").rpartition(":")
        if fnmatchcase(host, host_glob) and fnmatchcase(path, path_glob):
            return not entry.startswith("!")
    return False
