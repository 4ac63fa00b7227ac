"""A machine becomes a node by one token, is told the broker there is for it, and is understood or turned away."""

from dataclasses import replace
from typing import Any

import pytest

from app.rest import application
from app.wire import protocol
from tests.rest.conftest import NODE_ID, ROOM, Api, noop

AFAR = {"REMOTE_ADDR": "192.0.2.7"}
OPEN = "redis://:secret@broker.example:6379/0"
SOCKET = "redis+socket:///run/flotilla/broker.sock"
JOINING = {"nodeId": "n7", "needsBroker": True, "protocol": protocol.PROTOCOL}
NODE: dict[str, Any] = {
    "nodeId": NODE_ID,
    "name": "node-1",
    "pid": 1,
    "total": ROOM,
    "queues": ["*"],
    "tags": [],
    "executors": ["python"],
    "version": "9.9",
    "protocol": protocol.PROTOCOL,
}
BEAT = {"free": ROOM, "held": [], "draining": False, "cpuPercent": 1, "usedMemoryBytes": 5, "idleS": 0.5}


def with_broker(api: Api, url: str) -> Api:
    """The same, where nodes find the broker at `url`."""
    core = replace(api.core, node_broker_url=url)
    return Api(app=application.build(core), core=core, broker=api.broker, tokens=api.tokens)


def ask(api: Api, body: Any, *, path: str = "/v1/nodes/join", as_: str = "join", afar: bool = True) -> Any:
    headers = {"Authorization": f"Bearer {api.tokens[as_]}"}
    return api.client.post(path, json=body, headers=headers, environ_overrides=AFAR if afar else {})


def test_the_broker_is_named_to_whom_it_is_open(api: Api) -> None:
    answer = ask(with_broker(api, OPEN), JOINING)
    assert (answer.status_code, answer.json["brokerUrl"]) == (201, OPEN)


def test_it_is_named_to_those_alone_that_ask(api: Api) -> None:
    answer = ask(with_broker(api, OPEN), {"nodeId": "n7"})
    assert (answer.status_code, answer.json["brokerUrl"]) == (201, None)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (SOCKET, "a socket of the API's own machine"),
        ("redis://127.0.0.1:6379/0", "FLOTILLA_NODE_BROKER_URL"),
        ("redis://:x@localhost/0", "localhost, which is the API's own machine"),
        ("redis://[::1]:6379/0", "::1"),
    ],
)
def test_a_private_broker_is_named_to_nodes_of_its_machine_alone(api: Api, url: str, words: str) -> None:
    private = with_broker(api, url)
    refused = ask(private, JOINING)
    assert refused.status_code == 409
    assert "no broker that other machines reach" in refused.json["detail"]
    assert words in refused.json["detail"]
    assert "FLOTILLA_BROKER_URL=redis://" in refused.json["detail"]
    near = ask(private, JOINING, afar=False)
    assert (near.status_code, near.json["brokerUrl"]) == (201, url), "the join token was not used up"


def test_a_registration_is_told_the_broker_too(api: Api) -> None:
    known = ask(with_broker(api, OPEN), {**NODE, "needsBroker": True}, path="/v1/nodes", as_="node")
    assert known.json["brokerUrl"] == OPEN
    assert "brokerUrl" not in ask(with_broker(api, OPEN), NODE, path="/v1/nodes", as_="node").json
    refused = ask(with_broker(api, SOCKET), {**NODE, "needsBroker": True}, path="/v1/nodes", as_="node")
    assert refused.status_code == 409


@pytest.mark.parametrize("number", range(protocol.OLDEST, protocol.PROTOCOL + 1))
def test_every_protocol_that_is_served_is_served(api: Api, number: int) -> None:
    assert api.post("/v1/nodes", {**NODE, "protocol": number}, as_="node").status_code == 201
    assert api.get(f"/v1/nodes/{NODE_ID}").json["protocol"] == number


def test_a_node_that_tells_none_speaks_the_first(api: Api) -> None:
    told = {key: value for key, value in NODE.items() if key != "protocol"}
    assert api.post("/v1/nodes", told, as_="node").status_code == 201
    assert api.post(f"/v1/nodes/{NODE_ID}/heartbeat", BEAT, as_="node").status_code == 200
    assert api.get(f"/v1/nodes/{NODE_ID}").json["protocol"] == 1


def test_a_newer_node_is_refused_in_words_and_seen(api: Api) -> None:
    job = api.submit(noop("waits"))
    newer = {"nodeId": NODE_ID, "name": "node-1", "version": "9.9", "protocol": 99, "shape": "unheard of"}
    refused = api.post("/v1/nodes", newer, as_="node")
    assert refused.status_code == 409
    assert refused.json["errors"] == [{"pointer": "/protocol", "detail": "not served here"}]
    assert "upgrade the API first" in refused.json["detail"]
    (node,) = api.get("/v1/nodes").json["items"]
    assert (node["name"], node["state"], node["version"], node["protocol"]) == ("node-1", "offline", "9.9", 99)
    assert "upgrade the API first" in node["warnings"][0]
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    (reason,) = api.get(f"/v1/tasks/{task['id']}/explain").json["reasons"]
    assert reason["code"] == "nodes_refused"
    assert "node-1 spoke and was refused" in reason["message"]


def test_an_older_node_is_told_to_upgrade_and_its_runs_go_elsewhere(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.join()
    api.submit(noop("held"))
    (spec,) = api.claim()
    monkeypatch.setattr(protocol, "OLDEST", 2)
    refused = api.post("/v1/nodes", {**NODE, "protocol": 1}, as_="node")
    assert refused.status_code == 409
    assert "upgrade the node" in refused.json["detail"]
    assert api.get(f"/v1/runs/{spec['runId']}").json["state"] == "lost"
    assert api.post("/v1/nodes", NODE, as_="node").status_code == 201, "upgraded"
    node = api.get(f"/v1/nodes/{NODE_ID}").json
    assert (node["state"], node["warnings"]) == ("online", [])


def test_a_heartbeat_is_refused_as_well(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.join()
    monkeypatch.setattr(protocol, "OLDEST", 2)
    for headers in ({}, {"X-Request-Id": "the slow lane"}):
        refused = api.post(f"/v1/nodes/{NODE_ID}/heartbeat", {"protocol": 1}, as_="node", headers=headers)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (409, "/protocol")
    assert "refused" in api.get(f"/v1/nodes/{NODE_ID}").json["warnings"][0]


def test_a_join_of_another_protocol_does_not_use_the_token_up(api: Api) -> None:
    served = with_broker(api, OPEN)
    refused = ask(served, {**JOINING, "protocol": 99})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (409, "/protocol")
    assert ask(served, JOINING).status_code == 201


@pytest.mark.parametrize(("skew_ms", "warns"), [(None, False), (-4900, False), (5100, True), (-3_600_000, True)])
def test_a_clock_that_is_off_is_shown(api: Api, skew_ms: int | None, warns: bool) -> None:
    api.join()
    said = {**BEAT, "clockSkewMs": skew_ms, "protocol": protocol.PROTOCOL}
    assert api.post(f"/v1/nodes/{NODE_ID}/heartbeat", said, as_="node").status_code == 200
    node = api.get(f"/v1/nodes/{NODE_ID}").json
    assert node["clockSkewSeconds"] == (None if skew_ms is None else skew_ms / 1000)
    assert bool(node["warnings"]) is warns
    assert node["state"] == "online", "nothing else follows from it"


def test_what_is_reserved_is_shown(api: Api) -> None:
    api.join()
    said = {**BEAT, "free": {"cpuMilli": 2500, "memoryMib": 96}}
    api.post(f"/v1/nodes/{NODE_ID}/heartbeat", said, as_="node")
    assert api.get(f"/v1/nodes/{NODE_ID}").json["reserved"] == {"cpu": 1.5, "memory": 4000}
