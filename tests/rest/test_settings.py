"""Settings are read once, and what cannot be used is named by its key."""

from pathlib import Path

import pytest

from app.config import TABLE, SettingError, Settings
from app.services.core import FAST, PRODUCTION

LEAST = {"FLOTILLA_DATABASE_URL": "sqlite:////tmp/x.db", "FLOTILLA_BROKER_URL": "redis+socket:///tmp/x"}


def test_two_settings_are_enough() -> None:
    settings = Settings.from_environ(LEAST)
    assert (settings.host, settings.port, settings.threads, settings.anonymous_role) == ("127.0.0.1", 8080, 16, "")
    assert (settings.handoff, settings.max_bundle, settings.clockwork) == (True, 64, PRODUCTION)
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
        ("FLOTILLA_MAX_BUNDLE", "65"),
        ("FLOTILLA_CLOCKWORK", "slow"),
        ("FLOTILLA_ASSETS_URL", "ftp://x/y"),
        ("FLOTILLA_ASSETS_URL", "file://host/y"),
        ("FLOTILLA_MAX_ASSET_MB", "0"),
        ("FLOTILLA_KEEP_UPLOADS_DAYS", "-1"),
        ("FLOTILLA_ANONYMOUS_ROLE", "root"),
        ("FLOTILLA_ANONYMOUS_ROLE", "run"),
        ("FLOTILLA_RATE_STORAGE", "disk"),
        ("FLOTILLA_LOG_LEVEL", "loud"),
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
    assert Settings.from_environ({**environ, "FLOTILLA_OPEN_BROKER": "1"}).broker_is_open
    assert not Settings.from_environ({**LEAST, "FLOTILLA_BROKER_URL": "redis://:secret@broker/0"}).broker_is_open
    for near in ("redis://127.0.0.1:6379/0", "redis://localhost/0", "redis://[::1]:6379/0"):
        assert not Settings.from_environ({**LEAST, "FLOTILLA_BROKER_URL": near}).broker_is_open


@pytest.mark.parametrize("rate", ["x", "-1/second", "5/fortnight", "5000", "0/second", "1/second;2/minute"])
def test_a_rate_has_a_form(rate: str) -> None:
    with pytest.raises(SettingError, match="FLOTILLA_RATE_LIMIT must be as 5000/second"):
        Settings.from_environ({**LEAST, "FLOTILLA_RATE_LIMIT": rate})


def test_rates_are_counted_here_or_in_the_broker() -> None:
    assert Settings.from_environ(LEAST).rate_storage_url == "flotilla://"
    assert Settings.from_environ({**LEAST, "FLOTILLA_RATE_LIMIT": "0"}).rate_limit == ""
    shared = {"FLOTILLA_RATE_STORAGE": "broker"}
    assert Settings.from_environ({**LEAST, **shared}).rate_storage_url == "redis+unix:///tmp/x"
    url = {"FLOTILLA_BROKER_URL": "redis://127.0.0.1:6379/0"}
    assert Settings.from_environ({**LEAST, **shared, **url}).rate_storage_url == url["FLOTILLA_BROKER_URL"]


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
