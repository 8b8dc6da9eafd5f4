"""`Scm` with git: pins refs and reads modulemds, transferring as little as the server allows."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from mbs.errors import InvalidRequest, Problem, ScmAway, Unprocessable
from mbs.scm.git import Git, GitRefused, GitSettings, scratch_repository
from mbs.scm.protocol import ModuleSource, Ref
from mbs.scm.url import ScmUrl, is_ref, location_of

_FULL_HASH = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{4,40}")
_COMMITS_ONLY = "--filter=tree:0"
_LINK = "120000"
"""Mode of a symbolic link."""
_BRANCH = "refs/heads/fetched"
"""What a fetched branch is called here."""


class GitScm:
    """Reads git repositories over git, http(s) and, where that is allowed, from this machine."""

    def __init__(self, settings: GitSettings | None = None) -> None:
        self._settings = settings or GitSettings()
        self._git = Git(self._settings)

    def resolve(self, refs: Iterable[Ref]) -> dict[Ref, str]:
        """Pin every ref: a branch first, then a tag, then a hash (§11.4); many repositories at a time.

        Raises `Unprocessable` with one line for each ref that does not exist, or `ScmAway` when only silence is left.
        """
        names: dict[str, set[str]] = defaultdict(set)
        for ref in refs:
            names[ref.repository].add(ref.name)
        with ThreadPoolExecutor(self._settings.parallel) as pool:
            answers = pool.map(self._pin_all, names, names.values())
        found = {ref: commit for answer in answers for ref, commit in answer.items()}
        _report(found)
        return {ref: commit for ref, commit in sorted(found.items()) if isinstance(commit, str)}

    def submitted(self, url: ScmUrl, branch: str) -> ModuleSource:
        """Read `<repository name>.yaml` at the URL's revision, which must be part of `branch` (§6.2)."""
        with scratch_repository(self._settings, url.repository) as git:
            _fetch_branch(git, Ref(url.repository, branch), _COMMITS_ONLY)
            commit = self._commit(git, Ref(url.repository, url.revision))
            if not git.allows("merge-base", "--is-ancestor", commit, _BRANCH):
                raise InvalidRequest(f"Commit {commit} is not in branch {branch}.")
            return self._read(git, url.name, commit, url.modulemd_path)

    def included(self, ref: Ref) -> ModuleSource:
        """Read `<repository name>.yaml` at a ref."""
        location = location_of(ref.repository)
        if location is None:
            raise Unprocessable(f"{ref.repository!r} is not the URL of a repository")
        return self.imported(ScmUrl(location, "", ref.name))

    def imported(self, url: ScmUrl) -> ModuleSource:
        """Read the modulemd at a URL whose revision need not be part of any branch: a finished module's (§3.13)."""
        ref = Ref(url.repository, url.revision)
        commit = self.resolve([ref])[ref]
        with scratch_repository(self._settings, url.repository) as git:
            return self._read(git, url.name, _commit_by_hash(git, commit), url.modulemd_path)

    def files(self, branch: Ref, directories: Sequence[str], suffix: str) -> dict[str, bytes]:
        """Read files of a branch, with at most as many bytes together as a modulemd may have."""
        with scratch_repository(self._settings, branch.repository) as git:
            _fetch_branch(git, branch, "--depth=1")
            sizes = {
                path: size
                for path, size in _sizes(git)
                if path.endswith(suffix) and str(PurePosixPath(path).parent) in {each or "." for each in directories}
            }
            total, most = sum(sizes.values()), self._settings.largest_modulemd
            if total > most:
                raise Unprocessable(f"The files of {branch} have {total} bytes together; at most {most} are read.")
            return {path: git("cat-file", "blob", f"{_BRANCH}:{path}") for path in sorted(sizes)}

    def _pin_all(self, repository: str, names: set[str]) -> dict[Ref, str | Exception]:
        """Pin the refs of one repository; a failure is the value where the commit would be."""
        refs = [Ref(repository, name) for name in sorted(names)]
        try:
            advertised = self._advertised(repository, [ref.name for ref in refs if is_ref(ref.name)])
        except (GitRefused, ScmAway) as error:
            return dict.fromkeys(refs, error)
        return {ref: self._pin(ref, advertised) for ref in refs}

    def _advertised(self, repository: str, names: list[str]) -> dict[str, str]:
        """Ask for the heads and tags of these names: commits by full ref name, peeled tags with `^{}`."""
        patterns = [p for name in names for p in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/tags/{name}^{{}}")]
        if not patterns:
            return {}
        lines = (line.partition("\t") for line in self._git.text("ls-remote", "--", repository, *patterns).splitlines())
        return {name: commit for commit, _, name in lines}

    def _pin(self, ref: Ref, advertised: Mapping[str, str]) -> str | Exception:
        for name in (f"refs/heads/{ref.name}", f"refs/tags/{ref.name}^{{}}", f"refs/tags/{ref.name}"):
            if name in advertised:
                return advertised[name]
        if not _HASH.fullmatch(ref.name):
            return GitRefused("neither a branch, a tag nor a commit hash")
        try:
            with scratch_repository(self._settings, ref.repository) as git:
                return _commit_by_hash(git, ref.name)
        except (GitRefused, ScmAway) as error:
            return error

    def _commit(self, git: Git, ref: Ref) -> str:
        """Find the commit that a submission names; a hash that was fetched with its branch is there already."""
        if _FULL_HASH.fullmatch(ref.name) and git.allows("cat-file", "-e", f"{ref.name}^{{commit}}"):
            return ref.name
        try:
            return self.resolve([ref])[ref]
        except Unprocessable as error:
            raise Unprocessable(
                "checkout: The requested commit hash was not found within the repository. Perhaps you forgot to push. "
                f"The original message was: {error}"
            ) from None

    def _read(self, git: Git, name: str, commit: str, path: str) -> ModuleSource:
        try:
            size = int(git.text("cat-file", "-s", f"{commit}:{path}"))
            if size > self._settings.largest_modulemd:
                raise Unprocessable(f"{path} has {size} bytes; at most {self._settings.largest_modulemd} are read.")
            text = git("cat-file", "blob", f"{commit}:{path}")
        except GitRefused:
            missing = "The SCM repository doesn't contain a modulemd file. Couldn't access"
            raise Unprocessable(f"get_module_yaml: {missing}: {path}") from None
        seconds = int(git.text("show", "--no-patch", "--no-show-signature", "--format=%ct", commit))
        return ModuleSource(name, text, commit, dt.datetime.fromtimestamp(seconds, dt.UTC))


def _fetch_branch(git: Git, branch: Ref, *options: str) -> None:
    """Fetch a branch; the options say what may be left out where the server can do that."""
    if not is_ref(branch.name):
        raise InvalidRequest(f"{branch.name!r} is not the name of a branch")
    try:
        git("fetch", "--quiet", "--no-tags", *options, "origin", f"+refs/heads/{branch.name}:{_BRANCH}")
    except ScmAway as error:
        raise ScmAway(f"{branch.repository} does not answer: {error}") from None
    except GitRefused as error:
        said = f"The branch {branch.name} of {branch.repository} cannot be read. Git says: {error}"
        raise Unprocessable(said) from None


def _sizes(git: Git) -> Iterator[tuple[str, int]]:
    """Give path and size of every file of the fetched branch; links and submodules are none."""
    for entry in git("ls-tree", "-r", "-l", "-z", _BRANCH).decode("utf-8", "surrogateescape").split("\0"):
        fields, _, path = entry.partition("\t")
        mode, kind, _, size = fields.split() if fields else ("", "", "", "")
        if kind == "blob" and mode != _LINK:
            yield path, int(size)


def _commit_by_hash(git: Git, text: str) -> str:
    """Find a commit by its hash: alone if the server hands it out, else (and if shortened) among all commits."""
    alone = ("fetch", "--quiet", "--depth=1", "--no-tags", _COMMITS_ONLY, "origin", text)
    if not (_FULL_HASH.fullmatch(text) and git.allows(*alone)):
        git("fetch", "--quiet", _COMMITS_ONLY, "origin", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    return git.text("rev-parse", "--verify", "--end-of-options", f"{text}^{{commit}}")


def _report(found: Mapping[Ref, str | Exception]) -> None:
    """Raise what went wrong: first what the packager can mend, else that servers are away."""
    refused = [ref for ref, answer in sorted(found.items()) if isinstance(answer, GitRefused)]
    if refused:
        raise Unprocessable.of(Problem(f"Failed to get the latest commit for {ref}") for ref in refused)
    away = {ref.repository: answer for ref, answer in sorted(found.items()) if isinstance(answer, ScmAway)}
    if away:
        raise ScmAway("\n".join(f"{repository} does not answer: {error}" for repository, error in away.items()))
