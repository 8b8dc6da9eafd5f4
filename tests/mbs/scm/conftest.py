"""Real git repositories, on disk and behind git's own HTTP backend."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

COMMITTED = "2024-01-02T03:04:05Z"


class GitRepository:
    """A repository that a test fills."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "uploadpack.allowFilter", "true")

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *arguments: str) -> str:
        environment = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Packager",
            "GIT_AUTHOR_EMAIL": "packager@example.com",
            "GIT_COMMITTER_NAME": "Packager",
            "GIT_COMMITTER_EMAIL": "packager@example.com",
            "GIT_AUTHOR_DATE": COMMITTED,
            "GIT_COMMITTER_DATE": COMMITTED,
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, name: str, text: str) -> str:
        (self.path / name).write_text(text)
        self.git("add", name)
        self.git("commit", "--quiet", "-m", f"Change {name}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def make_repository() -> type[GitRepository]:
    return GitRepository


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """A repository `testmodule` with one commit on `main`."""
    made = GitRepository(tmp_path / "modules" / "testmodule")
    made.commit("testmodule.yaml", "document: modulemd\n")
    return made


class _Backend(http.server.BaseHTTPRequestHandler):
    """Hands requests to `git http-backend`; `refusals` are statuses to answer with first."""

    root: Path
    refusals: list[int]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        if self.refusals:
            self.send_error(self.refusals.pop(0))
            return
        url = urlsplit(self.path)
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, check=True, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep the tests quiet."""


class HttpServer:
    """The repositories below a directory, over HTTP."""

    def __init__(self, root: Path) -> None:
        self.refusals: list[int] = []
        handler = type("Backend", (_Backend,), {"root": root, "refusals": self.refusals})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def over_http(repository: GitRepository) -> Iterator[HttpServer]:
    server = HttpServer(repository.path.parent)
    yield server
    server.close()
