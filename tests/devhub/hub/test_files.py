"""The two ways of a stranger's files: into the upload area, and out of the files tree."""

from __future__ import annotations

import os
from pathlib import Path

import koji
import pytest
import requests

from tests.devhub.hub.conftest import Serve
from tools.devhub import RunningDevhub


def get(hub: RunningDevhub, path: str) -> requests.Response:
    return requests.get(f"{hub.url.replace('/kojihub', '/kojifiles')}/{path}", timeout=10)


def put(hub: RunningDevhub, user: str = "mbs", content: bytes = b"12345", **query: str | int) -> requests.Response:
    """Upload one piece as the stock client does, with the words of the query that a test chooses."""
    session = hub.login(user)
    headers = {
        "Content-Type": "application/octet-stream",
        "Koji-Session-Id": str(session.sinfo["session-id"]),
        "Koji-Session-Key": session.sinfo["session-key"],
        "Koji-Session-Callnum": "9",
    }
    words = {"filename": "x", "offset": "0", "overwrite": "1", "fileverify": "adler32", **query}
    return requests.post(hub.url, content, params=words, headers=headers, timeout=10)


@pytest.mark.parametrize(
    "path",
    ["a" * 300, "a/" * 4000, "work/" + "%2e%2e/" * 9 + "etc/passwd", "%00", "%ff", "pipe", "loop", "outside/passwd"],
)
def test_what_is_not_there_is_404_whatever_its_name(hub: RunningDevhub, path: str) -> None:
    files = hub.state / "files"
    if not (files / "pipe").exists():
        os.mkfifo(files / "pipe")
        (files / "loop").symlink_to("loop")
        (files / "outside").symlink_to("/etc")
    answer = get(hub, path)
    assert (answer.status_code, answer.text) == (404, "There is no such file.\n")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.html", "application/octet-stream"),
        ("picture.svg", "application/octet-stream"),
        ("build.log", "text/plain; charset=utf-8"),
        ("script.js", "application/octet-stream"),
        ("any.rpm", "application/x-rpm"),
    ],
)
def test_no_file_of_a_stranger_runs_in_a_browser(hub: RunningDevhub, name: str, kind: str) -> None:
    assert put(hub, content=b"<script>alert(1)</script>", filepath="pages", filename=name).status_code == 200
    answer = get(hub, f"work/pages/{name}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_listing_survives_names_that_are_no_text(hub: RunningDevhub) -> None:
    place = hub.state / "files" / "names"
    place.mkdir()
    for name in (b"\xff\xfe", b"<b>", "grüße".encode(), b"?#"):
        (Path(os.fsdecode(os.fsencode(place) + b"/" + name))).touch()
    answer = get(hub, "names/")
    assert answer.status_code == 200
    for link in ("%FF%FE", "%3Cb%3E", "gr%C3%BC%C3%9Fe", "%3F%23"):
        assert f'href="{link}"' in answer.text
        assert get(hub, f"names/{link}").status_code == 200


def test_a_question_for_the_head_has_no_body(hub: RunningDevhub) -> None:
    (hub.state / "files" / "head.log").write_text("0123456789")
    answer = requests.head(f"{hub.url.replace('/kojihub', '/kojifiles')}/head.log", timeout=10)
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "10", b"")


@pytest.mark.parametrize("offset", [6, 1 << 50, -2])
@pytest.mark.parametrize("overwrite", ["1", ""])
def test_a_piece_far_behind_the_end_of_its_file_is_refused(hub: RunningDevhub, offset: int, overwrite: str) -> None:
    put(hub, filepath="sparse")
    refused = put(hub, filepath="sparse", offset=offset, overwrite=overwrite)
    assert "Incorrect upload offset for x - Expected at most 5" in refused.text
    assert (hub.state / "files" / "work" / "sparse" / "x").stat().st_size == 5


def test_a_file_is_no_larger_than_an_upload_may_be(serve: Serve, tmp_path: Path) -> None:
    hub = serve(tmp_path / "state", "--max-upload", "12")
    assert "hexdigest" in put(hub, filepath="bounded").text
    assert "hexdigest" in put(hub, filepath="bounded", offset=5).text
    assert "larger than an upload may be" in put(hub, filepath="bounded", offset=10).text
    assert (hub.state / "files" / "work" / "bounded" / "x").stat().st_size <= 12


@pytest.mark.parametrize("name", ["../x", ".user", ".", "a/b", "x" * 300])
def test_an_upload_has_a_plain_name(hub: RunningDevhub, name: str) -> None:
    assert "faultCode" in put(hub, filepath="plain", filename=name).text


def test_nobody_uploads_into_the_directory_of_another_or_of_a_task(hub: RunningDevhub) -> None:
    put(hub, filepath="mine/here")
    assert "Invalid upload directory, not owner: mine/here" in put(hub, "alice", filepath="mine/here").text
    assert "is not a host" in put(hub, filepath="tasks/1/1").text
    assert not (hub.state / "files" / "work" / "tasks" / "1").exists()


def test_an_upload_does_not_follow_a_link(hub: RunningDevhub, tmp_path: Path) -> None:
    put(hub, filepath="linked")
    place = hub.state / "files" / "work" / "linked"
    (tmp_path / "outside").write_text("kept")
    (place / "leads-out").symlink_to(tmp_path / "outside")
    assert "destination is a symlink" in put(hub, filepath="linked", filename="leads-out").text
    assert (tmp_path / "outside").read_text() == "kept"


def test_a_large_file_comes_in_pieces_through_the_stock_client(hub: RunningDevhub, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(5 << 20))
    session = hub.login()
    session.uploadWrapper(str(large), "stock/client", blocksize=1 << 20)
    checked = session.checkUpload("stock/client", "large.bin", verify="sha256", tail=1024)
    assert (checked["size"], checked["sumlength"]) == (5 << 20, 1024)
    with pytest.raises(koji.GenericError, match="Unsupported verify type: sha1"):
        session.checkUpload("stock/client", "large.bin", verify="sha1")
