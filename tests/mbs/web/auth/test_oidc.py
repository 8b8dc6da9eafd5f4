"""Who asks, as an OpenID provider knows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from mbs.model.errors import Infrastructure, Unauthenticated
from mbs.settings import Settings
from mbs.web.auth import provider as provider_module
from mbs.web.auth.oidc import KEPT, OpenId, provider_of
from mbs.web.auth.provider import FRESH, INVALID, PAUSE, RECOVERY, Provider
from tests.mbs.web.auth.provider import RealProvider, ScriptedProvider, real_provider, scripted_provider, signed

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def request(authorization: str | None = None) -> Request:
    headers = [(b"authorization", authorization.encode("latin-1"))] if authorization is not None else []
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers})


def bearer(token: str) -> Request:
    return request(f"Bearer {token}")


@pytest.fixture(scope="module")
def real() -> Iterator[RealProvider]:
    with real_provider() as provider:
        provider.register("1", preferred_username="pat", groups=["packager", "qa"])
        provider.register("2", preferred_username="loner")
        yield provider


@pytest.fixture
def scripted() -> Iterator[ScriptedProvider]:
    with scripted_provider() as provider:
        provider.add_key("rsa", RSA, "RS256")
        provider.add_key("ec", EC, "ES256")
        provider.add_key("ed", ED, "EdDSA", alg="EdDSA")
        yield provider


@dataclass
class Clock:
    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


def settings_of(real: RealProvider, **more: object) -> Settings:
    told = Settings(
        auth=("oidc",),
        oidc_issuer=real.issuer,
        oidc_client_id=real.client_id,
        oidc_client_secret=real.client_secret,
    )
    return replace(told, **more)  # type: ignore[arg-type]


Ask = Callable[..., OpenId]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ask(scripted: ScriptedProvider, clock: Clock) -> Ask:
    def make(**more: object) -> OpenId:
        settings = Settings(oidc_issuer=scripted.issuer, oidc_client_id="mbs", **more)  # type: ignore[arg-type]
        return OpenId(settings, Provider(scripted.issuer, provider_of(settings)._login, clock=clock), clock)

    return make


def claims(scripted: ScriptedProvider, **more: object) -> dict[str, object]:
    now = int(time.time())
    usual = {"iss": scripted.issuer, "aud": "mbs", "exp": now + 600, "iat": now, "scope": "openid", "sub": "1"}
    return {**usual, "preferred_username": "pat", "groups": ["packager"], **more}


# With the real provider


def test_an_opaque_token_of_somebody_who_has_logged_in(real: RealProvider) -> None:
    token = real.log_in("1")["access_token"]
    user = OpenId(settings_of(real)).user_of(bearer(token))
    assert user
    assert (user.name, user.groups, user.way) == ("pat", frozenset({"packager", "qa"}), "oidc")


def test_a_jwt_that_the_provider_has_signed(real: RealProvider) -> None:
    token = real.log_in("1")["id_token"]
    user = OpenId(settings_of(real, oidc_required_scopes=())).user_of(bearer(token))
    assert user
    assert (user.name, user.groups) == ("pat", frozenset({"packager", "qa"}))


def test_who_has_shown_that_they_are_somebody_has_not_let_us_do_anything(real: RealProvider) -> None:
    """An ID token is for the program that a person has logged in to: it has no scopes."""
    with pytest.raises(Unauthenticated, match=r"Required OIDC scope 'openid' not present: \[\]"):
        OpenId(settings_of(real)).user_of(bearer(real.log_in("1")["id_token"]))


def test_a_token_without_the_scope(real: RealProvider) -> None:
    wanted = settings_of(real, oidc_required_scopes=("openid", "submit"))
    with pytest.raises(Unauthenticated) as refused:
        OpenId(wanted).user_of(bearer(real.log_in("1")["access_token"]))
    assert str(refused.value) == "Required OIDC scope 'submit' not present: ['openid', 'profile']"


def test_a_token_that_was_taken_back(real: RealProvider) -> None:
    token = real.log_in("1")["access_token"]
    real.revoke("1")
    with pytest.raises(Unauthenticated) as refused:
        OpenId(settings_of(real)).user_of(bearer(token))
    assert str(refused.value) == "OIDC token invalid or expired."


def test_a_token_that_the_provider_never_gave(real: RealProvider) -> None:
    with pytest.raises(Unauthenticated, match="OIDC token invalid or expired"):
        OpenId(settings_of(real)).user_of(bearer("made-up"))


def test_somebody_without_groups_comes_in_by_name_alone(real: RealProvider) -> None:
    token = real.log_in("2")["access_token"]
    with pytest.raises(Unauthenticated) as refused:
        OpenId(settings_of(real)).user_of(bearer(token))
    assert str(refused.value) == "Could not find groups in UserInfo from OIDC"
    user = OpenId(settings_of(real, allowed_users=("loner",))).user_of(bearer(token))
    assert user
    assert user.groups == frozenset()


def test_a_wrong_secret_of_ours_is_nobodys_fault_but_ours(real: RealProvider) -> None:
    wrong = settings_of(real, oidc_client_secret="wrong")
    with pytest.raises(Infrastructure) as away:
        OpenId(wrong).user_of(bearer(real.log_in("1")["access_token"]))
    assert "wrong" not in str(away.value)


# What is no token


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "No 'authorization' header found."),
        ("Basic cGF0OnBhdA==", "Authorization headers must start with 'Bearer '"),
        ("Negotiate YII", "Authorization headers must start with 'Bearer '"),
        ("Bearer", "Authorization headers must start with 'Bearer '"),
        ("Bearer ", "Authorization headers must start with 'Bearer '"),
    ],
)
def test_what_brings_no_token_is_told_so_in_the_words_of_mbs(ask: Ask, header: str | None, said: str) -> None:
    assert ask().user_of(request(header)) is None
    assert ask().missing(request(header)) == said


def test_a_token_of_another_issuer_is_left_to_others(ask: Ask, scripted: ScriptedProvider) -> None:
    token = signed("secret" * 10, "HS512", None, **claims(scripted, iss="airflow"))
    assert ask().user_of(bearer(token)) is None
    assert ask().missing(bearer(token)) == INVALID
    assert scripted.asked == {}


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60))
def test_whatever_is_brought_nothing_breaks(text: str) -> None:
    alone = OpenId(Settings(oidc_issuer="http://localhost:9", oidc_client_id="mbs"), NOBODY)
    for value in (text, f"Bearer {text}", f"Bearer a.{text}.c"):
        try:
            assert alone.user_of(request(value)) is None
        except Unauthenticated as refused:
            assert str(refused) == INVALID  # noqa: PT017 - either is right


class _Nobody(Provider):
    def introspect(self, token: str) -> dict[str, object]:  # noqa: ARG002 - the provider's
        raise Unauthenticated(INVALID)


NOBODY = _Nobody("http://localhost:9")


@pytest.mark.parametrize("body", ["[" * 9000, "{" * 9000, '{"a":' * 2000])
def test_a_deep_token_breaks_nothing(body: str) -> None:
    part = jwt.utils.base64url_encode(body.encode()).decode()
    with pytest.raises(Unauthenticated):
        OpenId(Settings(oidc_issuer="http://localhost:9"), NOBODY).user_of(bearer(f"eyJhbGciOiJSUzI1NiJ9.{part}.c"))


def test_a_token_without_end_is_not_looked_at(ask: Ask) -> None:
    with pytest.raises(Unauthenticated):
        ask().user_of(bearer("a" * 17_000))


# Signatures


@pytest.mark.parametrize(
    ("key", "algorithm", "name"),
    [(RSA, "RS256", "rsa"), (RSA, "RS512", "rsa"), (RSA, "PS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")],
)
def test_who_has_the_key_is_who_they_say(
    ask: Ask, scripted: ScriptedProvider, key: rsa.RSAPrivateKey, algorithm: str, name: str
) -> None:
    user = ask().user_of(bearer(signed(key, algorithm, name, **claims(scripted))))
    assert user
    assert user.name == "pat"


def test_without_a_name_the_only_key_that_fits_counts(ask: Ask, scripted: ScriptedProvider) -> None:
    token = signed(EC, "ES256", None, **claims(scripted))
    assert ask().user_of(bearer(token))
    scripted.add_key("ec2", ec.generate_private_key(ec.SECP256R1()), "ES256")
    with pytest.raises(Unauthenticated):
        ask().user_of(bearer(token))


def public(key: rsa.RSAPrivateKey) -> str:
    form, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(form, kind).decode()


def hmac_signed(secret: bytes, **payload: object) -> str:
    """Sign with a public key's text as a secret, which PyJWT itself refuses to do."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    body = signed(RSA, "RS256", "rsa", **payload).split(".")[1]
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT","kid":"rsa"}').decode()
    signature = algorithm.sign(f"{header}.{body}".encode(), secret)
    return f"{header}.{body}.{jwt.utils.base64url_encode(signature).decode()}"


def test_who_has_no_key_is_nobody(ask: Ask, scripted: ScriptedProvider) -> None:
    good = signed(RSA, "RS256", "rsa", **claims(scripted))
    head, body, signature = good.split(".")
    other_body = signed(OTHER, "RS256", "rsa", **claims(scripted, preferred_username="root")).split(".")[1]
    forged = [
        signed(OTHER, "RS256", "rsa", **claims(scripted)),  # another key under the same name
        signed(RSA, "RS256", "ec", **claims(scripted)),  # a key of another kind
        signed(RSA, "RS256", "../rsa", **claims(scripted)),
        signed(None, "none", "rsa", **claims(scripted)),
        signed("", "none", None, **claims(scripted)),
        hmac_signed(public(RSA).encode(), **claims(scripted)),
        hmac_signed(str(scripted.keys[0]["n"]).encode(), **claims(scripted)),
        f"{head}.{body}.",
        f"{head}.{other_body}.{signature}",
        good[:-4],
    ]
    for token in forged:
        with pytest.raises(Unauthenticated) as refused:
            ask().user_of(bearer(token))
        assert str(refused.value) == INVALID


def test_a_key_that_a_token_brings_along_is_not_used(ask: Ask, scripted: ScriptedProvider) -> None:
    brought = jwt.algorithms.RSAAlgorithm.to_jwk(OTHER.public_key(), as_dict=True)
    headers = {
        "kid": "new",
        "jwk": brought,
        "jku": f"{scripted.issuer}/elsewhere",
        "x5u": f"{scripted.issuer}/elsewhere",
    }
    token = jwt.encode(claims(scripted), OTHER, "RS256", headers=headers)
    with pytest.raises(Unauthenticated):
        ask().user_of(bearer(token))
    assert "elsewhere" not in scripted.asked


def test_what_a_token_says_must_be_heeded_is_heeded(ask: Ask, scripted: ScriptedProvider) -> None:
    token = jwt.encode(claims(scripted), RSA, "RS256", headers={"kid": "rsa", "crit": ["x"], "x": 1})
    with pytest.raises(Unauthenticated):
        ask().user_of(bearer(token))


@pytest.mark.parametrize("kind", [{"use": "enc"}, {"alg": "RS512"}])
def test_a_key_is_used_for_what_it_is_made_for(ask: Ask, scripted: ScriptedProvider, kind: dict[str, str]) -> None:
    scripted.add_key("other", OTHER, "RS256", **kind)
    with pytest.raises(Unauthenticated):
        ask().user_of(bearer(signed(OTHER, "RS256", "other", **claims(scripted))))


def test_a_shared_secret_among_the_keys_is_none(ask: Ask, scripted: ScriptedProvider) -> None:
    scripted.keys.append({"kty": "oct", "kid": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"})
    with pytest.raises(Unauthenticated):
        ask().user_of(bearer(signed("secretsecretsecretsecretsecret", "HS256", "oct", **claims(scripted))))


# What a token says


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 4_000_000_000},
        {"aud": "other"},
        {"aud": ["other", "mbs2"]},
        {"aud": None},
        {"aud": {}},
    ],
)
def test_a_token_for_others_or_for_another_time_is_none(
    ask: Ask, scripted: ScriptedProvider, wrong: dict[str, object]
) -> None:
    said = {name: value for name, value in claims(scripted, **wrong).items() if value is not None}
    with pytest.raises(Unauthenticated) as refused:
        ask().user_of(bearer(signed(RSA, "RS256", "rsa", **said)))
    assert str(refused.value) == INVALID


def test_clocks_may_differ_a_little(ask: Ask, scripted: ScriptedProvider) -> None:
    now = time.time()
    token = signed(RSA, "RS256", "rsa", **claims(scripted, nbf=now + 10, exp=now - 1))
    assert ask().user_of(bearer(token))


def test_an_audience_of_several(ask: Ask, scripted: ScriptedProvider) -> None:
    token = signed(RSA, "RS256", "rsa", **claims(scripted, aud=["other", "builds"]))
    assert ask(oidc_audience=("builds",)).user_of(bearer(token))
    with pytest.raises(Unauthenticated):
        ask().user_of(bearer(token))


@pytest.mark.parametrize(
    "scopes", [{"scope": "a openid"}, {"scope": ["openid"]}, {"scope": None, "scp": ["openid"]}, {"scp": "x"}]
)
def test_scopes_are_written_in_several_ways(ask: Ask, scripted: ScriptedProvider, scopes: dict[str, object]) -> None:
    said = {name: value for name, value in claims(scripted, **scopes).items() if value is not None}
    assert ask().user_of(bearer(signed(RSA, "RS256", "rsa", **said)))


@pytest.mark.parametrize("scope", ["", "openid2", "OPENID", 7, {"openid": 1}, ["x", 7]])
def test_no_other_scope_does(ask: Ask, scripted: ScriptedProvider, scope: object) -> None:
    with pytest.raises(Unauthenticated, match="Required OIDC scope 'openid' not present"):
        ask().user_of(bearer(signed(RSA, "RS256", "rsa", **claims(scripted, scope=scope))))


@pytest.mark.parametrize("name", ["", 7, None, "pat\nroot", "pat\u202e", " pat", "p" * 300])
def test_a_name_is_one_that_can_be_read(ask: Ask, scripted: ScriptedProvider, name: object) -> None:
    with pytest.raises(Unauthenticated, match="preferred_username"):
        ask().user_of(bearer(signed(RSA, "RS256", "rsa", **claims(scripted, preferred_username=name))))


def test_other_providers_have_other_words(ask: Ask, scripted: ScriptedProvider) -> None:
    token = signed(RSA, "RS256", "rsa", **claims(scripted, username="robin", roles=["admins"]))
    user = ask(oidc_user_claim="username", oidc_groups_claim="roles").user_of(bearer(token))
    assert user
    assert (user.name, user.groups) == ("robin", frozenset({"admins"}))


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([], frozenset()),
        ("one", frozenset({"one"})),
        (["one", 7], frozenset({"one"})),
    ],
)
def test_groups_are_texts(ask: Ask, scripted: ScriptedProvider, groups: object, said: frozenset[str]) -> None:
    user = ask().user_of(bearer(signed(RSA, "RS256", "rsa", **claims(scripted, groups=groups))))
    assert user
    assert user.groups == said


@pytest.mark.parametrize("groups", [7, {"packager": True}, [7]])
def test_groups_that_cannot_be_read(ask: Ask, scripted: ScriptedProvider, groups: object) -> None:
    with pytest.raises(Unauthenticated) as refused:
        ask().user_of(bearer(signed(RSA, "RS256", "rsa", **claims(scripted, groups=groups))))
    assert str(refused.value) == "OpenIDC auth error: Cannot determine the user's groups"


def test_what_the_token_does_not_say_user_info_does(ask: Ask, scripted: ScriptedProvider) -> None:
    said = claims(scripted)
    del said["preferred_username"], said["groups"]
    scripted.user_info = {"sub": "1", "preferred_username": "robin", "groups": ["qa"]}
    user = ask().user_of(bearer(signed(RSA, "RS256", "rsa", **said)))
    assert user
    assert (user.name, user.groups) == ("robin", frozenset({"qa"}))
    assert scripted.asked["userinfo"] == 1


def test_user_info_of_somebody_else_counts_for_nothing(ask: Ask, scripted: ScriptedProvider) -> None:
    said = claims(scripted)
    del said["groups"]
    scripted.user_info = {"sub": "2", "groups": ["admins"]}
    with pytest.raises(Unauthenticated, match="Could not find groups"):
        ask().user_of(bearer(signed(RSA, "RS256", "rsa", **said)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"active": False},
        {"active": "true"},
        {},
        {"iss": "https://other"},
        {"exp": 1},
        {"exp": "x"},
        {"nbf": 9e9},
        {"aud": "other"},
        {"aud": None},
    ],
)
def test_what_introspection_says_is_heeded(ask: Ask, scripted: ScriptedProvider, wrong: dict[str, object]) -> None:
    alone = ask(oidc_client_secret="s", oidc_audience=("mbs",))
    scripted.introspected = {"active": True, **claims(scripted, **wrong)} if wrong else {}
    with pytest.raises(Unauthenticated) as refused:
        alone.user_of(bearer("opaque"))
    assert str(refused.value) == INVALID
    scripted.introspected = {"active": True, **claims(scripted)}
    assert alone.user_of(bearer("opaque"))


# How often the provider is asked


def test_a_new_key_is_found_but_not_everybody_can_have_it_looked_for(
    ask: Ask, scripted: ScriptedProvider, clock: Clock
) -> None:
    alone = ask()
    assert alone.user_of(bearer(signed(RSA, "RS256", "rsa", **claims(scripted))))
    new = signed(OTHER, "RS256", "new", **claims(scripted))
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            alone.user_of(bearer(new))
    assert scripted.asked["jwks"] == 1
    scripted.add_key("new", OTHER, "RS256")
    clock.now += PAUSE + 1
    assert alone.user_of(bearer(new))
    assert scripted.asked["jwks"] == 2


def test_a_key_that_is_gone_counts_an_hour_longer_at_most(ask: Ask, scripted: ScriptedProvider, clock: Clock) -> None:
    alone = ask()
    token = signed(RSA, "RS256", "rsa", **claims(scripted))
    assert alone.user_of(bearer(token))
    scripted.keys.clear()
    clock.now += FRESH + 1
    with pytest.raises(Unauthenticated):
        alone.user_of(bearer(token))


def test_a_good_token_is_asked_for_once_a_minute(ask: Ask, scripted: ScriptedProvider, clock: Clock) -> None:
    alone = ask(oidc_client_secret="s")
    scripted.introspected = {"active": True, **claims(scripted)}
    assert alone.user_of(bearer("opaque"))
    assert alone.user_of(bearer("opaque"))
    assert scripted.asked["introspect"] == 1
    clock.now += KEPT + 1
    scripted.introspected = {"active": False}
    with pytest.raises(Unauthenticated):
        alone.user_of(bearer("opaque"))


def test_no_token_is_taken_longer_than_it_says(ask: Ask, scripted: ScriptedProvider, clock: Clock) -> None:
    alone = ask(oidc_client_secret="s")
    scripted.introspected = {"active": True, **claims(scripted, exp=clock.now + 5)}
    assert alone.user_of(bearer("opaque"))
    scripted.introspected = {"active": False}
    clock.now += 6
    with pytest.raises(Unauthenticated):
        alone.user_of(bearer("opaque"))


def test_a_provider_that_is_away_lets_nobody_in_and_is_left_alone(
    ask: Ask, scripted: ScriptedProvider, clock: Clock
) -> None:
    alone = ask()
    token = signed(RSA, "RS256", "rsa", **claims(scripted))
    scripted.status = 503
    for _ in range(3):
        with pytest.raises(Infrastructure):
            alone.user_of(bearer(token))
    assert scripted.asked == {".well-known/openid-configuration": 1}
    scripted.status = 200
    clock.now += RECOVERY + 1
    assert alone.user_of(bearer(token))


def test_nobody_listens_there(clock: Clock) -> None:
    settings = Settings(oidc_issuer="http://localhost:9", oidc_client_id="mbs", oidc_client_secret="hidden")
    with pytest.raises(Infrastructure, match="localhost:9 does not answer") as away:
        OpenId(settings, clock=clock).user_of(bearer("opaque"))
    assert "hidden" not in str(away.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://other.example.org"},
        {"jwks_uri": None},
        {"jwks_uri": "http://keys.example.org/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
def test_what_is_not_that_provider_tells_no_keys(
    ask: Ask, scripted: ScriptedProvider, wrong: dict[str, object]
) -> None:
    scripted.discovered = wrong
    with pytest.raises(Infrastructure):
        ask().user_of(bearer(signed(RSA, "RS256", "rsa", **claims(scripted))))


def test_an_answer_without_end_is_not_read(
    ask: Ask, scripted: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mbs.web.auth.fetch.LARGEST", 1000)
    scripted.discovered = {"more": "a" * 2000}
    with pytest.raises(Infrastructure, match="does not answer"):
        ask().user_of(bearer(signed(RSA, "RS256", "rsa", **claims(scripted))))


def test_strangers_who_bring_many_tokens_wait_and_are_sent_away(
    ask: Ask, scripted: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_module, "PATIENCE", 0.01)
    alone = ask(oidc_client_secret="s")
    scripted.introspected = {"active": True, **claims(scripted)}
    assert alone.user_of(bearer("first"))
    turns = alone._provider._turns
    while turns.acquire(blocking=False):
        pass
    with pytest.raises(Exception, match="Too many log in"):
        alone.user_of(bearer("second"))
    turns.release()
    assert alone.user_of(bearer("second"))
