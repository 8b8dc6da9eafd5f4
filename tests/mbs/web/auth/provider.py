"""OpenID providers that run here: a real one, and one whose every word a test chooses."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import flask
import jwt
import oidc_provider_mock
import requests
from jwt.algorithms import AllowedPrivateKeys, get_default_algorithms

SECONDS = 20


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def serving(app: flask.Flask) -> Iterator[str]:
    """Serve an application on this machine."""
    server = make_server("127.0.0.1", 0, app, _Server, _Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class RealProvider:
    """The provider of oidc-provider-mock with a client of ours, and introspection (RFC 7662), which it lacks."""

    issuer: str
    client_id: str
    client_secret: str

    def register(self, sub: str, **claims: object) -> None:
        """Have an account there."""
        assert requests.put(f"{self.issuer}/users/{sub}", json=claims, timeout=SECONDS).ok

    def log_in(self, sub: str, scope: str = "openid profile") -> Mapping[str, str]:
        """Log in as a person does in a browser; give the tokens."""
        url, back = f"{self.issuer}/oauth2/authorize", "http://localhost/back"
        query = {"response_type": "code", "client_id": self.client_id, "redirect_uri": back, "scope": scope}
        told = requests.post(url, params=query, data={"sub": sub}, allow_redirects=False, timeout=SECONDS)
        code = parse_qs(urlsplit(told.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        client = (self.client_id, self.client_secret)
        tokens: Mapping[str, str] = requests.post(
            f"{self.issuer}/oauth2/token", data=form, auth=client, timeout=SECONDS
        ).json()
        return tokens

    def revoke(self, sub: str) -> None:
        """Take back all tokens of a user."""
        assert requests.post(f"{self.issuer}/users/{sub}/revoke-tokens", timeout=SECONDS).ok


@contextmanager
def real_provider() -> Iterator[RealProvider]:
    """Run it."""
    app: flask.Flask = oidc_provider_mock.app(require_client_registration=True)
    issued: dict[str, str] = {}
    clients: dict[str, str] = {}

    @app.after_request
    def note(response: flask.Response) -> flask.Response:
        if flask.request.path == "/oauth2/token" and response.is_json and "access_token" in response.get_json():
            issued[response.get_json()["access_token"]] = response.get_json().get("scope", "")
        if flask.request.path == "/.well-known/openid-configuration":
            endpoint = f"{flask.request.host_url}introspect"
            response.set_data(flask.json.dumps({**response.get_json(), "introspection_endpoint": endpoint}))
        return response

    @app.post("/introspect")
    def introspect() -> flask.typing.ResponseReturnValue:
        login, token = flask.request.authorization, flask.request.form["token"]
        if login is None or not login.username or clients.get(login.username) != login.password:
            return "", 401
        asked = app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {token}"})
        if asked.status_code != 200 or token not in issued:
            return {"active": False}
        return {"active": True, "scope": issued[token], "sub": asked.get_json()["sub"]}

    with serving(app) as issuer:
        made = requests.post(
            f"{issuer}/oauth2/clients", json={"redirect_uris": ["http://localhost/back"]}, timeout=SECONDS
        ).json()
        clients[made["client_id"]] = made["client_secret"]
        yield RealProvider(issuer, made["client_id"], made["client_secret"])


@dataclass
class ScriptedProvider:
    """A provider that says what a test wants, and counts what it is asked."""

    issuer: str = ""
    keys: list[Mapping[str, Any]] = field(default_factory=list)
    user_info: Mapping[str, Any] | None = None
    introspected: Mapping[str, Any] | None = None
    discovered: Mapping[str, Any] = field(default_factory=dict)
    """What its discovery says otherwise."""
    status: int = 200
    """Of every answer."""
    asked: dict[str, int] = field(default_factory=dict)

    def add_key(self, name: str, key: AllowedPrivateKeys, algorithm: str, **more: str) -> None:
        """Publish the public half of a key."""
        fields = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
        self.keys.append({**fields, "kid": name, "use": "sig", **more})

    def answer(self, path: str) -> flask.typing.ResponseReturnValue:
        """Answer a request."""
        self.asked[path] = self.asked.get(path, 0) + 1
        endpoints = {"introspection_endpoint": "introspect", "userinfo_endpoint": "userinfo", "jwks_uri": "jwks"}
        content = {
            ".well-known/openid-configuration": {
                "issuer": self.issuer,
                **{name: f"{self.issuer}/{path}" for name, path in endpoints.items()},
                **self.discovered,
            },
            "jwks": {"keys": self.keys},
            "userinfo": self.user_info,
            "introspect": self.introspected,
        }[path]
        return flask.jsonify(content), self.status if content is not None else 401


@contextmanager
def scripted_provider() -> Iterator[ScriptedProvider]:
    """Run one."""
    provider = ScriptedProvider()
    app = flask.Flask(__name__)
    app.add_url_rule("/<path:path>", view_func=provider.answer, methods=["GET", "POST"])
    with serving(app) as provider.issuer:
        yield provider


def signed(key: AllowedPrivateKeys | str | None, algorithm: str, name: str | None, **claims: object) -> str:
    """Make a token."""
    return jwt.encode(claims, key, algorithm, headers={"kid": name} if name else None)  # type: ignore[arg-type]
