"""What a packager or a git server may do to the service: real repositories made for it, behind real servers."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mbs.model.errors import ScmUnavailable, Unprocessable
from mbs.scm.git import MIB, Git, GitRefused, GitSettings, scratch_repository
from mbs.scm.protocol import PinnedScm, Ref
from mbs.scm.repository import GitScm
from mbs.scm.url import ScmRules, ScmUrl, submitted_url
from mbs.settings import Settings
from tests.mbs.scm.test_repository import is_free

if TYPE_CHECKING:
    from tests.mbs.scm.conftest import GitRepository, HttpServer

ANY = ScmRules(allow_custom=True, allow_local=True)
LOCAL = GitSettings(allow_local=True, retry_interval=0.01)
QUICK = GitSettings(attempts=1, timeout=20)
TEXT = b"document: modulemd\n"


def at(place: str, revision: str) -> ScmUrl:
    return submitted_url(f"{place}?#{revision}", ANY)


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 # to be incompressible is enough


def mixed(text: str) -> str:
    return "".join(char.upper() if place % 2 else char for place, char in enumerate(text))


# Hashes and tags


@pytest.mark.parametrize("written", [str.upper, mixed], ids=["upper", "mixed"])
@pytest.mark.parametrize("digits", [40, 9])
def test_a_hash_is_pinned_in_lower_case_however_it_is_written(
    repository: GitRepository, written: type[str], digits: int
) -> None:
    commit = repository.git("rev-parse", "HEAD")
    ref = Ref(repository.url, written(commit[:digits]))
    assert GitScm(LOCAL).resolve([ref]) == {ref: commit}
    assert PinnedScm(GitScm(LOCAL)).resolve([ref]) == {ref: commit}
    source = GitScm(LOCAL).submitted(at(repository.url, ref.name), "main")
    assert (source.text, source.commit) == (TEXT, commit)


def test_a_branch_that_looks_like_a_hash_is_a_branch_where_its_case_agrees(repository: GitRepository) -> None:
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit("b", "b")
    repository.git("branch", first[:10].upper(), second)
    refs = [Ref(repository.url, first[:10].upper()), Ref(repository.url, first[:10])]
    assert list(GitScm(LOCAL).resolve(refs).values()) == (
        [second, first] if first[:10].upper() != first[:10] else [second]
    )


def test_a_tag_of_a_tag_is_its_commit(repository: GitRepository) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--annotate", "-m", "first", "inner")
    repository.git("tag", "--annotate", "-m", "second", "outer", "inner")
    refs = [Ref(repository.url, name) for name in ("outer", repository.git("rev-parse", "outer"))]
    assert set(GitScm(LOCAL).resolve(refs).values()) == {commit}


def test_a_submission_of_the_hash_of_an_annotated_tag_is_one_of_its_commit(repository: GitRepository) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--annotate", "-m", "release", "v1")
    assert GitScm(LOCAL).submitted(at(repository.url, repository.git("rev-parse", "v1")), "main").commit == commit


@pytest.mark.parametrize("named", ["HEAD:testmodule.yaml", "HEAD^{tree}"])
@pytest.mark.parametrize("annotated", [(), ("--annotate", "-m", "It is none")])
def test_a_tag_that_names_no_commit_is_told(repository: GitRepository, named: str, annotated: tuple[str, ...]) -> None:
    repository.git("tag", *annotated, "odd", named)
    with pytest.raises(Unprocessable, match=r"#odd: the tag is not one of a commit$"):
        GitScm(LOCAL).resolve([Ref(repository.url, "odd")])
    with pytest.raises(Unprocessable, match=r"^Failed to get the latest commit for "):
        GitScm(LOCAL).resolve([Ref(repository.url, repository.git("rev-parse", "odd"))])


def test_a_repository_with_hashes_that_koji_does_not_know_is_told(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=P", "-c", "user.email=p@e"]
    subprocess.run([*git, "init", "--quiet", "--object-format=sha256", "--initial-branch=main"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "1"], check=True)
    with pytest.raises(Unprocessable, match="its commits are not named by SHA-1"):
        GitScm(LOCAL).resolve([Ref(f"file://{tmp_path}", "main")])


# Dates


@pytest.mark.parametrize(
    ("date", "why"),
    [
        ("253402300800 +0000", "is dated after the year 9999, which is in the future"),
        ("18446744073709551615 +0000", "is dated after the year 9999, which is in the future"),
        ("32503680000 +0000", "is dated 3000-01-01 00:00:00 UTC, which is in the future"),
        ("yesterday", "has no date that can be read"),
        ("", "has no date that can be read"),
    ],
)
def test_a_submitted_commit_with_an_impossible_date_is_refused_in_one_sentence(
    repository: GitRepository, date: str, why: str
) -> None:
    tree = repository.git("rev-parse", "HEAD^{tree}")
    commit = write_object(repository, "commit", f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> {date}\n\nx\n")
    repository.git("update-ref", "refs/heads/dated", commit)
    with pytest.raises(Unprocessable, match=f"^Commit {commit} .*{why}") as caught:
        GitScm(LOCAL).submitted(at(repository.url, commit), "dated")
    assert len(caught.value.problems) == 1
    ref = Ref(repository.url, "dated")
    assert GitScm(LOCAL).resolve([ref]) == {ref: commit}, "the date of a component is nobody's version"
    assert GitScm(LOCAL).included(ref).text == TEXT


def write_object(repository: GitRepository, kind: str, text: str | bytes) -> str:
    """Write an object that git itself would not make."""
    content = text if isinstance(text, bytes) else text.encode()
    whole = f"{kind} {len(content)}\0".encode() + content
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = repository.path / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole, 1))
    return name


# What is too large


def test_a_modulemd_that_is_far_too_large_is_refused_before_it_is_sent(
    repository: GitRepository, over_http: HttpServer
) -> None:
    commit = repository.commit("testmodule.yaml", noise(10 * MIB))
    for read in (GitScm(QUICK).imported, lambda url: GitScm(QUICK).submitted(url, "main")):
        with pytest.raises(Unprocessable, match=r"^testmodule\.yaml has too many bytes; at most 2097152 are read\.$"):
            read(at(f"{over_http.url}/testmodule", commit))
    with pytest.raises(Unprocessable, match="have too many bytes together"):
        GitScm(QUICK).files(Ref(f"{over_http.url}/testmodule", "main"), ("",), ".yaml")
    assert over_http.sent < 100_000


def test_a_server_that_sends_it_nevertheless_is_not_read_to_the_end(
    repository: GitRepository, over_http: HttpServer
) -> None:
    repository.git("config", "uploadpack.allowFilter", "false")
    commit = repository.commit("testmodule.yaml", noise(10 * MIB))
    small = replace(QUICK, largest_fetch=16 * MIB)
    with pytest.raises(Unprocessable, match=r"sends more than the 4 MB that are read of one$"):
        GitScm(small).imported(at(f"{over_http.url}/testmodule", commit))


def test_a_file_that_grows_when_it_is_unpacked_takes_no_memory(
    repository: GitRepository, over_http: HttpServer
) -> None:
    repository.git("config", "uploadpack.allowFilter", "false")
    commit = repository.commit("testmodule.yaml", b"\n" * (100 * MIB))
    with pytest.raises(Unprocessable, match=r"^testmodule\.yaml has 104857600 bytes; at most 2097152 are read\.$"):
        GitScm(replace(QUICK, memory=96 * MIB)).imported(at(f"{over_http.url}/testmodule", commit))


def test_a_commit_that_grows_when_it_is_unpacked_ends_in_a_sentence(
    repository: GitRepository, over_http: HttpServer
) -> None:
    tree = repository.git("rev-parse", "HEAD^{tree}")
    head = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n".encode()
    repository.git("update-ref", "refs/heads/bomb", write_object(repository, "commit", head + b"a" * (100 * MIB)))
    place = f"{over_http.url}/testmodule"
    scm = GitScm(replace(QUICK, memory=96 * MIB))
    with pytest.raises(Unprocessable, match=r"cannot be read with the 96 MB of memory that git may use$"):
        scm.submitted(at(place, "bomb"), "bomb")


def test_the_history_of_a_large_repository_is_not_fetched(repository: GitRepository, over_http: HttpServer) -> None:
    old = repository.commit("sources", noise(3 * MIB))
    for size in (2, 4):
        repository.commit("sources", noise(size * MIB))
    repository.git("rm", "--quiet", "sources")
    repository.git("commit", "--quiet", "-m", "Without sources")
    head = repository.git("rev-parse", "HEAD")
    place = f"{over_http.url}/testmodule"
    scm = GitScm(replace(QUICK, largest_fetch=MIB))
    refs = [Ref(place, name) for name in ("main", head, old, old[:9])]
    assert list(scm.resolve(refs).values()) == [scm.resolve([ref])[ref] for ref in sorted(refs)]
    assert scm.submitted(at(place, head), "main").text == TEXT
    assert scm.included(Ref(place, "main")).text == TEXT
    assert over_http.sent < MIB


def test_what_git_says_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path, "yes remote: lorem ipsum dolor sit amet >&2; exit 1", monkeypatch)
    started = time.monotonic()
    with pytest.raises(GitRefused) as caught:
        Git(replace(QUICK, largest_fetch=MIB), origin="https://example.org/x").remote("ls-remote")
    assert len(str(caught.value)) <= 2000
    assert time.monotonic() - started < 10


def fake_git(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "git").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")


def test_a_bound_of_the_process_is_never_widened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path, 'echo "$(ulimit -v) $(ulimit -f) $(ulimit -c)"', monkeypatch)
    read = "from mbs.scm.git import *; print(Git(GitSettings()).text('x'))"
    limited = ["sh", "-c", 'ulimit -v 400000; ulimit -f 1000; exec "$@"', "sh", sys.executable, "-c", read]
    done = subprocess.run(limited, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["400000", "1000", "0"]


def test_git_ends_in_time_although_who_waits_for_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, begun = tmp_path / "held", tmp_path / "begun"
    fake_git(tmp_path, f"exec 9>{lock}; flock 9; touch {begun}; sleep 100 & wait", monkeypatch)
    ask = "from mbs.scm.git import *; Git(GitSettings(timeout=1), origin='x').remote('x')"
    with subprocess.Popen([sys.executable, "-c", ask]) as waiting:
        while not begun.exists():
            time.sleep(0.05)
        waiting.kill()
    assert any(is_free(lock) for _ in range(200))


# Where a server sends git to


def test_a_redirect_to_another_host_is_not_followed(over_http: HttpServer, elsewhere: HttpServer) -> None:
    over_http.redirects["/moved"] = f"{elsewhere.url}/secret"
    place = f"{over_http.url}/moved"
    with pytest.raises(Unprocessable, match=f"/moved redirects to {elsewhere.url}/secret/info/refs.*is not followed"):
        GitScm(QUICK).resolve([Ref(place, "main")])
    with pytest.raises(Unprocessable, match="is not followed"):
        GitScm(QUICK).submitted(at(place, "main"), "main")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "target", ["file:///etc", "git://127.0.0.1/x", "http://u:p@127.0.0.1/x", "http://[", "ext::id"]
)
def test_a_redirect_to_another_protocol_is_not_followed(over_http: HttpServer, target: str) -> None:
    over_http.redirects["/moved"] = target
    anywhere = replace(QUICK, redirects=ScmRules(allow_custom=True, allow_local=True))
    with pytest.raises(Unprocessable, match="is not followed"):
        GitScm(anywhere).resolve([Ref(f"{over_http.url}/moved", "main")])


def test_a_redirect_to_where_the_rules_allow_is_followed(over_http: HttpServer, elsewhere: HttpServer) -> None:
    elsewhere.redirects["/old"] = f"{over_http.url}"
    settings = replace(QUICK, redirects=ScmRules(prefixes=(over_http.url,)))
    place = f"{elsewhere.url}/old/testmodule"
    ref = Ref(place, "main")
    assert GitScm(settings).resolve([ref])
    assert GitScm(settings).submitted(at(place, "main"), "main").text == TEXT


def test_a_redirect_to_the_same_name_with_dot_git_is_followed(repository: GitRepository, over_http: HttpServer) -> None:
    repository.path.rename(repository.path.with_suffix(".git"))
    over_http.redirects["/testmodule"] = "/testmodule.git"
    assert GitScm(QUICK).included(Ref(f"{over_http.url}/testmodule", "main")).text == TEXT


def test_a_circle_of_redirects_ends(over_http: HttpServer) -> None:
    over_http.redirects |= {"/a": "/b", "/b": "/a"}
    settings = replace(QUICK, redirects=ScmRules(prefixes=(over_http.url,)))
    with pytest.raises(Unprocessable, match="redirects more than 5 times"):
        GitScm(settings).resolve([Ref(f"{over_http.url}/a", "main")])


def test_the_settings_say_where_git_may_be_sent_to() -> None:
    rules = Settings(scmurls=("https://git.example.org/modules/",)).git.redirects
    assert "https://git.example.org/modules/" in rules.prefixes
    assert "https://src.fedoraproject.org/rpms/" in rules.prefixes
    assert not rules.allow_custom
    assert not rules.allow_local


# Servers that can less


def test_a_dumb_server_is_read_and_its_alternates_are_not(
    repository: GitRepository, over_http: HttpServer, elsewhere: HttpServer
) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.commit("b", "b")
    repository.git("tag", "--annotate", "-m", "release", "v1", first)
    repository.git("clone", "--quiet", "--bare", ".", "../dumb")
    over_http.dumb = True
    (over_http.root / "dumb/objects/info/http-alternates").write_text(f"{elsewhere.url}/objects/\n")
    subprocess.run(["git", "update-server-info"], cwd=over_http.root / "dumb", check=True)
    place = f"{over_http.url}/dumb"
    refs = [Ref(place, name) for name in ("main", "v1", first, first[:9])]
    assert set(GitScm(QUICK).resolve(refs[1:]).values()) == {first}
    with pytest.raises(Unprocessable, match=r"Couldn't access: dumb\.yaml"):
        GitScm(QUICK).submitted(at(place, first), "main")
    with pytest.raises(Unprocessable):
        GitScm(QUICK).resolve([Ref(place, "0123456789012345678901234567890123456789")])
    assert elsewhere.asked == []


def test_a_server_that_hands_out_no_single_commits_is_read(repository: GitRepository, over_http: HttpServer) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.commit("testmodule.yaml", "document: later\n")
    over_http.version_2 = False
    ref = Ref(f"{over_http.url}/testmodule", first.upper())
    assert GitScm(QUICK).resolve([ref]) == {ref: first}
    assert GitScm(QUICK).submitted(at(ref.repository, first), "main").text == TEXT


def test_a_shallow_server_is_read(repository: GitRepository, over_http: HttpServer) -> None:
    repository.commit("b", "b")
    shallow = over_http.root / "shallow" / "testmodule"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", repository.url, shallow], check=True)
    head = repository.git("rev-parse", "HEAD")
    place = f"{over_http.url}/shallow/testmodule"
    assert set(GitScm(QUICK).resolve([Ref(place, head), Ref(place, head[:9]), Ref(place, "main")]).values()) == {head}
    assert GitScm(QUICK).submitted(at(place, head), "main").text == TEXT


def test_a_git_daemon_is_read(repository: GitRepository, over_git: str) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--annotate", "-m", "release", "v1")
    repository.commit("b", "b")
    place = f"{over_git}/testmodule"
    assert set(GitScm(QUICK).resolve([Ref(place, name) for name in ("v1", first, first[:9])]).values()) == {first}
    assert GitScm(QUICK).submitted(at(place, first), "main").text == TEXT


def test_a_silent_server_is_away_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(tmp_path, "sleep 100", monkeypatch)
    with pytest.raises(ScmUnavailable, match=r"git ls-remote gave no answer within 0\.2 seconds"):
        GitScm(replace(QUICK, timeout=0.2)).resolve([Ref("https://example.org/x", "main")])


def test_an_empty_repository_is_refused(make_repository: type[GitRepository], tmp_path: Path) -> None:
    empty = make_repository(tmp_path / "empty")
    with pytest.raises(Unprocessable, match=r"^Failed to get the latest commit for .*#main$"):
        GitScm(LOCAL).resolve([Ref(empty.url, "main")])
    with pytest.raises(Unprocessable, match=r"The branch main of .* cannot be read"):
        GitScm(LOCAL).submitted(at(empty.url, "main"), "main")


# What lies in a repository


@pytest.mark.parametrize(
    ("target", "kind"), [("/etc/passwd", "a symbolic link"), ("other.yaml", "a symbolic link"), (None, "a directory")]
)
def test_a_modulemd_that_is_no_file_is_refused(repository: GitRepository, target: str | None, kind: str) -> None:
    repository.commit("other.yaml", "document: modulemd\n")
    repository.git("rm", "--quiet", "testmodule.yaml")
    if target:
        (repository.path / "testmodule.yaml").symlink_to(target)
        repository.git("add", "testmodule.yaml")
        repository.git("commit", "--quiet", "-m", "Link")
    else:
        (repository.path / "testmodule.yaml").mkdir()
        repository.commit("testmodule.yaml/file", "x")
    with pytest.raises(Unprocessable, match=rf"^testmodule\.yaml is {kind}, which is not followed"):
        GitScm(LOCAL).submitted(at(repository.url, "main"), "main")


def test_a_submodule_is_not_entered(repository: GitRepository, make_repository: type[GitRepository]) -> None:
    other = make_repository(repository.path.parent / "other")
    other.commit("file", "x")
    repository.git("rm", "--quiet", "testmodule.yaml")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.url, "testmodule.yaml")
    repository.git("commit", "--quiet", "-m", "Submodule")
    with pytest.raises(Unprocessable, match=r"^testmodule\.yaml is a submodule"):
        GitScm(LOCAL).included(Ref(repository.url, "main"))
    assert list(GitScm(LOCAL).files(Ref(repository.url, "main"), ("",), "")) == [".gitmodules"]


def test_attributes_of_a_repository_change_nothing(repository: GitRepository) -> None:
    attributes = "*.yaml filter=lfs diff=x merge=x text eol=crlf ident working-tree-encoding=UTF-16 export-subst\n"
    repository.commit(".gitattributes", attributes)
    assert GitScm(LOCAL).included(Ref(repository.url, "main")).text == TEXT
    assert GitScm(LOCAL).files(Ref(repository.url, "main"), ("",), ".yaml") == {"testmodule.yaml": TEXT}


def test_replaced_objects_are_not_read(repository: GitRepository) -> None:
    commit = repository.git("rev-parse", "HEAD")
    other = repository.commit("testmodule.yaml", "document: another\n")
    repository.git("replace", commit, other)
    assert GitScm(LOCAL).submitted(at(repository.url, commit), "main").text == TEXT


@pytest.mark.parametrize("branch", ["fetched", "mbs/fetched", "fetched/deeper", "heads/main", "a/b/c", "FETCH_HEAD"])
def test_a_branch_may_have_any_name(repository: GitRepository, branch: str) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("branch", branch)
    repository.commit("testmodule.yaml", "document: later\n")
    ref = Ref(repository.url, branch)
    assert GitScm(LOCAL).resolve([ref]) == {ref: first}
    assert GitScm(LOCAL).submitted(at(repository.url, first[:9]), branch).text == TEXT
    assert GitScm(LOCAL).files(ref, ("",), ".yaml") == {"testmodule.yaml": TEXT}


# Where the service runs


def test_the_configuration_of_the_directory_is_not_read(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    subprocess.run(["git", "init", "--quiet", trap], check=True)
    for key in ("url.file:///elsewhere/.insteadOf", "core.gitProxy", "core.sshCommand"):
        subprocess.run(["git", "-C", trap, "config", key, "file:///"], check=True)
    monkeypatch.chdir(trap)
    monkeypatch.setenv("GIT_DIR", str(trap / ".git"))
    assert GitScm(LOCAL).resolve([Ref(repository.url, "main")])
    assert GitScm(LOCAL).included(Ref(repository.url, "main")).text == TEXT


def test_a_scratch_repository_is_new_and_nobody_elses(repository: GitRepository) -> None:
    with scratch_repository(LOCAL, repository.url) as git:
        directory = Path(git.text("rev-parse", "--absolute-git-dir"))
        assert directory.stat().st_mode & 0o777 == 0o700
        assert directory.stat().st_uid == os.getuid()
    assert not directory.exists()


def test_what_was_not_fetched_is_not_fetched_later(over_http: HttpServer) -> None:
    with scratch_repository(QUICK, f"{over_http.url}/testmodule") as git:
        git.remote("fetch", "--quiet", "--filter=blob:none", "origin", "main")
        asked = len(over_http.asked)
        with pytest.raises(GitRefused):
            git("cat-file", "blob", "FETCH_HEAD:testmodule.yaml")
        assert len(over_http.asked) == asked
