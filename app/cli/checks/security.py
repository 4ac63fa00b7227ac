"""The state of each control that stands between people, programs and what they must not reach, as it is seen from here.

What cannot be seen from this host is said to be unknown, and where to look.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
import requests

from app.cli.checks.deployment import PATIENCE_S, broker_of, files
from app.cli.checks.finding import Finding
from app.cli.checks.place import Place
from app.cli.client import Client
from app.cli.failures import Failure
from app.cli.machine import LOOPBACK
from app.config import SettingError, Settings

HEADERS = {"X-Content-Type-Options": "nosniff"}
SAFE_SSL = frozenset({"require", "verify-ca", "verify-full"})
MANY = 5


def security(client: Client, place: Place) -> Iterator[Finding]:
    near = urlsplit(client.url).hostname in LOOPBACK
    yield from _anonymous(client.url)
    yield _tls("TLS of the API", client.url.startswith("https://"), near, "put a proxy with TLS before it")
    yield from _pages(client.url, near)
    yield from _tokens(client)
    yield from _audit(client)
    try:
        settings = _settings(place)
    except SettingError as wrong:
        yield Finding(what="settings", well=False, saw=str(wrong))
        return
    if settings is None:
        yield _unknown("servers' settings", "run this on a host of a web process, with its environment or --data DIR")
    else:
        yield from _servers(settings, place)
    yield _sandbox()
    yield _root()


def _settings(place: Place) -> Settings | None:
    return (
        Settings.from_environ({"FLOTILLA_BROKER_URL": "redis+socket:///none", **place.environ})
        if place.environ
        else None
    )


def _anonymous(url: str) -> Iterator[Finding]:
    for what, path in (("anonymous role", "/v1/queues"), ("metrics", "/metrics")):
        status = _status(url, path)
        well = status in (401, 403)
        saw = "requests without a token are refused" if well else f"{path} answers {status} without a token"
        remedy = "" if well else "unset FLOTILLA_ANONYMOUS_ROLE, unless nobody else can reach this server"
        yield Finding(what=what, well=well, saw=saw, remedy=remedy)


def _tls(what: str, on: bool, near: bool, remedy: str) -> Finding:
    if on:
        return Finding(what=what, well=True, saw="on")
    if near:
        return Finding(what=what, well=True, saw="off, on this host alone")
    return Finding(what=what, well=False, saw="off, over a network", remedy=remedy)


def _pages(url: str, near: bool) -> Iterator[Finding]:
    try:
        page = requests.get(f"{url}/login", timeout=PATIENCE_S)
        strange = requests.get(f"{url}/healthz", headers={"Host": "evil.example"}, timeout=PATIENCE_S).status_code
    except requests.RequestException as gone:
        yield Finding(what="pages", well=False, saw=str(gone))
        return
    policy = page.headers.get("Content-Security-Policy", "")
    well = "script-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    yield Finding(what="CSP", well=well, saw="own scripts only, in no frame" if well else f"the policy is {policy!r}")
    lacks = [name for name, value in HEADERS.items() if page.headers.get(name) != value]
    yield Finding(what="nosniff", well=not lacks, saw=f"lacks {lacks}" if lacks else "set")
    if strange == 400:
        yield Finding(what="Host header", well=True, saw="other names are refused")
    else:
        remedy = "set FLOTILLA_ALLOWED_HOSTS to the names of this server, against DNS rebinding"
        yield Finding(what="Host header", well=False if near else None, saw="any name is answered", remedy=remedy)


def _tokens(client: Client) -> Iterator[Finding]:
    try:
        tokens = [token for token in client.items("/v1/tokens") if not token.get("revokedAt")]
    except Failure as refused:
        yield _unknown("tokens", f"{refused.what}; use an administrator's token")
        return
    lasting = [token["name"] for token in tokens if token["role"] == "admin" and not token.get("expiresAt")]
    own = [name for name in lasting if not str(name).startswith("flotilla up, ")]
    named = ", ".join(own[:MANY]) + (" ..." if len(own) > MANY else "")
    remedy = "give people tokens that expire: `flotilla token create --expires`" if own else ""
    saw = f"{len(tokens)}; administrators' that never expire: {named}" if own else f"{len(tokens)}"
    yield Finding(what="tokens", well=not own or None, saw=saw, remedy=remedy)


def _audit(client: Client) -> Iterator[Finding]:
    try:
        client.get("/v1/audit", limit=1)
        yield Finding(what="audit", well=True, saw="kept: who changed what, and refused logins (GET /v1/audit)")
    except Failure as refused:
        yield _unknown("audit", f"{refused.what}; use an administrator's token")


def _servers(settings: Settings, place: Place) -> Iterator[Finding]:
    yield from files(place, settings)
    parts = urlsplit(settings.database_url)
    if parts.scheme.startswith("postgresql"):
        safe = parse_qs(parts.query).get("sslmode", [""])[0] in SAFE_SSL
        near = (parts.hostname or "localhost") in LOOPBACK or "host" in parse_qs(parts.query)
        yield _tls("TLS, database", safe, near, "add ?sslmode=verify-full to FLOTILLA_DATABASE_URL")
    yield from _broker(settings)
    rate = settings.rate_limit
    yield Finding(what="rate limit", well=bool(rate) or None, saw=rate or "none (FLOTILLA_RATE_LIMIT=0)")
    if settings.query_tokens:
        remedy = "FLOTILLA_QUERY_TOKENS=0, where no client of Threekit's is used"
        yield Finding(what="tokens in queries", well=None, saw="taken below /api/", remedy=remedy)
    allowed = settings.fetch_allow or "public addresses alone"
    yield Finding(what="fetching", well=True, saw=f"from {allowed}" + ("" if settings.fetch_http else ", https alone"))


def _broker(settings: Settings) -> Iterator[Finding]:
    parts = urlsplit(settings.broker_url)
    if parts.scheme == "redis+socket":
        yield Finding(what="broker", well=True, saw=f"on a socket: {parts.path}")
        return
    near = parts.hostname in LOOPBACK
    yield _tls("TLS, broker", settings.broker.encrypted, near, "use rediss:// in FLOTILLA_BROKER_URL")
    well = bool(parts.password) or near
    remedy = "" if well else "set requirepass, or a user for nodes and one for servers (ACL SETUSER)"
    yield Finding(what="broker's password", well=well, saw="set" if parts.password else "none", remedy=remedy)
    if parts.scheme == "sentinel":
        return
    try:
        with closing(broker_of(settings.broker)) as client:
            whoami: Any = client.acl_whoami()
        own = whoami != "default"
        remedy = "" if own else "a user of its own may do less: ACL SETUSER flotilla ~flotilla:* +@all -@dangerous"
        yield Finding(what="broker's user", well=own or None, saw=str(whoami), remedy=remedy)
    except (redis.RedisError, OSError, ValueError) as wrong:
        yield _unknown("broker's user", str(wrong))


def _sandbox() -> Finding:
    """The node's own environment, where this is a node's host."""
    chosen = os.environ.get("FLOTILLA_SANDBOX", "")
    if chosen in ("bwrap", "required"):
        return Finding(what="sandbox", well=True, saw=f"FLOTILLA_SANDBOX={chosen} here")
    remedy = "FLOTILLA_SANDBOX=required on nodes that run other people's commands"
    return Finding(what="sandbox", well=None, saw="not set in this environment; nodes have their own", remedy=remedy)


def _root() -> Finding:
    if os.getuid():
        return Finding(what="user", well=True, saw="not root")
    remedy = "runs of a node have its user's rights: start it as a user of its own"
    return Finding(what="user", well=None, saw="root", remedy=remedy)


def _unknown(what: str, remedy: str) -> Finding:
    return Finding(what=what, well=None, saw="unknown from here", remedy=remedy)


def _status(url: str, path: str) -> int:
    try:
        return requests.get(url + path, timeout=PATIENCE_S).status_code
    except requests.RequestException:
        return 0
