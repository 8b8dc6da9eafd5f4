"""Reading real repositories through git, from disk and over HTTP."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mbs.model.errors import InvalidRequest, ScmUnavailable, Unprocessable
from mbs.scm.git import Git, GitRefused, GitSettings
from mbs.scm.protocol import Ref
from mbs.scm.repository import GitScm
from mbs.scm.url import ScmRules, ScmUrl, submitted_url

if TYPE_CHECKING:
    from tests.mbs.scm.conftest import GitRepository, HttpServer

LOCAL = GitSettings(allow_local=True, retry_interval=0.01)
UNKNOWN = "0123456789012345678901234567890123456789"


def url_of(repository: GitRepository, revision: str, path: str = "") -> ScmUrl:
    return submitted_url(f"{repository.url}?{path}#{revision}", ScmRules(prefixes=("file://",), allow_local=True))


def test_a_branch_wins_over_a_tag_and_a_tag_over_a_hash(repository: GitRepository) -> None:
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit("b", "b")
    repository.git("tag", "both", first)
    repository.git("branch", "both", second)
    repository.git("tag", first[:7], second)
    names = ["both", first[:7], first]
    found = GitScm(LOCAL).resolve(Ref(repository.url, name) for name in names)
    assert [found[Ref(repository.url, name)] for name in names] == [second, second, first]


def test_an_annotated_tag_is_its_commit_also_when_named_by_hash(repository: GitRepository) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--annotate", "-m", "release", "v1")
    names = ["v1", repository.git("rev-parse", "v1")]
    found = GitScm(LOCAL).resolve(Ref(repository.url, name) for name in names)
    assert set(found.values()) == {commit}


def test_a_short_hash_of_an_older_commit_is_completed(repository: GitRepository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.commit("b", "b")
    ref = Ref(repository.url, first[:8])
    assert GitScm(LOCAL).resolve([ref]) == {ref: first}


def test_a_ref_is_found_by_its_whole_name_only(repository: GitRepository) -> None:
    repository.git("branch", "deeper/refs/heads/f28")
    with pytest.raises(Unprocessable, match=r"#f28$"):
        GitScm(LOCAL).resolve([Ref(repository.url, "f28")])


def test_all_refs_that_do_not_exist_are_reported_at_once(repository: GitRepository) -> None:
    nowhere = f"file://{repository.path}-missing"
    refs = [Ref(repository.url, name) for name in ("main", "f99", "abcdef1", UNKNOWN, "--all", "*")]
    with pytest.raises(Unprocessable) as caught:
        GitScm(LOCAL).resolve([*refs, Ref(nowhere, "main")])
    wanted = {*(f"{repository.url}#{ref.name}" for ref in refs[1:]), f"{nowhere}#main"}
    assert set(str(caught.value).splitlines()) == {f"Failed to get the latest commit for {place}" for place in wanted}


@pytest.mark.parametrize("repository_url", ["ext::touch {}", "--upload-pack=touch {}", "-utouch {}", "file:///{}"])
def test_a_hostile_repository_runs_nothing_and_is_refused(tmp_path: Path, repository_url: str) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(Unprocessable):
        GitScm().resolve([Ref(repository_url.format(mark), "main")])
    assert not mark.exists()


def test_files_of_a_branch_are_read_from_the_named_directories_only(repository: GitRepository) -> None:
    repository.git("checkout", "--quiet", "-b", "f28")
    for directory in ("more", "other", "more/deeper"):
        (repository.path / directory).mkdir()
    (repository.path / "link.yaml").symlink_to("/etc/passwd")
    repository.git("add", "link.yaml")
    for name in ("readme.md", "more/b.yaml", "other/c.yaml", "more/deeper/d.yaml"):
        repository.commit(name, name)
    found = GitScm(LOCAL).files(Ref(repository.url, "f28"), ("", "more"), ".yaml")
    assert found == {"testmodule.yaml": b"document: modulemd\n", "more/b.yaml": b"more/b.yaml"}


def test_files_that_are_too_large_together_are_refused(repository: GitRepository) -> None:
    repository.commit("b.yaml", "b" * 20)
    with pytest.raises(Unprocessable, match=r"have 39 bytes together; at most 30 are read"):
        GitScm(replace(LOCAL, largest_modulemd=30)).files(Ref(repository.url, "main"), ("",), ".yaml")


@pytest.mark.parametrize(("branch", "refused"), [("f99", Unprocessable), ("--all", InvalidRequest)])
def test_files_of_no_branch_are_refused(repository: GitRepository, branch: str, refused: type[Exception]) -> None:
    with pytest.raises(refused, match=branch):
        GitScm(LOCAL).files(Ref(repository.url, branch), ("",), ".yaml")


def test_local_repositories_need_to_be_allowed(repository: GitRepository) -> None:
    with pytest.raises(Unprocessable):
        GitScm().resolve([Ref(repository.url, "main")])
    with pytest.raises(Unprocessable):
        GitScm().resolve([Ref(str(repository.path), "main")])


def test_the_configuration_of_the_user_is_not_read(
    repository: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text('[url "file:///elsewhere/"]\n  insteadOf = file:///\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'url.file:///elsewhere/.insteadof'='file:///'")
    assert GitScm(LOCAL).resolve([Ref(repository.url, "main")])


def test_a_submission_is_read_at_its_commit(repository: GitRepository) -> None:
    commit = repository.git("rev-parse", "HEAD")
    repository.commit("testmodule.yaml", "document: later\n")
    for revision in (commit, commit[:10]):
        source = GitScm(LOCAL).submitted(url_of(repository, revision), "main")
        assert (source.name, source.text, source.commit) == ("testmodule", b"document: modulemd\n", commit)
        assert source.committed == dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def test_a_modulemd_may_lie_in_a_directory(repository: GitRepository) -> None:
    (repository.path / "el8").mkdir()
    commit = repository.commit("el8/testmodule.yaml", "document: el8\n")
    assert GitScm(LOCAL).submitted(url_of(repository, commit, "el8"), "main").text == b"document: el8\n"


def test_a_commit_of_another_branch_is_refused(repository: GitRepository) -> None:
    repository.git("checkout", "--quiet", "-b", "other")
    commit = repository.commit("b", "b")
    with pytest.raises(InvalidRequest, match=f"^Commit {commit} is not in branch main.$"):
        GitScm(LOCAL).submitted(url_of(repository, commit), "main")


def test_a_commit_that_was_not_pushed_is_refused(repository: GitRepository) -> None:
    with pytest.raises(
        Unprocessable, match=r"^checkout: The requested commit hash was not found within the repository"
    ):
        GitScm(LOCAL).submitted(url_of(repository, UNKNOWN), "main")


def test_a_branch_must_exist(repository: GitRepository) -> None:
    with pytest.raises(Unprocessable, match=r"The branch f99 of file:.* cannot be read"):
        GitScm(LOCAL).submitted(url_of(repository, "main"), "f99")


@pytest.mark.parametrize("branch", ["--upload-pack=id", "main:refs/heads/x", "*", ""])
def test_a_branch_that_is_none_is_refused(repository: GitRepository, branch: str) -> None:
    with pytest.raises(InvalidRequest, match="is not the name of a branch"):
        GitScm(LOCAL).submitted(url_of(repository, "main"), branch)


def test_a_repository_without_modulemd_is_refused(repository: GitRepository) -> None:
    repository.git("mv", "testmodule.yaml", "other.yaml")
    repository.git("commit", "--quiet", "-m", "Rename")
    message = (
        r"^get_module_yaml: The SCM repository doesn't contain a modulemd file\. Couldn't access: testmodule\.yaml$"
    )
    with pytest.raises(Unprocessable, match=message):
        GitScm(LOCAL).submitted(url_of(repository, "main"), "main")


def test_a_huge_modulemd_is_not_read(repository: GitRepository) -> None:
    commit = repository.commit("testmodule.yaml", "x" * 2000)
    small = GitSettings(allow_local=True, largest_modulemd=1000)
    with pytest.raises(Unprocessable, match=r"testmodule\.yaml has 2000 bytes"):
        GitScm(small).submitted(url_of(repository, commit), "main")


def test_an_included_module_is_read_at_a_branch(repository: GitRepository) -> None:
    source = GitScm(LOCAL).included(Ref(repository.url, "main"))
    assert (source.name, source.text) == ("testmodule", b"document: modulemd\n")


def test_an_imported_module_is_read_where_its_url_points(repository: GitRepository) -> None:
    repository.git("checkout", "--quiet", "-b", "other")
    (repository.path / "el8").mkdir()
    commit = repository.commit("el8/testmodule.yaml", "document: el8\n")
    repository.git("checkout", "--quiet", "main")
    for revision in (commit, "other"):
        source = GitScm(LOCAL).imported(url_of(repository, revision, "el8"))
        assert (source.text, source.commit) == (b"document: el8\n", commit)


def test_over_http_everything_works_without_local_files(repository: GitRepository, over_http: HttpServer) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.commit("b", "b")
    place = f"{over_http.url}/testmodule"
    scm = GitScm()
    assert scm.resolve([Ref(place, "main"), Ref(place, first[:8]), Ref(place, first)])[Ref(place, first[:8])] == first
    url = submitted_url(f"{place}?#{first}", ScmRules(allow_custom=True))
    assert scm.submitted(url, "main").text == b"document: modulemd\n"


def test_a_fault_of_the_server_is_tried_again(over_http: HttpServer) -> None:
    over_http.refusals.extend([503, 500])
    ref = Ref(f"{over_http.url}/testmodule", "main")
    assert GitScm(GitSettings(retry_interval=0.01)).resolve([ref])


def test_a_refusal_of_the_server_is_not_tried_again(over_http: HttpServer) -> None:
    over_http.refusals.extend([404, 500])
    with pytest.raises(Unprocessable, match=r"^Failed to get the latest commit for "):
        GitScm(GitSettings(retry_interval=0.01)).resolve([Ref(f"{over_http.url}/testmodule", "main")])
    assert over_http.refusals == [500]


def test_a_server_that_asks_for_a_password_is_not_waited_for(over_http: HttpServer) -> None:
    over_http.refusals.append(401)
    with pytest.raises(Unprocessable):
        GitScm().resolve([Ref(f"{over_http.url}/testmodule", "main")])


def test_a_server_that_is_down_is_away_and_nobodys_mistake(over_http: HttpServer) -> None:
    over_http.close()
    with pytest.raises(ScmUnavailable, match=f"{over_http.url}/testmodule does not answer"):
        GitScm(GitSettings(attempts=2, retry_interval=0.01)).resolve([Ref(f"{over_http.url}/testmodule", "main")])


def test_a_host_that_does_not_answer_is_asked_no_more(repository: GitRepository) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        refs = [Ref(f"{host}/rpms/package-{number}", "main") for number in range(40)]
        scm = GitScm(GitSettings(timeout=1, parallel=4, allow_local=True))
        began = time.monotonic()
        with pytest.raises(ScmUnavailable) as away:
            scm.resolve([*refs, Ref(repository.url, "main")])
        assert str(away.value) == f"{refs[0].repository} does not answer: git ls-remote gave no answer within 1 seconds"
        for ask in (lambda: scm.included(refs[3]), lambda: scm.files(refs[5], [""], ".yaml")):
            with pytest.raises(ScmUnavailable):
                ask()
        assert time.monotonic() - began < 10
        silent.settimeout(0)
        assert len(list(_connections(silent))) <= 4
        assert scm.resolve([Ref(repository.url, "main")]), "others are asked"


def _connections(server: socket.socket) -> Iterator[socket.socket]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield server.accept()[0]


def test_a_host_that_refuses_connections_has_all_its_attempts_once(over_http: HttpServer) -> None:
    over_http.refusals += [503] * 100
    refs = [Ref(f"{over_http.url}/package-{number}", "main") for number in range(20)]
    with pytest.raises(ScmUnavailable):
        GitScm(GitSettings(attempts=3, retry_interval=0.01, parallel=1)).resolve(refs)
    assert len(over_http.refusals) == 100 - 3


def test_what_takes_too_long_is_ended_with_all_its_processes(tmp_path: Path) -> None:
    lock = tmp_path / "held-by-the-helper"
    (tmp_path / "git").write_text(f"#!/bin/sh\nexec 9>{lock}\nflock 9\nsleep 1000 & wait\n")
    (tmp_path / "git").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with pytest.raises(ScmUnavailable, match=r"git ls-remote gave no answer within 0\.5 seconds"):
            Git(GitSettings(timeout=0.5, attempts=1))("ls-remote")
    assert any(is_free(lock) for _ in range(200))


def is_free(lock: Path) -> bool:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
            return False
        return True


def test_git_says_what_it_refuses(tmp_path: Path) -> None:
    with pytest.raises(GitRefused, match="not a git repository"):
        Git(GitSettings(), tmp_path)("rev-parse", "HEAD")
