"""`Scm` with git: pins refs and reads modulemds, transferring as little as the server allows."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from mbs.model.errors import InvalidRequest, ScmUnavailable, Unprocessable
from mbs.scm.git import Git, GitRefused, GitSettings, GitStopped, scratch_repository
from mbs.scm.protocol import ModuleSource, Ref, SubmittedSource
from mbs.scm.servers import Hosts, host_of
from mbs.scm.url import ScmUrl, full_hash, is_ref, location_of

_HASH = re.compile(r"[0-9a-fA-F]{4,40}")
_COMMITS_ONLY = "--filter=tree:0"
_FETCH = ("fetch", "--quiet", "--no-tags", "--update-shallow")
_FETCHED = "refs/mbs/fetched"
"""What a fetched branch or tag is called here."""
_ALL = ("+refs/heads/*:refs/mbs/heads/*", "+refs/tags/*:refs/mbs/tags/*")
_FEWER_ABILITIES = re.compile(r"dumb http|shallow|filter|not our ref|unadvertised object", re.IGNORECASE)
"""What git or the server says where the server does not give a part of a repository."""
_KINDS = {"120000": "a symbolic link", "040000": "a directory", "160000": "a submodule"}
"""By mode: what is no file."""


class GitScm:
    """Reads git repositories over git, http(s) and, where that is allowed, from this machine.

    One for each submission: a host that does not answer is not asked again.
    """

    def __init__(self, settings: GitSettings | None = None) -> None:
        self._settings = settings or GitSettings()
        self._hosts = Hosts()

    def resolve(self, refs: Iterable[Ref]) -> dict[Ref, str]:
        """Pin every ref: a branch first, then a tag, then a hash (§11.4); many repositories at a time.

        Raises `Unprocessable` with one line for each ref that does not exist, or `ScmUnavailable` when only silence is
        left.
        """
        names: dict[str, set[str]] = defaultdict(set)
        for ref in refs:
            names[ref.repository].add(ref.name)
        with ThreadPoolExecutor(self._settings.parallel) as pool:
            answers = pool.map(self._pin_all, names, names.values())
        found = {ref: commit for answer in answers for ref, commit in answer.items()}
        _report(found)
        return {ref: commit for ref, commit in sorted(found.items()) if isinstance(commit, str)}

    def submitted(self, url: ScmUrl, branch: str) -> SubmittedSource:
        """Read `<repository name>.yaml` at the URL's revision, which must be part of `branch` (§6.2)."""
        with scratch_repository(self._settings, url.repository, self._hosts) as git:
            _fetch_branch(git, Ref(url.repository, branch), _COMMITS_ONLY)
            commit = self._commit(git, Ref(url.repository, url.revision))
            if not git.allows("merge-base", "--is-ancestor", commit, _FETCHED):
                raise InvalidRequest(f"Commit {commit} is not in branch {branch}.")
            committed = committed_at(commit, git("cat-file", "commit", commit), time.time())
        source = self._read(url, commit)
        return SubmittedSource(source.name, source.text, commit, committed)

    def included(self, ref: Ref) -> ModuleSource:
        """Read `<repository name>.yaml` at a ref."""
        location = location_of(ref.repository)
        if location is None:
            raise Unprocessable(f"{ref.repository!r} is not the URL of a repository")
        return self.imported(ScmUrl(location, "", ref.name))

    def imported(self, url: ScmUrl) -> ModuleSource:
        """Read the modulemd at a URL whose revision need not be part of any branch: a finished module's (§3.13)."""
        ref = Ref(url.repository, url.revision)
        return self._read(url, self.resolve([ref])[ref])

    def files(self, branch: Ref, directories: Sequence[str], suffix: str) -> dict[str, bytes]:
        """Read files of a branch, with at most as many bytes together as a modulemd may have."""
        most = self._settings.largest_modulemd
        with scratch_repository(self._settings, branch.repository, self._hosts) as git:
            _fetch_branch(git, branch, "--depth=1", _small_files_only(self._settings))
            git.sever()
            names = {
                path: name
                for path, name in _files(git)
                if path.endswith(suffix) and str(PurePosixPath(path).parent) in {each or "." for each in directories}
            }
            sizes = _sizes(git, names.values())
            total = sum(sizes[name] for name in names.values())
            if total > most:
                raise Unprocessable(f"The files of {branch} have {_bytes(total)} together; at most {most} are read.")
            return {path: git("cat-file", "blob", name) for path, name in sorted(names.items())}

    def _pin_all(self, repository: str, names: set[str]) -> dict[Ref, str | Exception]:
        """Pin the refs of one repository; a failure is the value where the commit would be."""
        refs = [Ref(repository, name) for name in sorted(names)]
        try:
            advertised = self._advertised(repository, [ref.name for ref in refs if is_ref(ref.name)])
        except (GitRefused, ScmUnavailable) as error:
            return dict.fromkeys(refs, error)
        return {ref: self._pin(ref, advertised) for ref in refs}

    def _advertised(self, repository: str, names: list[str]) -> dict[str, str]:
        """Ask for the heads and tags of these names: objects by full ref name."""
        patterns = [pattern for name in names for pattern in (f"refs/heads/{name}", f"refs/tags/{name}")]
        if not patterns:
            return {}
        answer = Git(self._settings, origin=repository, hosts=self._hosts).remote(
            "ls-remote", "--", repository, *patterns
        )
        lines = (line.partition("\t") for line in answer.decode("utf-8", "replace").splitlines())
        return {name: commit for commit, _, name in lines}

    def _pin(self, ref: Ref, advertised: Mapping[str, str]) -> str | Exception:
        """Pin one ref. A tag is looked into: it may name something that is no commit."""
        branch, tag = f"refs/heads/{ref.name}", f"refs/tags/{ref.name}"
        try:
            if branch in advertised:
                return _sha1(advertised[branch])
            if tag not in advertised and not _HASH.fullmatch(ref.name):
                return GitRefused("neither a branch, a tag nor a commit hash")
            with scratch_repository(self._settings, ref.repository, self._hosts) as git:
                return _commit_of_tag(git, tag) if tag in advertised else _commit_by_hash(git, ref.name.lower())
        except (GitRefused, ScmUnavailable) as error:
            return error

    def _commit(self, git: Git, ref: Ref) -> str:
        """Find the commit that a submission names; a hash that was fetched with its branch is there already."""
        if (known := full_hash(ref.name)) and git.allows("cat-file", "-e", f"{known}^{{commit}}"):
            return _peeled(git, known)
        try:
            return self.resolve([ref])[ref]
        except Unprocessable as error:
            raise Unprocessable(
                "checkout: The requested commit hash was not found within the repository. Perhaps you forgot to push. "
                f"The original message was: {error}"
            ) from None

    def _read(self, url: ScmUrl, commit: str) -> ModuleSource:
        """Read the modulemd at a commit; files that are larger than one may be are not fetched."""
        with scratch_repository(self._settings, url.repository, self._hosts) as git:
            try:
                _fetch_files(git, commit, self._settings)
                git.sever()
            except GitRefused as error:
                raise Unprocessable(f"Commit {commit} of {url.repository} cannot be read: {error}") from None
            return ModuleSource(url.name, self._file(git, commit, url.modulemd_path), commit)

    def _file(self, git: Git, commit: str, path: str) -> bytes:
        found = {name: (mode, blob) for name, mode, blob in _entries(git, commit, "--", path)}
        if path not in found:
            missing = "The SCM repository doesn't contain a modulemd file. Couldn't access"
            raise Unprocessable(f"get_module_yaml: {missing}: {path}")
        mode, blob = found[path]
        if mode in _KINDS:
            raise Unprocessable(f"{path} is {_KINDS[mode]}, which is not followed: commit the modulemd itself there.")
        size, most = _sizes(git, [blob])[blob], self._settings.largest_modulemd
        if size > most:
            raise Unprocessable(f"{path} has {_bytes(size)}; at most {most} are read.")
        return git("cat-file", "blob", blob)


def _fetch_branch(git: Git, branch: Ref, *options: str) -> None:
    """Fetch a branch; the options say what may be left out where the server can do that."""
    if not is_ref(branch.name):
        raise InvalidRequest(f"{branch.name!r} is not the name of a branch")
    try:
        _fetch(git, f"+refs/heads/{branch.name}:{_FETCHED}", options=options)
    except ScmUnavailable as error:
        raise ScmUnavailable(f"{branch.repository} does not answer: {error}") from None
    except GitRefused as error:
        said = f"The branch {branch.name} of {branch.repository} cannot be read. Git says: {error}"
        raise Unprocessable(said) from None


def _fetch_files(git: Git, commit: str, settings: GitSettings) -> None:
    """Fetch a commit with its files, but for those that are too large, or all that the server has where it must be."""
    small = _small_files_only(settings)
    try:
        git.remote(*_FETCH, "--depth=1", small, "origin", commit, most=settings.largest_fetch // 4)
    except GitRefused as error:
        if not _FEWER_ABILITIES.search(str(error)):
            raise
        git.remote(*_FETCH, small, "origin", *_ALL)


def _small_files_only(settings: GitSettings) -> str:
    """Ask the server to keep what is far too large; of the rest the size can be told."""
    return f"--filter=blob:limit={2 * settings.largest_modulemd + 1}"


def _fetch(git: Git, *refs: str, options: Sequence[str]) -> None:
    """Fetch refs with as few objects as the options say, or whole where the server knows no options."""
    try:
        git.remote(*_FETCH, *options, "origin", *refs)
    except GitRefused as error:
        if not _FEWER_ABILITIES.search(str(error)):
            raise
        git.remote(*_FETCH, "origin", *refs)


def _commit_of_tag(git: Git, tag: str) -> str:
    """Find the commit of a tag, through tags that name tags."""
    _fetch(git, f"+{tag}:{_FETCHED}", options=("--depth=1", _COMMITS_ONLY))
    try:
        return _peeled(git, _FETCHED)
    except GitRefused:
        raise GitStopped("the tag is not one of a commit") from None


def _commit_by_hash(git: Git, text: str) -> str:
    """Find a commit by its hash: alone if the server hands it out, else (and if shortened) among all commits."""
    alone = ("--depth=1", _COMMITS_ONLY, "origin", text)
    if not (full_hash(text) and _is_given(git, alone)):
        _fetch(git, *_ALL, options=(_COMMITS_ONLY,))
    return _peeled(git, text)


def _peeled(git: Git, name: str) -> str:
    """Give the commit of an object that was fetched."""
    return git.text("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")


def _is_given(git: Git, wanted: Sequence[str]) -> bool:
    """Say whether the server hands out an object alone."""
    try:
        git.remote(*_FETCH, *wanted)
    except GitStopped:
        raise
    except GitRefused:
        return False
    return True


def _sha1(name: str) -> str:
    if full_hash(name) is None:
        raise GitStopped("its commits are not named by SHA-1, as Koji needs them")
    return name


def _files(git: Git) -> Iterator[tuple[str, str]]:
    """Give path and object of every file of the fetched branch; links and submodules are none."""
    return ((path, name) for path, mode, name in _entries(git, "-r", _FETCHED) if mode not in _KINDS)


def _entries(git: Git, *which: str) -> Iterator[tuple[str, str, str]]:
    """Give path, mode and object of what `git ls-tree` lists."""
    for entry in git("ls-tree", "-z", *which).decode("utf-8", "surrogateescape").split("\0"):
        fields, _, path = entry.partition("\t")
        if fields:
            mode, _, name = fields.split()
            yield path, mode, name


def _sizes(git: Git, names: Iterable[str]) -> dict[str, float]:
    """Give the sizes of objects in bytes: infinite where one was not fetched, being too large."""
    asked = "".join(f"{name}\n" for name in names).encode()
    answers = (line.split() for line in git("cat-file", "--batch-check", given=asked).decode().splitlines())
    return {name: float("inf") if kind == "missing" else int(size[0]) for name, kind, *size in answers}


def _bytes(size: float) -> str:
    return "too many bytes" if size == float("inf") else f"{size} bytes"


def _report(found: Mapping[Ref, str | Exception]) -> None:
    """Raise what went wrong: first what the packager can mend, else that servers are away."""
    refused = {ref: answer for ref, answer in sorted(found.items()) if isinstance(answer, GitRefused)}
    if refused:
        raise Unprocessable(*(f"Failed to get the latest commit for {_why(*one)}" for one in refused.items()))
    away = {ref: answer for ref, answer in sorted(found.items(), reverse=True) if isinstance(answer, ScmUnavailable)}
    if away:
        first = {host_of(ref.repository): f"{ref.repository} does not answer: {error}" for ref, error in away.items()}
        raise ScmUnavailable("\n".join(sorted(first.values())))


def _why(ref: Ref, error: GitRefused) -> str:
    """Name a ref, with the reason where it is another than that there is none."""
    return f"{ref}: {error}" if isinstance(error, GitStopped) else str(ref)


_COMMITTER = re.compile(rb"^committer [^\n]*> ([0-9]{1,20})(?: [+-][0-9]+)?$", re.MULTILINE)
_DAY = 86400
_YEAR_10000 = 253402300800
"""Seconds since 1970."""


def committed_at(commit: str, content: bytes, now: float) -> dt.datetime:
    """Read the commit time, in UTC, of a commit object; `now` in seconds since 1970.

    The version of the module is made from it, and the highest version wins (§7.1): a time that cannot be read, or that
    lies more than a day ahead, is refused. The time zone written beside it does not count.
    """
    header, _, _ = content.partition(b"\n\n")
    found = _COMMITTER.search(header)
    if found is None:
        raise Unprocessable(f"Commit {commit} has no date that can be read. Commit again, and submit that.")
    seconds = int(found[1])
    if seconds > now + _DAY:
        raise Unprocessable(
            f"Commit {commit} is dated {_shown(seconds)}, which is in the future: its module would stay the newest "
            "until then. Set the clock right, commit again, and submit that."
        )
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _shown(seconds: int) -> str:
    """Write a time for people; Python knows no year after 9999."""
    if seconds >= _YEAR_10000:
        return "after the year 9999"
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
