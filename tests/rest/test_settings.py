"""Settings are read once, and what cannot be used is named by its key."""

import sys
from pathlib import Path

import pytest

from app import bootstrap
from app.config import TABLE, SettingError, Settings
from app.services.core import FAST, PRODUCTION

PROVIDER = {"FLOTILLA_OIDC_ISSUER": "https://id.example", "FLOTILLA_OIDC_CLIENT_ID": "flotilla"}
LEAST = {"FLOTILLA_DATABASE_URL": "sqlite:////tmp/x.db", "FLOTILLA_BROKER_URL": "redis+socket:///tmp/x"}


def test_two_settings_are_enough() -> None:
    settings = Settings.from_environ(LEAST)
    assert (settings.host, settings.port, settings.threads, settings.anonymous_role) == ("127.0.0.1", 8080, 16, "")
    assert (settings.handoff, settings.max_bundle, settings.clockwork) == (True, 128, PRODUCTION)
    assert settings.on_loopback


def test_all_can_be_set() -> None:
    settings = Settings.from_environ(
        {
            **LEAST,
            "FLOTILLA_HOST": "0.0.0.0",
            "FLOTILLA_HANDOFF": "0",
            "FLOTILLA_MAX_BUNDLE": "1",
            "FLOTILLA_CLOCKWORK": "fast",
            "FLOTILLA_ANONYMOUS_ROLE": "admin",
            "FLOTILLA_ALLOWED_HOSTS": "a.example, b.example",
        }
    )
    assert (settings.handoff, settings.max_bundle, settings.clockwork) == (False, 1, FAST)
    assert (settings.anonymous_role, settings.allowed_hosts) == ("admin", ("a.example", "b.example"))
    assert not settings.on_loopback


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("FLOTILLA_DATABASE_URL", ""),
        ("FLOTILLA_DATABASE_URL", "mysql://x"),
        ("FLOTILLA_BROKER_URL", "amqp://x"),
        ("FLOTILLA_PORT", "http"),
        ("FLOTILLA_PORT", "65536"),
        ("FLOTILLA_PORT", "-1"),
        ("FLOTILLA_THREADS", "0"),
        ("FLOTILLA_HANDOFF", "yes"),
        ("FLOTILLA_MAX_BUNDLE", "129"),
        ("FLOTILLA_CLOCKWORK", "slow"),
        ("FLOTILLA_ASSETS_URL", "ftp://x/y"),
        ("FLOTILLA_ASSETS_URL", "file://host/y"),
        ("FLOTILLA_MAX_ASSET_MB", "0"),
        ("FLOTILLA_KEEP_UPLOADS_DAYS", "-1"),
        ("FLOTILLA_ANONYMOUS_ROLE", "root"),
        ("FLOTILLA_ANONYMOUS_ROLE", "run"),
        ("FLOTILLA_RATE_STORAGE", "disk"),
        ("FLOTILLA_LOG_LEVEL", "loud"),
        ("FLOTILLA_OIDC_ISSUER", "http://id.example"),
        ("FLOTILLA_OIDC_ISSUER", "id.example"),
        ("FLOTILLA_OIDC_ROLES", "ops"),
        ("FLOTILLA_OIDC_ROLES", "ops=root"),
        ("FLOTILLA_OIDC_ROLES", "=admin"),
        ("FLOTILLA_OIDC_DEFAULT_ROLE", "root"),
        ("FLOTILLA_OIDC_REDIRECT_URL", "/login"),
    ],
)
def test_a_bad_value_is_named_by_its_key(key: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{key} "):
        Settings.from_environ({**LEAST, key: value})


@pytest.mark.parametrize("url", ["redis://broker.example:6379/0", "rediss://10.0.0.7/0", "redis://user@broker/0"])
def test_a_broker_elsewhere_has_a_password(url: str) -> None:
    environ = {**LEAST, "FLOTILLA_BROKER_URL": url}
    with pytest.raises(SettingError, match="FLOTILLA_BROKER_URL names a broker on another host and has no password"):
        Settings.from_environ(environ)
    assert Settings.from_environ({**environ, "FLOTILLA_OPEN_BROKER": "1"}).broker.open
    assert not Settings.from_environ({**LEAST, "FLOTILLA_BROKER_URL": "redis://:secret@broker/0"}).broker.open
    for near in ("redis://127.0.0.1:6379/0", "redis://localhost/0", "redis://[::1]:6379/0"):
        assert not Settings.from_environ({**LEAST, "FLOTILLA_BROKER_URL": near}).broker.open


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("FLOTILLA_BROKER_URL", "redis://:changeme@broker/0"),
        ("FLOTILLA_DATABASE_URL", "postgresql+psycopg://flotilla:postgres@db.example/flotilla"),
    ],
)
def test_a_password_out_of_an_example_is_refused_off_this_host(key: str, url: str) -> None:
    with pytest.raises(SettingError, match=f"{key} names a server on another host with a password that stands in"):
        Settings.from_environ({**LEAST, key: url})
    near = url.replace("@broker", "@127.0.0.1").replace("@db.example", "@localhost")
    Settings.from_environ({**LEAST, key: near})


def test_a_file_of_tls_that_is_not_there_is_named() -> None:
    environ = {**LEAST, "FLOTILLA_BROKER_URL": "rediss://:x@h", "FLOTILLA_BROKER_CA": "/none/ca.pem"}
    with pytest.raises(SettingError, match=r"FLOTILLA_BROKER_CA.*'/none/ca\.pem', which is no file"):
        Settings.from_environ(environ)
    with pytest.raises(SettingError, match="together with its key"):
        Settings.from_environ({**environ, "FLOTILLA_BROKER_CA": "", "FLOTILLA_BROKER_CERT": "/c"})


@pytest.mark.parametrize("rate", ["x", "-1/second", "5/fortnight", "5000", "0/second", "1/second;2/minute"])
def test_a_rate_has_a_form(rate: str) -> None:
    with pytest.raises(SettingError, match="FLOTILLA_RATE_LIMIT must be as 5000/second"):
        Settings.from_environ({**LEAST, "FLOTILLA_RATE_LIMIT": rate})


def test_rates_are_counted_here_or_in_the_broker() -> None:
    assert Settings.from_environ(LEAST).rate_counts == ("flotilla://", {})
    assert Settings.from_environ({**LEAST, "FLOTILLA_RATE_LIMIT": "0"}).rate_limit == ""
    shared = {"FLOTILLA_RATE_STORAGE": "broker"}
    assert Settings.from_environ({**LEAST, **shared}).rate_counts[0] == "redis+unix:///tmp/x"
    url = {"FLOTILLA_BROKER_URL": "redis://127.0.0.1:6379/0"}
    assert Settings.from_environ({**LEAST, **shared, **url}).rate_counts[0] == "redis://127.0.0.1:6379/0"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"FLOTILLA_OIDC_CLIENT_ID": "x"}, "FLOTILLA_OIDC_ISSUER is not set"),
        ({"FLOTILLA_OIDC_AUDIENCE": "x"}, "FLOTILLA_OIDC_ISSUER is not set"),
        ({"FLOTILLA_OIDC_ISSUER": "https://id.example"}, "neither FLOTILLA_OIDC_CLIENT_ID"),
        ({**PROVIDER, "FLOTILLA_OIDC_DEFAULT_ROLE": "none"}, "FLOTILLA_OIDC_ROLES names no role"),
        ({**PROVIDER, "FLOTILLA_OIDC_SCOPES": "email"}, "must have openid"),
    ],
)
def test_a_provider_that_would_let_nobody_in_is_said_at_start(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        Settings.from_environ({**LEAST, **environ})


def test_a_provider_is_set_by_a_few_keys(tmp_path: Path) -> None:
    secret = tmp_path / "client"
    secret.write_text("hush\n")
    settings = Settings.from_environ(
        {
            **LEAST,
            **PROVIDER,
            "FLOTILLA_OIDC_CLIENT_SECRET_FILE": str(secret),
            "FLOTILLA_OIDC_ROLES": "a=b=admin, staff=member",
            "FLOTILLA_OIDC_DEFAULT_ROLE": "none",
        }
    )
    assert settings.oidc_client_secret == "hush"
    assert settings.admission.roles == (("a=b", "admin"), ("staff", "member"))
    assert settings.admission.default_role == ""
    provider = bootstrap.open_provider(settings)
    assert provider
    assert (provider.name, provider.for_browsers) == ("id.example", True)
    assert bootstrap.open_provider(Settings.from_environ(LEAST)) is None


def test_without_the_extra_a_provider_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "app.adapters.oidc", None)
    with pytest.raises(SettingError, match=r"needs the extra oidc \(flotilla\[oidc\]\)"):
        bootstrap.open_provider(Settings.from_environ({**LEAST, **PROVIDER}))


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg://u:pw@h/db\n")
    environ = {**LEAST, "FLOTILLA_DATABASE_URL": "", "FLOTILLA_DATABASE_URL_FILE": str(secret)}
    assert Settings.from_environ(environ).database_url == "postgresql+psycopg://u:pw@h/db"
    with pytest.raises(SettingError, match="both set"):
        Settings.from_environ({**LEAST, "FLOTILLA_DATABASE_URL_FILE": str(secret)})
    with pytest.raises(SettingError, match="FLOTILLA_DATABASE_URL_FILE names"):
        Settings.from_environ({**environ, "FLOTILLA_DATABASE_URL_FILE": str(tmp_path / "none")})


def test_a_bad_secret_is_not_shown() -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environ({**LEAST, "FLOTILLA_BROKER_URL": "amqp://user:hunter2@h"})
    assert "hunter2" not in str(caught.value)


def test_the_table_has_each_key_once_with_a_unit() -> None:
    assert len({entry.key for entry in TABLE}) == len(TABLE)
    assert all(entry.unit for entry in TABLE)


def test_stored_files_lie_beside_a_sqlite_database_and_elsewhere_where_one_says() -> None:
    assert Settings.from_environ(LEAST).assets_place == "file:///tmp/assets"
    named = {**LEAST, "FLOTILLA_ASSETS_URL": "s3://bucket/folder"}
    assert Settings.from_environ(named).assets_place == "s3://bucket/folder"
    with pytest.raises(SettingError, match="FLOTILLA_ASSETS_URL is not set"):
        _ = Settings.from_environ({**LEAST, "FLOTILLA_DATABASE_URL": "postgresql+psycopg://x/y"}).assets_place
