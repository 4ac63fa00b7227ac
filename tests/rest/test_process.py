"""The web process as it is started: its database, its checks, when it refuses to listen, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from app import bootstrap, main
from app.adapters import sql
from app.adapters.system_chance import SystemChance
from app.config import SettingError, Settings
from app.services import access
from tests.wait import wait_until

NO_BROKER = "redis+socket:///nowhere/at/all"


def settings_of(folder: Path, **more: str) -> Settings:
    url = f"sqlite:///{folder / 'flotilla.db'}"
    return Settings.from_environ({"FLOTILLA_DATABASE_URL": url, "FLOTILLA_BROKER_URL": NO_BROKER, **more})


def test_an_empty_sqlite_database_is_set_up_and_used_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    bootstrap.core(settings).store.close()
    assert sql.current(settings.database_url) == sql.head()
    bootstrap.core(settings).store.close()


def test_without_the_flag_an_empty_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="flotilla db upgrade"):
        bootstrap.core(settings_of(tmp_path, FLOTILLA_DATABASE_SETUP="0"))


def test_off_loopback_it_needs_tokens_and_no_anonymous_role(tmp_path: Path) -> None:
    open_ = settings_of(tmp_path, FLOTILLA_HOST="0.0.0.0")
    core = bootstrap.core(open_)
    assert "no token exists" in (main.refusal(core, open_) or "")
    access.create_token(core, org_id=access.ORG, name="a", role="admin")
    assert main.refusal(core, open_) is None
    anybody = settings_of(tmp_path, FLOTILLA_HOST="0.0.0.0", FLOTILLA_ANONYMOUS_ROLE="viewer")
    assert "FLOTILLA_ANONYMOUS_ROLE" in (main.refusal(core, anybody) or "")
    assert main.refusal(core, settings_of(tmp_path, FLOTILLA_ANONYMOUS_ROLE="admin")) is None
    core.store.close()


def test_off_loopback_nobody_is_shown_errors(tmp_path: Path) -> None:
    refused = start(tmp_path, {"FLOTILLA_HOST": "0.0.0.0", "FLASK_DEBUG": "1"})
    _, said = refused.communicate(timeout=120)
    assert refused.returncode == 2
    assert "unset FLASK_DEBUG" in said


def test_on_loopback_other_hosts_are_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    core = bootstrap.core(settings)
    client = main.create_app(core, settings).test_client()
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"Host": "127.0.0.1:8080"}).status_code == 200
    core.store.close()


def test_ready_names_each_part(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    core = bootstrap.core(settings)
    answer = main.create_app(core, settings).test_client().get("/readyz")
    checks = {name: part["status"] for name, part in answer.json["checks"].items()}
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert checks == {"database": "ok", "broker": "failed", "migrations": "ok"}
    assert answer.headers["Retry-After"] == "2"
    core.store.close()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    started = start(tmp_path, {})
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        assert started.stdout
        assert started.stderr
        started.stdout.close()
        started.stderr.close()


def start(folder: Path, more: Mapping[str, str]) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        "FLOTILLA_DATABASE_URL": f"sqlite:///{folder / 'flotilla.db'}",
        "FLOTILLA_BROKER_URL": NO_BROKER,
        "FLOTILLA_PORT": "0",
        **more,
    }
    command = [sys.executable, "-m", "app.main"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_it_serves_and_ends_on_sigterm(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    said = json.loads(process.stdout.readline())
    assert said["event"] == "listening"
    host, port = said["addresses"][0]
    answer = requests.get(f"http://{host}:{port}/healthz", timeout=5)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: process.poll() is not None)
    assert process.returncode == 0
    assert json.loads(process.stdout.read().splitlines()[-1])["event"] == "ended"


def test_a_bad_setting_is_one_line(tmp_path: Path) -> None:
    refused = start(tmp_path, {"FLOTILLA_PORT": "http"})
    _, said = refused.communicate(timeout=120)
    assert refused.returncode == 2
    assert said.splitlines() == ["FLOTILLA_PORT must be a whole number from 0 to 65535, not 'http'"]


def test_open_to_the_network_without_tokens_it_does_not_start(tmp_path: Path) -> None:
    refused = start(tmp_path, {"FLOTILLA_HOST": "0.0.0.0"})
    _, said = refused.communicate(timeout=120)
    assert refused.returncode == 2
    assert len(said.splitlines()) == 1
    assert "no token exists" in said


def test_ids_sort_as_they_were_made() -> None:
    chance = SystemChance()
    batch = chance.new_ids(1_795_204_000_123_456, 1000)
    assert batch == sorted(batch)
    assert len({*batch}) == 1000
    assert chance.new_id(1_795_204_000_123_999) > chance.new_id(1_795_204_000_123_456)
    assert chance.new_id(1_795_204_000_123_456)[14] == "7"
    assert len(chance.secret()) == 43
