"""Where sources may come from, and that git does nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import koji
import pytest

from devhub.builder.process import Runner
from devhub.builder.source import checkout, is_scm_url, parse_git_url

ANY = ("*:*",)
COMMIT = "5" * 40


@pytest.mark.parametrize(
    ("url", "repository", "subdirectory"),
    [
        (f"file:///srv/git/foo?#{COMMIT}", "file:///srv/git/foo", ""),
        (f"git+https://host/rpms/foo?f40/pkg#{COMMIT}", "https://host/rpms/foo", "f40/pkg"),
        (f"git://host:9418/rpms/foo#{COMMIT}", "git://host:9418/rpms/foo", ""),
    ],
)
def test_a_url_says_what_git_is_given(url: str, repository: str, subdirectory: str) -> None:
    source = parse_git_url(url, ANY)
    assert (source.repository, source.revision, source.subdirectory) == (repository, COMMIT, subdirectory)


def test_the_source_of_a_build_is_the_url_without_its_question_mark() -> None:
    source = parse_git_url(f"git://host/foo?#{COMMIT}", ANY)
    assert source.description == {"source": f"git://host/foo#{COMMIT}", "url": f"git://host/foo?#{COMMIT}"}


@pytest.mark.parametrize(
    "url",
    [
        "git://host/foo",
        f"git://host#{COMMIT}",
        f"ext::sh -c touch://x/y#{COMMIT}",
        f"ssh://host/foo#{COMMIT}",
        f"https://user:secret@host/foo#{COMMIT}",
        "git://host/foo#--upload-pack=touch",
        "git://host/foo#main..other",
        f"git://host/foo?../../etc#{COMMIT}",
    ],
)
def test_what_is_not_a_plain_git_url_is_refused(url: str) -> None:
    with pytest.raises(koji.GenericError):
        parse_git_url(url, ANY)


@pytest.mark.parametrize(
    ("allowed", "accepted"),
    [
        (("host:/rpms/*",), True),
        (("host:/modules/*",), False),
        (("!host:/rpms/foo", "host:*"), False),
        (("elsewhere:*",), False),
        ((), False),
    ],
)
def test_the_first_matching_entry_decides(allowed: tuple[str, ...], accepted: bool) -> None:
    url = f"git://host/rpms/foo?#{COMMIT}"
    if accepted:
        assert parse_git_url(url, allowed).host == "host"
        return
    with pytest.raises(koji.BuildError, match="host:/rpms/foo is not in the list of allowed SCMs"):
        parse_git_url(url, allowed)


def test_uploads_are_not_urls() -> None:
    assert not is_scm_url("cli-build/1/x.src.rpm")
    assert is_scm_url("git://host/foo")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "foo"
    (place / "sub").mkdir(parents=True)
    (place / "foo.spec").write_text("Name: foo\n")
    (place / "sub" / "bar.spec").write_text("Name: bar\n")
    (place / "away").symlink_to("/etc")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "x"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *who, *command], cwd=place, check=True)
    return place


def test_a_checkout_is_of_the_commit_and_of_the_subdirectory(repository: Path, tmp_path: Path) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()
    (repository / "foo.spec").write_text("Name: changed\n")
    runner = Runner(tmp_path / "checkout.log")
    sources = checkout(parse_git_url(f"file://{repository}?#{commit}", ANY), tmp_path / "one", runner)
    below = checkout(parse_git_url(f"file://{repository}?sub#{commit}", ANY), tmp_path / "two", runner)
    assert (sources / "foo.spec").read_text() == "Name: foo\n"
    assert [path.name for path in below.iterdir()] == ["bar.spec"]


def test_a_subdirectory_that_leads_elsewhere_is_refused(repository: Path, tmp_path: Path) -> None:
    source = parse_git_url(f"file://{repository}?away#main", ANY)
    with pytest.raises(koji.BuildError, match="is not a directory"):
        checkout(source, tmp_path / "clone", Runner(tmp_path / "checkout.log"))


def test_a_missing_commit_fails_with_git_s_words_in_the_log(repository: Path, tmp_path: Path) -> None:
    runner = Runner(tmp_path / "checkout.log")
    with pytest.raises(koji.BuildError, match=r"see checkout\.log for details"):
        checkout(parse_git_url(f"file://{repository}?#{COMMIT}", ANY), tmp_path / "clone", runner)
    assert COMMIT in runner.log.read_text()
