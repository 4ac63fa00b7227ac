"""Which settings are there for the web process and the engine? One table: key, default, unit, check.

The environment is handed in, read once, and frozen; nothing below this module reads it. A secret may be given as
`KEY_FILE`, the path of a file that holds it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from app.domain.admission import AdmissionRules
from app.services.access import USER_ROLES
from app.services.core import FAST, PRODUCTION, Clockwork
from app.wire.addresses import ALLOW_VARIABLE, PLAIN_VARIABLE, PORTS_VARIABLE, Gate
from app.wire.broker import FORMS, LOOPBACK, WELL_KNOWN, Broker
from app.wire.claim import MAX_BUNDLE

CLOCKWORKS: Final = {"production": PRODUCTION, "fast": FAST}
DIALECTS: Final = ("flow", "threekit", "metafold", "alteryx")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_SQLITE: Final = "sqlite:///"
ALIVE_VARIABLE: Final = "FLOTILLA_ALIVE_FILE"
_EXAMPLE: Final = "names a server on another host with a password that stands in examples; set one of your own"


class SettingError(ValueError):
    """A setting that cannot be used. The message names its key and says what is allowed."""


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return read


def _switch(text: str) -> bool:
    return _one_of("0", "1")(text) == "1"


def _clockwork(text: str) -> Clockwork:
    return CLOCKWORKS[_one_of(*CLOCKWORKS)(text)]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _dialects(text: str) -> tuple[str, ...]:
    read = _one_of("none", *DIALECTS)
    return tuple(read(word) for word in _words(text) if word != "none")


def _rate(text: str) -> str:
    if text == "0":
        return ""
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour)", text):
        raise ValueError("must be as 5000/second, 100000/minute, 1000000/hour, or 0")
    return text


def _url(*schemes: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text.startswith(schemes):
            raise ValueError(f"must begin with one of {', '.join(schemes)}")
        return text

    return read


def _checked(check: Callable[[str], object]) -> Callable[[str], str]:
    def read(text: str) -> str:
        check(text)
        return text

    return read


def _url_or_none(*schemes: str) -> Callable[[str], str]:
    read = _url(*schemes)
    return lambda text: read(text) if text else ""


def _text(text: str) -> str:
    return text


def _issuer(text: str) -> str:
    """An address without TLS is good for a provider on this machine alone."""
    parts = urlsplit(text)
    if not text or parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return text
    raise ValueError("must be an https:// address, or http:// on this machine")


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [(value.strip(), role.strip()) for value, _, role in (word.rpartition("=") for word in _words(text))]
    if any(not value or role not in USER_ROLES for value, role in pairs):
        raise ValueError(f"must be as value=role,value=role, with the roles {', '.join(USER_ROLES)}")
    return tuple(pairs)


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,40}", text):
        raise ValueError("must be 1 to 40 letters, digits and hyphens")
    return text


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table. `unit` is what the value counts, or what it means. No default: it must be set."""

    key: str
    default: str | None
    unit: str
    read: Callable[[str], Any]  # Any: each row has a type of its own
    secret: bool = False


def _row(
    key: str, default: str | None, unit: str, read: Callable[[str], Any], *, secret: bool = False
) -> Any:  # Any, as dataclasses.field itself
    return field(metadata={"entry": Entry(key, default, unit, read, secret)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An empty text is the same as a key that is not set."""

    database_url: str = _row(
        "FLOTILLA_DATABASE_URL",
        None,
        "sqlite:////absolute/path or postgresql+psycopg://...",
        _url("sqlite:///", "postgresql+psycopg://"),
        secret=True,
    )
    database_setup: bool = _row("FLOTILLA_DATABASE_SETUP", "1", "1: set up an empty SQLite database at start", _switch)
    database_wait_s: int = _row(
        "FLOTILLA_DATABASE_WAIT_S", "60", "seconds that a start waits for a database that is away", _whole(0, 86400)
    )
    database_pool: int = _row(
        "FLOTILLA_DATABASE_POOL",
        "0",
        "connections to PostgreSQL that a process keeps; 0: FLOTILLA_THREADS and 4 more",
        _whole(0, 1000),
    )
    database_pool_extra: int = _row(
        "FLOTILLA_DATABASE_POOL_EXTRA",
        "4",
        "connections that it may open beyond them when all are in use",
        _whole(0, 1000),
    )
    database_pool_wait_s: int = _row(
        "FLOTILLA_DATABASE_POOL_WAIT_S", "10", "seconds that a request waits for a connection", _whole(1, 600)
    )
    broker_url: str = _row(
        "FLOTILLA_BROKER_URL",
        None,
        FORMS,
        _checked(lambda text: Broker(url=text)),
        secret=True,
    )
    broker_ca: str = _row(
        "FLOTILLA_BROKER_CA", "", "PEM file of the CA of the broker's certificate; empty: the system's", _text
    )
    broker_cert: str = _row("FLOTILLA_BROKER_CERT", "", "PEM file of our certificate for the broker, if it asks", _text)
    broker_key: str = _row("FLOTILLA_BROKER_KEY", "", "PEM file of that certificate's key", _text)
    sentinel_primary: str = _row(
        "FLOTILLA_SENTINEL_PRIMARY", "mymaster", "what Sentinels call the Redis that is written to", _text
    )
    sentinel_user: str = _row("FLOTILLA_SENTINEL_USER", "", "user at the Sentinels, if they ask", _text)
    sentinel_password: str = _row("FLOTILLA_SENTINEL_PASSWORD", "", "password at the Sentinels", _text, secret=True)
    node_broker_url: str = _row(
        "FLOTILLA_NODE_BROKER_URL",
        "",
        "the broker as nodes on other machines reach it, where that differs; empty: FLOTILLA_BROKER_URL",
        _checked(lambda text: Broker(url=text) if text else None),
        secret=True,
    )
    open_broker: bool = _row("FLOTILLA_OPEN_BROKER", "0", "1: a broker on another host may have no password", _switch)
    host: str = _row("FLOTILLA_HOST", "127.0.0.1", "address to listen on", _text)
    port: int = _row("FLOTILLA_PORT", "8080", "TCP port; 0 takes a free one", _whole(0, 65535))
    threads: int = _row("FLOTILLA_THREADS", "16", "requests answered at the same time", _whole(1, 512))
    streams: int = _row(
        "FLOTILLA_STREAMS", "256", "live streams at the same time, which hold no threads", _whole(0, 4096)
    )
    allowed_hosts: tuple[str, ...] = _row(
        "FLOTILLA_ALLOWED_HOSTS", "", "Host headers that are answered, with commas; empty: any off loopback", _words
    )
    anonymous_role: str = _row(
        "FLOTILLA_ANONYMOUS_ROLE", "", "role of requests without a token; empty: none", _one_of("", *USER_ROLES, "node")
    )
    dialects: tuple[str, ...] = _row(
        "FLOTILLA_DIALECTS", ",".join(DIALECTS), "dialects that are served, with commas; none: no dialect", _dialects
    )
    assets_url: str = _row(
        "FLOTILLA_ASSETS_URL",
        "",
        "file:///folder, s3://bucket/folder or gs://bucket/folder for stored files; empty: assets beside SQLite's file",
        _url_or_none("file:///", "s3://", "gs://"),
    )
    max_asset_mb: int = _row(
        "FLOTILLA_MAX_ASSET_MB", "10240", "MB (2^20 bytes) of one stored file", _whole(1, 5_000_000)
    )
    keep_uploads_days: int = _row(
        "FLOTILLA_KEEP_UPLOADS_DAYS", "0", "days that an uploaded file is kept; 0: for ever", _whole(0, 36500)
    )
    keep_jobs_days: int = _row(
        "FLOTILLA_KEEP_JOBS_DAYS", "0", "days that an ended job is kept; 0: for ever", _whole(0, 36500)
    )
    keep_jobs: int = _row(
        "FLOTILLA_KEEP_JOBS",
        "0",
        "ended jobs kept of each organization, the newest; 0: all",
        _whole(0, 10**9 - 1),
    )
    archive_url: str = _row(
        "FLOTILLA_ARCHIVE_URL",
        "",
        "file:///folder, s3://... or gs://... where ended jobs are written before they go; empty: nowhere",
        _url_or_none("file:///", "s3://", "gs://"),
    )
    archive_messages: bool = _row(
        "FLOTILLA_ARCHIVE_MESSAGES", "1", "1: what runs said is archived with their job", _switch
    )
    fetch_allow: str = _row(
        ALLOW_VARIABLE,
        "",
        "hosts, *.domains, addresses and networks that may be fetched from though not public, with commas",
        _checked(lambda text: Gate.parse(allow=text)),
    )
    fetch_ports: str = _row(
        PORTS_VARIABLE,
        "",
        "ports to fetch from besides the usual, with commas",
        _checked(lambda text: Gate.parse(ports=text)),
    )
    fetch_http: bool = _row(PLAIN_VARIABLE, "1", "1: http is fetched, too, and not https alone", _switch)
    webhook_hours: int = _row(
        "FLOTILLA_WEBHOOK_HOURS", "24", "hours that a webhook is tried again; 0: once", _whole(0, 24)
    )
    alive_file: str = _row(
        ALIVE_VARIABLE, "", "a file that is touched again and again, for `flotilla healthcheck`; empty: none", _text
    )
    metrics_port: int = _row(
        "FLOTILLA_METRICS_PORT", "0", "TCP port for /metrics without a token; 0: none", _whole(0, 65535)
    )
    rate_limit: str = _row(
        "FLOTILLA_RATE_LIMIT", "5000/second", "requests of one token, a write counts as 5; 0: no limit", _rate
    )
    rate_storage: str = _row(
        "FLOTILLA_RATE_STORAGE",
        "memory",
        "where they are counted: memory, or broker for all web processes",
        _one_of("memory", "broker"),
    )
    query_tokens: bool = _row(
        "FLOTILLA_QUERY_TOKENS",
        "1",
        "1: below /api/ a token may come in the query, as Threekit's client sends it",
        _switch,
    )
    region: str = _row("FLOTILLA_REGION", "us", "name of the region, for clients of Flow Compute", _name)
    secrets_key: str = _row(
        "FLOTILLA_SECRETS_KEY",
        "",
        "keys that secrets are sealed with, the one for new ones first, with commas; empty: no secrets",
        _text,
        secret=True,
    )
    secrets_key_file: str = _row(
        "FLOTILLA_SECRETS_KEY_FILE", "", "a file that holds them instead, read again when it changes", _text
    )
    oidc_issuer: str = _row(
        "FLOTILLA_OIDC_ISSUER",
        "",
        "identity provider (OpenID Connect) that people come in through, as https://id.example/realms/x; empty: none",
        _issuer,
    )
    oidc_client_id: str = _row(
        "FLOTILLA_OIDC_CLIENT_ID", "", "this installation's name there; empty: no login in browsers", _text
    )
    oidc_client_secret: str = _row(
        "FLOTILLA_OIDC_CLIENT_SECRET", "", "its secret there; empty: a public client", _text, secret=True
    )
    oidc_name: str = _row("FLOTILLA_OIDC_NAME", "", "what the login page calls it; empty: the issuer's host", _text)
    oidc_scopes: tuple[str, ...] = _row(
        "FLOTILLA_OIDC_SCOPES", "openid,email,profile", "scopes that are asked for, with commas", _words
    )
    oidc_redirect_url: str = _row(
        "FLOTILLA_OIDC_REDIRECT_URL",
        "",
        "where it sends browsers back: https://<this dashboard>/login/oidc/callback; empty: where they came from",
        _url_or_none("https://", "http://"),
    )
    oidc_role_claim: str = _row(
        "FLOTILLA_OIDC_ROLE_CLAIM", "groups", "claim with somebody's groups, as groups or realm_access.roles", _text
    )
    oidc_roles: tuple[tuple[str, str], ...] = _row(
        "FLOTILLA_OIDC_ROLES",
        "",
        "roles by group, the first that fits counts, as ops=admin,dev=member; empty: roles are given here",
        _pairs,
    )
    oidc_default_role: str = _row(
        "FLOTILLA_OIDC_DEFAULT_ROLE",
        "viewer",
        "role of who has none of these groups; none: he is refused",
        _one_of("none", *USER_ROLES),
    )
    oidc_groups: tuple[str, ...] = _row(
        "FLOTILLA_OIDC_GROUPS", "", "groups of which one is needed, with commas; empty: any", _words
    )
    oidc_domains: tuple[str, ...] = _row(
        "FLOTILLA_OIDC_DOMAINS", "", "domains of e-mail addresses that are let in, with commas; empty: any", _words
    )
    oidc_organization_claim: str = _row(
        "FLOTILLA_OIDC_ORGANIZATION_CLAIM",
        "",
        "claim with the name or id of somebody's organization; empty: all come into the first one",
        _text,
    )
    oidc_audience: str = _row(
        "FLOTILLA_OIDC_AUDIENCE",
        "",
        "audience of its tokens that programs may send to the API; empty: none may be sent",
        _text,
    )
    handoff: bool = _row("FLOTILLA_HANDOFF", "1", "1: a report's answer may carry next runs", _switch)
    max_bundle: int = _row("FLOTILLA_MAX_BUNDLE", str(MAX_BUNDLE), "runs in one message", _whole(1, MAX_BUNDLE))
    clockwork: Clockwork = _row(  # noqa: RUF009 (makes a field, as the others do)
        "FLOTILLA_CLOCKWORK", "production", "intervals: production or fast", _clockwork
    )
    otel_endpoint: str = _row(
        "FLOTILLA_OTEL_ENDPOINT",
        "",
        "OpenTelemetry collector for spans, as http://localhost:4318; empty: OTEL_EXPORTER_OTLP_ENDPOINT",
        _url_or_none("http://", "https://"),
    )
    otlp_endpoint: str = _row(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "the same, as OpenTelemetry names it; what is no HTTP address is not for us; empty: no spans",
        _text,
    )
    log_level: str = _row("FLOTILLA_LOG_LEVEL", "info", ", ".join(LOG_LEVELS), _one_of(*LOG_LEVELS))

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingError for the first value that cannot be used."""
        settings = cls(**{each.name: _value(each.metadata["entry"], environ) for each in fields(cls)})
        settings._refuse_what_is_open()
        settings.check_oidc()
        return settings

    def _refuse_what_is_open(self) -> None:
        """Raises SettingError."""
        broker = self.broker
        for path in broker.files:
            if not Path(path).is_file():
                raise SettingError(f"FLOTILLA_BROKER_CA, _CERT or _KEY names {path!r}, which is no file")
        if broker.open and not self.open_broker:
            raise SettingError(
                "FLOTILLA_BROKER_URL names a broker on another host and has no password; set one, or "
                "FLOTILLA_OPEN_BROKER=1 where nobody else can reach that broker"
            )
        if broker.well_known:
            raise SettingError(f"FLOTILLA_BROKER_URL {_EXAMPLE}")
        database = urlsplit(self.database_url)
        if (database.hostname or "localhost") not in LOOPBACK and (database.password or "").lower() in WELL_KNOWN:
            raise SettingError(f"FLOTILLA_DATABASE_URL {_EXAMPLE}")

    def check_oidc(self) -> None:
        """Raises SettingError for what lets nobody in, or looks as if it did and does not."""
        if not self.oidc_issuer:
            if self.oidc_client_id or self.oidc_audience:
                raise SettingError("FLOTILLA_OIDC_ISSUER is not set, and other FLOTILLA_OIDC_ settings are")
            return
        if not self.oidc_client_id and not self.oidc_audience:
            raise SettingError(
                "FLOTILLA_OIDC_ISSUER is set and neither FLOTILLA_OIDC_CLIENT_ID, for browsers, nor "
                "FLOTILLA_OIDC_AUDIENCE, for programs"
            )
        if self.oidc_default_role == "none" and not self.oidc_roles:
            raise SettingError(
                "FLOTILLA_OIDC_DEFAULT_ROLE is none and FLOTILLA_OIDC_ROLES names no role: nobody may in"
            )
        if "openid" not in self.oidc_scopes:
            raise SettingError("FLOTILLA_OIDC_SCOPES must have openid among them")

    @property
    def admission(self) -> AdmissionRules:
        return AdmissionRules(
            role_claim=self.oidc_role_claim,
            roles=self.oidc_roles,
            default_role="" if self.oidc_default_role == "none" else self.oidc_default_role,
            organization_claim=self.oidc_organization_claim,
            domains=self.oidc_domains,
            groups=self.oidc_groups,
        )

    @property
    def broker(self) -> Broker:
        """Raises SettingError when what is said of it does not go together."""
        try:
            return Broker(
                url=self.broker_url,
                primary=self.sentinel_primary,
                sentinel_user=self.sentinel_user,
                sentinel_password=self.sentinel_password,
                ca=self.broker_ca,
                certificate=self.broker_cert,
                key=self.broker_key,
            )
        except ValueError as wrong:
            raise SettingError(f"FLOTILLA_BROKER_URL {wrong}") from None

    @property
    def traces_endpoint(self) -> str:
        """Empty where no spans are told."""
        others = self.otlp_endpoint if self.otlp_endpoint.startswith(("http://", "https://")) else ""
        return self.otel_endpoint or others

    @property
    def fetch_gate(self) -> Gate:
        return Gate.parse(allow=self.fetch_allow, ports=self.fetch_ports, plain=self.fetch_http)

    @property
    def rate_counts(self) -> tuple[str, Mapping[str, Any]]:
        """Where requests are counted, and the options to go with it, in the words of Flask-Limiter; `flotilla:` is
        `app.rest.counters`.
        """
        if self.rate_storage == "memory":
            return "flotilla://", {}
        return self.broker.limits_url, self.broker.limits_options

    @property
    def assets_place(self) -> str:
        """The URL of the place for stored files. Raises SettingError when there is none."""
        if self.assets_url:
            return self.assets_url
        if not self.database_url.startswith(_SQLITE):
            raise SettingError("FLOTILLA_ASSETS_URL is not set; with a database server it names the place of all files")
        return f"file://{Path(self.database_url.removeprefix(_SQLITE)).absolute().parent / 'assets'}"

    @property
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK


TABLE: Final[tuple[Entry, ...]] = tuple(each.metadata["entry"] for each in fields(Settings))


def database_url(environ: Mapping[str, str]) -> str:
    """For what needs no other setting. Raises SettingError."""
    (entry,) = (entry for entry in TABLE if entry.key == "FLOTILLA_DATABASE_URL")
    url: str = _value(entry, environ)
    return url


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a setting is, as it may be shown, and where that comes from."""

    entry: Entry
    shown: str
    source: str


def origins(environ: Mapping[str, str]) -> list[Origin]:
    """Of every setting, after `Settings.from_environ` has taken them. Of a secret only its kind is shown."""
    return [_origin(entry, environ) for entry in TABLE]


def _origin(entry: Entry, environ: Mapping[str, str]) -> Origin:
    if entry.secret and environ.get(f"{entry.key}_FILE"):
        return Origin(entry=entry, shown="…", source=f"the file that {entry.key}_FILE names")
    text = environ.get(entry.key, "")
    source = "the environment" if text else "default"
    shown = text or entry.default or ""
    return Origin(entry=entry, shown=f"{shown.partition('://')[0]}://…" if entry.secret else shown, source=source)


def _value(entry: Entry, environ: Mapping[str, str]) -> Any:
    text = environ.get(entry.key, "")
    path = environ.get(f"{entry.key}_FILE", "") if entry.secret else ""
    if text and path:
        raise SettingError(f"{entry.key} and {entry.key}_FILE are both set; set one of them")
    if path:
        text = _read_secret(f"{entry.key}_FILE", path)
    if not text:
        if entry.default is None:
            raise SettingError(f"{entry.key} is not set; it must be {entry.unit}")
        text = entry.default
    try:
        return entry.read(text)
    except ValueError as wrong:
        shown = "" if entry.secret else f", not {text!r}"
        raise SettingError(f"{entry.key} {wrong}{shown}") from None


def _read_secret(key: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingError(f"{key} names {path!r}, which cannot be read: {wrong}") from None
