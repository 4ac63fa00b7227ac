"""A caller that asks too much is told when to ask again; nobody else notices."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.rest import application
from app.rest.rates import REFUSAL_COST, WRITE_COST
from tests.rest.conftest import NODE_ID, ROOM, SUBMIT, Api, make_api, noop

RATE = 20


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path)
    app = application.build(made.core, rate=f"{RATE}/hour")
    yield Api(app=app, core=made.core, broker=made.broker, tokens=made.tokens)
    made.core.store.close()
    made.broker.close()


def test_one_token_s_flood_is_429_and_others_go_on(limited: Api) -> None:
    job = {"name": "j", "tasks": [noop("a")]}
    answers = [limited.post(SUBMIT, job, as_="member") for _ in range(RATE // WRITE_COST + 3)]
    assert [answer.status_code for answer in answers] == [201] * (RATE // WRITE_COST) + [429] * 3
    refused = answers[-1]
    assert refused.mimetype == "application/problem+json"
    assert refused.json["title"] == "Too many requests"
    assert f"{RATE} per 1 hour" in refused.json["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert limited.get("/v1/jobs", as_="member").status_code == 429, "one budget for all that a token does"
    assert limited.post(SUBMIT, job, as_="admin").status_code == 201
    assert limited.get("/healthz", as_=None).status_code == 200


def test_a_read_costs_less(limited: Api) -> None:
    assert [limited.get("/v1/jobs").status_code for _ in range(RATE + 1)] == [200] * RATE + [429]


def test_guessing_is_slow_and_harms_nobody_at_that_address(limited: Api) -> None:
    wrong = {"Authorization": "Bearer fl_aaaaaaaa_guess"}
    assert REFUSAL_COST > RATE
    assert limited.get("/v1/jobs", as_=None, headers=wrong).status_code == 429
    assert limited.get("/v1/jobs").status_code == 200


def test_nodes_are_not_counted(limited: Api) -> None:
    limited.join()
    claim = {"claimId": "c", "runIds": [], "free": ROOM}
    for header in ({}, {"X-Request-Id": "by-the-slow-lane"}):
        for _ in range(RATE + 1):
            answer = limited.post(f"/v1/nodes/{NODE_ID}/claims", claim, as_="node", headers=header)
            assert answer.status_code == 200


def test_an_anonymous_caller_is_counted_by_address(limited: Api) -> None:
    client = application.build(limited.core, anonymous_role="viewer", rate="3/hour").test_client()
    assert [client.get("/v1/jobs").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.get("/v1/jobs", environ_overrides={"REMOTE_ADDR": "10.0.0.9"}).status_code == 200
