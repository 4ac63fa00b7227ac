"""Queues over HTTP: shown, paused, resumed, limited; what is wrong is said and changes nothing."""

from typing import Any

import pytest

from tests.rest.conftest import Api, noop

QUEUE = "/v1/queues/%40default"


def test_a_queue_is_operated(api: Api) -> None:
    api.join()
    job = api.submit(*[noop(f"t{number}") for number in range(40)])
    queue = api.get(QUEUE).json
    assert (queue["paused"], queue["maxRunning"], queue["maxStartsPerMinute"]) == (False, None, None)
    assert queue["depth"] == 40
    assert queue["oldestAt"] == job["createdAt"]
    assert queue["perMinuteIn"] > 1
    assert [node["takesWork"] for node in queue["nodes"]] == [True]
    assert api.get("/v1/queues").json["items"][0].keys() == queue.keys()
    paused = api.post(f"{QUEUE}/pause").json
    assert paused["paused"] is True
    assert paused["counts"]["queued"] == 0
    resumed = api.post(f"{QUEUE}/resume").json
    assert resumed["paused"] is False
    assert resumed["counts"]["queued"] > 2
    limited = api.send("PATCH", QUEUE, {"maxRunning": 2}).json
    assert (limited["maxRunning"], limited["counts"]["queued"]) == (2, 2)
    both = api.send("PATCH", QUEUE, {"maxStartsPerMinute": 90, "paused": True}).json
    assert (both["maxRunning"], both["maxStartsPerMinute"], both["paused"]) == (2, 90, True)
    free = api.send("PATCH", QUEUE, {"maxRunning": None, "maxStartsPerMinute": None, "paused": False}).json
    assert (free["maxRunning"], free["maxStartsPerMinute"], free["paused"]) == (None, None, False)


BAD: list[Any] = [
    {"maxRunning": 0}, {"maxRunning": -1}, {"maxRunning": "3"}, {"maxRunning": 1.5}, {"maxRunning": True},
    {"maxRunning": 10**7}, {"maxStartsPerMinute": 0}, {"paused": 1}, {"paused": None}, {"limit": 3}, [], "x",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=repr)
def test_a_bad_change_is_422_and_names_the_field(shared: Api, body: Any) -> None:
    shared.submit(noop("a"))
    answer = shared.send("PATCH", QUEUE, body)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    if isinstance(body, dict):
        assert [error["pointer"] for error in answer.json["errors"]] == [f"/{next(iter(body))}"]


def test_an_absent_queue_says_where_queues_come_from(shared: Api) -> None:
    for answer in (
        shared.get("/v1/queues/none"),
        shared.send("PATCH", "/v1/queues/none", {"paused": True}),
        shared.post("/v1/queues/none/pause"),
    ):
        assert answer.status_code == 404
        assert "first job" in answer.json["detail"]
