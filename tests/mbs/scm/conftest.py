"""Real git repositories, on disk and behind git's own HTTP backend."""

from __future__ import annotations

import contextlib
import http.server
import os
import signal
import socket
import subprocess
import threading
import time
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

    def commit(self, name: str, text: str | bytes) -> str:
        (self.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
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
    """Hands requests to `git http-backend`, or refuses or redirects them first; counts what it sends."""

    served: HttpServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.served.asked.append(self.path)
        if self.served.refusals:
            self.send_error(self.served.refusals.pop(0))
            return
        url = urlsplit(self.path)
        for prefix, target in self.served.redirects.items():
            if url.path.startswith(f"{prefix}/"):
                self.send_response(302)
                self.send_header("Location", self.path.replace(prefix, target, 1))
                self.end_headers()
                return
        if self.served.dumb:
            self._send_file(self.served.root / url.path.lstrip("/"))
        else:
            self._run_backend(body, url.path, url.query)

    def _send_file(self, path: Path) -> None:
        if not path.is_file():
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self._send(path.read_bytes())

    def _run_backend(self, body: bytes, path: str, query: str) -> None:
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.served.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", "") if self.served.version_2 else "",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
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
        self._send(content)

    def _send(self, content: bytes) -> None:
        self.served.sent += len(content)
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep the tests quiet."""


class HttpServer:
    """The repositories below a directory, over HTTP."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.refusals: list[int] = []
        """Statuses to answer with first."""
        self.redirects: dict[str, str] = {}
        """What a path begins with, and what it is sent to instead."""
        self.dumb = False
        """Whether it hands out files only."""
        self.version_2 = True
        """Whether it knows git's protocol 2."""
        self.asked: list[str] = []
        self.sent = 0
        """Bytes of answers."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Backend", (_Backend,), {"served": self}))
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


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[HttpServer]:
    """Another server, with nothing on it."""
    (tmp_path / "elsewhere").mkdir()
    server = HttpServer(tmp_path / "elsewhere")
    yield server
    server.close()


@pytest.fixture
def over_git(repository: GitRepository) -> Iterator[str]:
    """The URL of `git daemon` over the repositories beside `repository`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = repository.path.parent
    command = ["git", "daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}"]
    with subprocess.Popen([*command, f"--base-path={root}", str(root)], start_new_session=True) as daemon:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        yield f"git://127.0.0.1:{port}"
        os.killpg(daemon.pid, signal.SIGTERM)
