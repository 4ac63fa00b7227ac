"""Does the doctor see what is not well, and does a drill say that a promise was broken?"""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.checks import drill
from app.cli.checks.bench import Trial
from app.cli.checks.place import Place
from app.cli.checks.security import security
from app.cli.client import Client
from app.cli.profile import Profile
from tests.cli.conftest import Flotilla
from tests.cli.fake_server import FakeServer
from tests.cli.shapes import NODE_ID, page

HOLDER = {"id": "a", "name": "node-1", "free": {"cpu": 1, "memory": 10}, "total": {"cpu": 2, "memory": 20}}


@pytest.fixture
def trial(server: FakeServer) -> Trial:
    client = Client(Profile(url=server.url, token="t"))
    return Trial(client=client, place=Place(folder=None), queue="@default", slack_s=1)


def test_two_jobs_for_one_key_are_a_broken_promise(server: FakeServer, trial: Trial) -> None:
    jobs = [{"id": str(number)} for number in range(5)]
    server.on("POST", "/v1/queues/@default/jobs", *jobs, status=201)
    outcome = trial.judge("G3", "once", drill.once)
    assert (outcome.state, outcome.saw) == ("broken", "one Idempotency-Key made 5 jobs")
    keys = {asked.headers["Idempotency-Key"] for asked in server.asked}
    assert len(keys) == 1


def test_a_node_that_has_given_out_too_much_is_a_broken_promise(server: FakeServer, trial: Trial) -> None:
    server.on("GET", "/v1/nodes", page(HOLDER), page({**HOLDER, "free": {"cpu": -1, "memory": 10}}))
    assert trial.judge("G11", "reserved", drill.reserved).state == "held"
    outcome = trial.judge("G11", "reserved", drill.reserved)
    assert (outcome.state, outcome.saw) == ("broken", "node-1 has -1 of 2 cpu free")


def test_progress_that_falls_is_a_broken_promise(server: FakeServer, trial: Trial) -> None:
    server.on("POST", "/v1/queues/@default/jobs", {"id": "j"}, status=201)
    server.on("GET", "/v1/jobs/j/runs", page({"progress": 0.6}), page({"progress": 0.2}))
    server.on("GET", "/v1/jobs/j", {"state": "running"}, {"state": "succeeded"})
    outcome = trial.judge("G13", "progress", drill.progressed)
    assert (outcome.state, outcome.saw) == ("broken", "it went [0.6, 0.2]")


def test_without_a_node_s_token_the_fence_is_not_tried(trial: Trial) -> None:
    assert trial.judge("G4", "fence", drill.fenced).state == "not tried"


def test_the_jobs_of_a_drill_are_canceled_and_deleted(server: FakeServer, trial: Trial) -> None:
    trial.jobs += ["j", "j"]
    server.on("GET", "/v1/jobs/j", {"state": "running"}, {"state": "canceled"})
    server.on("POST", "/v1/jobs/j/cancel", {})
    server.on("DELETE", "/v1/jobs/j", None)
    trial.clear()
    assert [asked.method for asked in server.asked] == ["GET", "POST", "GET", "DELETE"]


def found(server: FakeServer, **environ: str) -> dict[str, Any]:
    client = Client(Profile(url=server.url, token="t"))
    return {one.what: one for one in security(client, Place(folder=None, environ=environ))}


def test_what_is_open_is_said(server: FakeServer) -> None:
    token = {"id": NODE_ID, "name": "old", "role": "admin", "expiresAt": None, "revokedAt": None}
    server.on("GET", "/v1/queues", page())
    server.on("GET", "/metrics", {})
    server.on("GET", "/login", {})
    server.on("GET", "/healthz", {})
    server.on("GET", "/v1/tokens", page(token))
    server.on("GET", "/v1/audit", page())
    seen = found(
        server,
        FLOTILLA_DATABASE_URL="postgresql+psycopg://u:p@db.example/flotilla",
        FLOTILLA_BROKER_URL="redis://broker.invalid:6379/0",
        FLOTILLA_OPEN_BROKER="1",
    )
    wrong = {what for what, one in seen.items() if one.well is False}
    assert wrong == {
        *("anonymous role", "metrics", "CSP", "nosniff", "Host header"),
        *("TLS, database", "TLS, broker", "broker's password"),
    }
    assert "never expire: old" in seen["tokens"].saw
    assert all(seen[what].remedy for what in ("anonymous role", "TLS, database", "TLS, broker", "Host header"))
    assert json.dumps([one.saw for one in seen.values()]).count("u:p") == 0


def test_what_is_not_known_from_here_is_said_too(server: FakeServer) -> None:
    seen = found(server)
    assert seen["servers' settings"].well is None
    assert seen["audit"].saw == "unknown from here"


def test_a_data_folder_that_is_not_there_is_said(flotilla: Flotilla, tmp_path: Path) -> None:
    said = flotilla("doctor", "--data", str(tmp_path / "none"))
    assert (said.code, "there is no data folder" in said.err) == (2, True)


def test_a_database_that_is_too_old_and_a_server_that_is_away(
    flotilla: Flotilla, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOTILLA_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FLOTILLA_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    monkeypatch.setenv("FLOTILLA_BROKER_URL", f"redis+socket://{tmp_path / 'nobody'}")
    said = flotilla("doctor", "-o", "json")
    found = {one["check"]: one for one in json.loads(said.out)}
    assert said.code == 1
    assert {what for what, one in found.items() if not one["ok"]} >= {"server", "database", "broker"}
    assert "flotilla db upgrade" in found["database"]["saw"]
