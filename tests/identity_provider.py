"""An identity provider that speaks OpenID Connect over real HTTP: it shows who may log in, checks PKCE and the client,
signs with RSA keys that it can change, and lies where a test tells it to.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET, AUDIENCE = "flotilla", "client-s3cret", "https://flotilla.example/api"
ANN = {
    "sub": "ann-1", "email": "ann@example.org", "email_verified": True, "name": "Ann", "groups": ["staff", "ops"],
}  # fmt: skip
BOB = {"sub": "bob-2", "email": "bob@elsewhere.example", "email_verified": True, "name": "Bob", "groups": []}


@dataclass(kw_only=True)
class Key:
    id: str
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def shown(self) -> dict[str, Any]:
        document: dict[str, Any] = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**document, "kid": self.id, "use": "sig", "alg": "RS256"}


@cache
def _first() -> Key:
    """Made once: a test that wants another rotates it."""
    return Key(id="one")


@dataclass(kw_only=True)
class IdentityProvider:
    """`lie` changes the claims of the next ID tokens, `answer` is sent in place of the token's answer."""

    people: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"ann": ANN, "bob": BOB})
    keys: list[Key] = field(default_factory=lambda: [_first()])
    lie: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] | None = None
    description: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def rotate(self) -> None:
        self.keys = [Key(id=f"key-{secrets.token_hex(4)}")]

    def claims(self, who: str, audience: str, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.issuer, "aud": audience, "iat": now, "exp": now + 300, **self.people[who], **more}

    def token(self, who: str = "ann", *, head: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """As a program gets one for the API."""
        made = {name: value for name, value in self.claims(who, AUDIENCE, **claims).items() if value is not None}
        return jwt.encode(
            made, self.keys[0].private, "RS256", {"kid": self.keys[0].id, "typ": "at+jwt", **(head or {})}
        )

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.description,
        }

    def code(self, who: str, asked: dict[str, str]) -> str:
        made = secrets.token_urlsafe(16)
        self.codes[made] = (who, asked)
        return made

    def redeem(self, form: Mapping[str, str], authorization: str) -> tuple[int, Mapping[str, Any]]:
        if self.answer is not None:
            return 200, self.answer
        kind, _, encoded = authorization.partition(" ")
        client, _, secret = base64.b64decode(encoded).decode().partition(":")
        if (kind, unquote(client), unquote(secret)) != ("Basic", CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        who, asked = self.codes.pop(form.get("code", ""), ("", {}))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        good = asked.get("code_challenge") == challenge.decode().rstrip("=")
        if not who or not good or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": "wrong code, verifier or address"}
        made = self.claims(who, CLIENT, nonce=asked["nonce"], **self.lie)
        token = jwt.encode(made, self.keys[0].private, "RS256", {"kid": self.keys[0].id})
        return 200, {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": token}


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(place.query).items()}
            provider.asked.append(place.path)
            pages: dict[str, Callable[[], None]] = {
                "/.well-known/openid-configuration": lambda: self.say(200, provider.described()),
                "/keys": lambda: self.say(200, {"keys": [key.shown() for key in provider.keys]}),
                "/authorize": lambda: self.choose(asked),
                "/chosen": lambda: self.send(asked),
                "/logout": lambda: self.page("<h1>Logged out</h1>"),
            }
            pages.get(place.path, lambda: self.say(404, {}))()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            provider.asked.append(self.path)
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.say(*provider.redeem(form, self.headers.get("Authorization", "")))

        def choose(self, asked: Mapping[str, str]) -> None:
            wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
            assert wanted.items() <= asked.items(), asked
            assert "openid" in asked["scope"].split()
            links = (
                f'<p><a href="/chosen?{html.escape(urlencode({"who": who, **asked}))}">{who}</a></p>'
                for who in (*provider.people, "nobody")
            )
            self.page(f"<h1>Who are you?</h1>{''.join(links)}")

        def send(self, asked: dict[str, str]) -> None:
            who = asked.pop("who")
            told = {"code": provider.code(who, asked)} if who in provider.people else {"error": "access_denied"}
            self.send_response(302)
            self.send_header("Location", f"{asked['redirect_uri']}?{urlencode({**told, 'state': asked['state']})}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def say(self, status: int, body: Mapping[str, Any]) -> None:
            self.write(status, "application/json", json.dumps(body).encode())

        def page(self, text: str) -> None:
            self.write(200, "text/html", f"<!doctype html><title>Provider</title>{text}".encode())

        def write(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    return Handler
