"""Where is the broker, and how is it known to be the right one? What both sides make of the same settings.

redis://[user:password@]host[:port][/db]     rediss://...  the same over TLS     redis+socket:///path
sentinel://[user:password@]host[:port];sentinel://host[:port]...[/db]  Sentinels, in Celery's form; user, password and
database are of the Redis that they watch, and stand once

Over TLS the server's certificate and name are always checked: kombu by itself checks neither. Sentinels are spoken to
over TLS when a CA is named. Knows how Celery, kombu and redis-py want to be told; imports none of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
KEY_PREFIX: Final = "flotilla:"
SCHEMES: Final = ("redis://", "rediss://", "redis+socket://", "sentinel://")
FORMS: Final = "redis://..., rediss://..., redis+socket:///path or sentinel://...;sentinel://..."
WELL_KNOWN: Final = frozenset(
    {"changeme", "change-me", "default", "flotilla", "foobared", "guest", "password", "postgres", "redis"}
)
"""Passwords that stand in examples, and that therefore everybody tries first."""

_SOCKET: Final = "redis+socket"
_SENTINEL: Final = "sentinel"
_SENTINEL_PORT: Final = 26379
_TLS_KEYS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"})
_CHECKED: Final = frozenset({("ssl_cert_reqs", "required"), ("ssl_check_hostname", "true")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """`primary` is the name by which Sentinels know the Redis that is written to; `ca`, `certificate` and `key` are
    paths of PEM files. Raises ValueError, without showing the URL: it may hold a password.
    """

    url: str
    primary: str = "mymaster"
    sentinel_user: str = ""
    sentinel_password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        if not self.url.startswith(SCHEMES):
            raise ValueError(f"must be {FORMS}")
        try:
            places = [(place.hostname, place.port) for place in self._places]
        except ValueError:
            raise ValueError(f"is no URL; it must be {FORMS}") from None
        if self.scheme != _SOCKET and not all(host for host, _ in places):
            raise ValueError("names no host")
        if any(place.scheme != self.scheme for place in self._places):
            raise ValueError("must name Sentinels only: sentinel://a;sentinel://b;sentinel://c/0")
        if len(places) > 1 and self.scheme != _SENTINEL:
            raise ValueError("names several servers; only sentinel:// may")
        if self.scheme != _SOCKET and not self._database.isdecimal():
            raise ValueError("has a path that is no number of a database, such as /0")
        for key, value in self._query.items():
            if key in ("ssl_cert_reqs", "ssl_check_hostname") and (key, value.lower()) not in _CHECKED:
                raise ValueError(f"turns a check of the server off ({key}={value}); name its CA instead")
            if key.startswith("ssl_") and key not in _TLS_KEYS:
                raise ValueError(f"has {key}; of TLS there may be {', '.join(sorted(_TLS_KEYS))}")
        if bool(self.certificate) != bool(self.key):
            raise ValueError("needs a client's certificate together with its key, or neither")

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def _places(self) -> list[Any]:  # SplitResult, which mypy cannot name here without its text kind
        first, *others = self.url.split(";")
        return [urlsplit(first), *(urlsplit(each if "://" in each else f"sentinel://{each}") for each in others)]

    @property
    def _query(self) -> dict[str, str]:
        return dict(pair for place in self._places for pair in parse_qsl(place.query))

    @property
    def _credentials(self) -> tuple[str, str]:
        """Percent-encoded, as they stand in the URL."""
        for place in self._places:
            if place.username or place.password:
                return place.username or "", place.password or ""
        return "", ""

    @property
    def _database(self) -> str:
        return next((place.path.strip("/") for place in self._places if place.path.strip("/")), "0")

    @property
    def elsewhere(self) -> bool:
        """On another host, or perhaps."""
        return self.scheme != _SOCKET and any(place.hostname not in LOOPBACK for place in self._places)

    @property
    def open(self) -> bool:
        """On another host and without a password: whoever writes to it can wake nodes, which run nothing he sends."""
        return self.elsewhere and not self._credentials[1]

    @property
    def well_known(self) -> bool:
        """On another host, with a password out of an example."""
        return self.elsewhere and unquote(self._credentials[1]).lower() in WELL_KNOWN

    @property
    def encrypted(self) -> bool:
        return self.scheme == "rediss" or (self.scheme == _SENTINEL and bool(self.ca))

    @property
    def tls(self) -> dict[str, Any] | None:
        """In the words of redis-py, and so of Celery's `broker_use_ssl`; None: without."""
        if not self.encrypted:
            return None
        given = {key: value for key, value in self._query.items() if key in _TLS_KEYS}
        ours = {"ssl_ca_certs": self.ca, "ssl_certfile": self.certificate, "ssl_keyfile": self.key}
        given |= {key: value for key, value in ours.items() if value}
        return {**given, "ssl_cert_reqs": "required", "ssl_check_hostname": True}

    @property
    def files(self) -> list[str]:
        """Those that must be there."""
        tls = self.tls or {}
        return [tls[key] for key in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile") if tls.get(key)]

    @property
    def celery_url(self) -> str:
        """For Celery, which takes each Sentinel for a server of its own, with user, password and database."""
        if self.scheme == _SOCKET:
            return self.url
        query = urlencode({key: value for key, value in self._query.items() if key not in _TLS_KEYS})
        rest = f"{self._database}?{query}" if query else self._database
        user, password = self._credentials
        login = f"{user}:{password}@" if user or password else ""
        return ";".join(f"{self.scheme}://{login}{place}/{rest}" for place in self._hosts())

    def _hosts(self) -> list[str]:
        default = f":{_SENTINEL_PORT}" if self.scheme == _SENTINEL else ""
        return [
            f"{f'[{place.hostname}]' if ':' in place.hostname else place.hostname}"
            f"{f':{place.port}' if place.port else default}"
            for place in self._places
        ]

    def transport_options(self, *, timeout_s: float, connect_timeout_s: float) -> dict[str, Any]:
        """Those of kombu that say where the broker is; nothing for a server that is named directly."""
        if self.scheme != _SENTINEL:
            return {}
        return {
            "master_name": self.primary,
            "sentinel_kwargs": {
                "socket_timeout": timeout_s,
                "socket_connect_timeout": connect_timeout_s,
                **self._sentinel_login(),
            },
        }

    def _sentinel_login(self) -> dict[str, Any]:
        login = {"username": self.sentinel_user, "password": self.sentinel_password}
        kept: dict[str, Any] = {key: value for key, value in login.items() if value}
        return {**kept, **({"ssl": True, **self.tls} if self.tls else {})}

    @property
    def limits_url(self) -> str:
        """In the words of the library `limits`."""
        user, password = self._credentials
        login = f"{user}:{password}@" if user or password else ""
        if self.scheme == _SENTINEL:
            return f"redis+sentinel://{login}{','.join(self._hosts())}/{quote(self.primary, safe='')}"
        if self.scheme == _SOCKET:
            return self.url.replace(f"{_SOCKET}:", "redis+unix:")
        return self.celery_url

    @property
    def limits_options(self) -> Mapping[str, Any]:
        """To go with `limits_url`. All keys of ours begin alike, so that a Redis user can be kept to them."""
        options: dict[str, Any] = {"key_prefix": f"{KEY_PREFIX}limits", **(self.tls or {})}
        if self.scheme != _SENTINEL:
            return options
        no_login = {"username": None, "password": None}  # else Sentinels are told those of the Redis
        sentinel = {"use_replicas": False, "sentinel_kwargs": {**no_login, **self._sentinel_login()}}
        return {**options, **({"ssl": True} if self.tls else {}), "db": int(self._database), **sentinel}
