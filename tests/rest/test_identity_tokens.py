"""Tokens of an identity provider sent to the API: what lets a program in, and what is answered with 401."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from werkzeug.test import TestResponse

from app.adapters.oidc import OidcProvider
from app.adapters.oidc_keys import AGAIN_S, KEPT_S
from app.domain.admission import AdmissionRules
from app.domain.errors import Unavailable
from app.ports.identity import Unproven
from app.services import organizations
from tests.identity_provider import AUDIENCE, IdentityProvider, Key
from tests.rest.conftest import SUBMIT, Api, make_api, noop
from tests.rest.test_audit import entries


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    made = IdentityProvider()
    yield made
    made.close()


@pytest.fixture
def known(tmp_path: Path, provider: IdentityProvider) -> Iterator[Api]:
    api = make_api(tmp_path)
    organizations.ensure_home(api.core)
    object.__setattr__(api.core, "provider", OidcProvider(provider.issuer, audience=AUDIENCE))
    object.__setattr__(api.core, "admission", AdmissionRules(roles=(("staff", "member"),), default_role=""))
    yield api
    api.core.store.close()
    api.broker.close()


def ask(api: Api, token: str, method: str = "GET", path: str = "/v1/jobs", body: Any = None) -> TestResponse:
    return api.send(method, path, body, as_=None, headers={"Authorization": f"Bearer {token}"})


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_program_comes_in_as_who_the_provider_says_it_is(known: Api, provider: IdentityProvider) -> None:
    made = ask(known, provider.token(), "POST", SUBMIT, {"name": "j", "tasks": [noop("a")]})
    assert (made.status_code, made.json["createdBy"]) == (201, "ann@example.org")
    assert ask(known, provider.token(), path="/v1/tokens").status_code == 403
    [user] = [one for one in known.get("/v1/users").json["items"] if one["issuer"]]
    assert (user["name"], user["role"], user["subject"]) == ("ann@example.org", "member", "ann-1")
    assert [one["who"] for one in entries(known) if one["status"] == 201] == ["ann@example.org"]
    long = provider.token(padding="x" * 6000)
    assert ask(known, long).status_code == 200


def test_who_is_not_let_in_is_told_so_and_noted(known: Api, provider: IdentityProvider) -> None:
    answer = ask(known, provider.token("bob"))
    assert (answer.status_code, "no role here is meant" in answer.json["detail"]) == (403, True)
    assert entries(known)[0]["tokenId"] == ""
    assert "bob" not in [one["name"] for one in known.get("/v1/users").json["items"]]


def test_a_user_who_was_revoked_is_kept_out(known: Api, provider: IdentityProvider) -> None:
    provider.people = {**provider.people, "eve": {"sub": "eve-3", "name": "Eve", "groups": "staff"}}
    assert ask(known, provider.token("eve", sub="eve-3")).status_code == 200
    user = next(one for one in known.get("/v1/users").json["items"] if one["subject"] == "eve-3")
    known.send("DELETE", f"/v1/users/{user['id']}")
    assert ask(known, provider.token("eve", jti="fresh")).status_code == 403


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 1_000_000_000}, "it has expired"),
        ({"exp": None}, "lacks one of the claims"),
        ({"sub": None}, "lacks one of the claims"),
        ({"aud": "flotilla"}, "meant for somebody else"),
        ({"aud": None}, "lacks one of the claims"),
        ({"iss": "https://evil.example"}, "another provider"),
        ({"nbf": 4_000_000_000}, "not good yet"),
    ],
)
def test_claims_that_are_not_for_us_are_refused(
    known: Api, provider: IdentityProvider, claims: dict[str, Any], words: str
) -> None:
    answer = ask(known, provider.token(**claims))
    assert answer.status_code == 401
    assert words in answer.json["detail"]


@pytest.mark.parametrize(
    "head",
    [
        {"kid": "../../../dev/null"},
        {"kid": "/etc/passwd"},
        {"kid": "'; DROP TABLE users; --"},
        {"kid": "https://evil.example/keys"},
        {"kid": 7},
        {"crit": ["made-up"], "made-up": 1},
        {"typ": "logout+jwt"},
        {"jku": "https://evil.example/keys", "kid": "theirs"},
    ],
)
def test_a_head_that_leads_elsewhere_is_refused(known: Api, provider: IdentityProvider, head: dict[str, Any]) -> None:
    claims = part(provider.claims("ann", AUDIENCE))
    if "typ" in head:
        token = provider.token(head=head)
    else:
        good = provider.token().split(".")
        token = f"{part({'alg': 'RS256', 'typ': 'JWT', **head})}.{claims}.{good[2]}"
    assert ask(known, token).status_code == 401


def test_no_algorithm_and_no_shared_secret_is_taken(known: Api, provider: IdentityProvider) -> None:
    claims, kid = provider.claims("ann", AUDIENCE), provider.keys[0].id
    for algorithm in ("none", "None", "nOnE", ""):
        assert ask(known, f"{part({'alg': algorithm, 'kid': kid})}.{part(claims)}.").status_code == 401
    public = provider.keys[0].private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    mixed = jwt.api_jws.PyJWS()
    mixed.get_algorithm_by_name("HS256").prepare_key = lambda key: key  # type: ignore[method-assign]  # it warns of this
    shared = mixed.encode(json.dumps(claims).encode(), pem, "HS256", {"kid": kid})
    answer = ask(known, shared)
    assert (answer.status_code, "not signed in a way" in answer.json["detail"]) == (401, True)


def test_what_another_key_has_signed_is_refused(known: Api, provider: IdentityProvider) -> None:
    forged = jwt.encode(
        provider.claims("ann", AUDIENCE), Key(id="x").private, "RS256", {"kid": provider.keys[0].id, "typ": "at+jwt"}
    )
    assert "signature is wrong" in ask(known, forged).json["detail"]
    good = provider.token().split(".")
    changed = f"{good[0]}.{part(provider.claims('ann', AUDIENCE, groups=['ops']))}.{good[2]}"
    assert ask(known, changed).status_code == 401
    for broken in ("a.b.c", "..", "fl_x.y.z", f"{good[0]}.{good[1]}.", "é.é.é"):
        assert ask(known, broken).status_code == 401, broken


def test_a_token_is_no_session_and_no_client_secret(known: Api, provider: IdentityProvider) -> None:
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": provider.token()}
    assert known.client.post("/authentication/v2/token", data=form).status_code == 401
    assert known.client.get("/v1/jobs", headers={"Cookie": f"flotilla_session={provider.token()}"}).status_code == 401


def test_where_no_audience_is_set_none_is_taken(api: Api, provider: IdentityProvider) -> None:
    assert "no tokens of an identity provider" in ask(api, provider.token()).json["detail"]
    object.__setattr__(api.core, "provider", OidcProvider(provider.issuer, client_id="flotilla"))
    assert "takes no tokens" in ask(api, provider.token()).json["detail"]


class Ticks:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_new_key_is_asked_for_and_one_that_is_made_up_is_not_each_time() -> None:
    provider, clock = IdentityProvider(), Ticks()
    known = OidcProvider(provider.issuer, audience=AUDIENCE, clock=clock)
    assert known.read(provider.token())["sub"] == "ann-1"
    clock.now += AGAIN_S
    old = provider.token()
    provider.rotate()
    assert known.read(provider.token())["sub"] == "ann-1"
    assert provider.asked.count("/keys") == 2
    for number in range(5):
        with pytest.raises(Unproven, match="a key that is not the provider's"):
            known.read(provider.token(head={"kid": f"made-up-{number}"}))
    assert provider.asked.count("/keys") == 2
    with pytest.raises(Unproven):
        known.read(old)
    clock.now += KEPT_S
    provider.close()
    assert known.read(provider.token())["sub"] == "ann-1", "what was known stays while the provider is away"
    with pytest.raises(Unavailable):
        OidcProvider(provider.issuer, audience=AUDIENCE).read(provider.token())


def test_keys_that_are_not_for_signatures_are_passed_over() -> None:
    provider = IdentityProvider()
    shown = Key.shown

    class Odd(Key):
        def shown(self) -> dict[str, Any]:
            return {**shown(self), "use": "enc"}

    provider.keys = [provider.keys[0], Odd(id="other")]
    known = OidcProvider(provider.issuer, audience=AUDIENCE)
    token = jwt.encode(provider.claims("ann", AUDIENCE), provider.keys[1].private, "RS256", {"kid": "other"})
    with pytest.raises(Unproven):
        known.read(token)
    provider.close()


def test_an_answer_that_never_ends_is_not_read() -> None:
    provider = IdentityProvider(description={"padding": "x" * (2 << 20)})
    with pytest.raises(Unavailable, match="does not answer"):
        OidcProvider(provider.issuer, audience=AUDIENCE).read(provider.token())
    provider.close()
