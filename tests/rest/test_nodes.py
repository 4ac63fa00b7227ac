"""The nodes' protocol over HTTP: the fast lane and Flask's routes say the same."""

from typing import Any

import pytest

from app.services.core import PRODUCTION
from tests.rest.conftest import NODE_ID, ROOM, Api, noop

BEAT = {"free": ROOM, "held": [], "draining": False, "cpuPercent": 1, "usedMemoryBytes": 5, "idleS": 0.5}
NODE = f"/v1/nodes/{NODE_ID}"


def test_a_run_from_claim_to_end(api: Api) -> None:
    api.join()
    job = api.submit(noop("a"))
    (spec,) = api.claim()
    assert (spec["task"], spec["jobId"], spec["executor"], spec["fence"]) == ("a", job["id"], "python", 1)
    report = {"runId": spec["runId"], "fence": 1, "sequence": 1, "ending": {"state": "succeeded", "atUs": 1}}
    answer = api.report(report)
    assert (answer.status_code, answer.json["stale"]) == (200, [])
    assert api.get(f"/v1/jobs/{job['id']}").json["state"] == "succeeded"
    assert api.report(report).status_code == 200, "a repeat changes nothing"


def test_registration_answers_with_the_clockwork(api: Api) -> None:
    node = {
        "nodeId": NODE_ID, "name": "n", "pid": 1, "total": ROOM, "queues": [], "tags": [], "executors": [],
        "version": "1",
    }  # fmt: skip
    answer = api.post("/v1/nodes", node, as_="node")
    assert answer.status_code == 201
    assert set(answer.json) == {"nodeId", "nowUs", "leaseS", "heartbeatS"}
    assert (answer.json["leaseS"], answer.json["heartbeatS"]) == (PRODUCTION.lease_s, PRODUCTION.heartbeat_s)
    assert api.post(f"{NODE}/heartbeat", BEAT, as_="node").json["known"] is True


def test_only_when_all_reports_are_stale_it_is_409(api: Api) -> None:
    api.join()
    api.submit(noop("a"))
    (spec,) = api.claim()
    good = {"runId": spec["runId"], "fence": 1, "sequence": 1, "progress": 0.5}
    old = {"runId": "01a1fa7f-297b-774b-8000-000000000001", "fence": 1, "sequence": 1}
    mixed = api.report(good, old)
    assert (mixed.status_code, mixed.json["stale"]) == (200, [old["runId"]])
    stale = api.report(old)
    assert (stale.status_code, stale.json["stale"]) == (409, [old["runId"]])
    assert stale.mimetype == "application/json"
    assert api.report().status_code == 200, "an empty batch is none of it"


REPORT = {"runId": "a", "fence": 1, "sequence": 1}

BAD: list[tuple[str, Any, str]] = [
    ("claims", {}, "/claimId"),
    ("claims", [], ""),
    ("claims", {"claimId": "c", "runIds": ["a", 7], "free": ROOM}, "/runIds/1"),
    ("claims", {"claimId": "c", "runIds": "a", "free": ROOM}, "/runIds"),
    ("claims", {"claimId": "c", "runIds": [], "free": {"cpuMilli": 1.5, "memoryMib": 1}}, "/free/cpuMilli"),
    ("reports", {"free": ROOM, "reports": [{}]}, "/reports/0/runId"),
    ("reports", {"free": ROOM, "reports": [7]}, "/reports/0"),
    ("reports", {"free": ROOM, "reports": [{"runId": "a", "fence": True, "sequence": 1}]}, "/reports/0/fence"),
    ("reports", {"free": ROOM, "reports": [{**REPORT, "lines": [7]}]}, "/reports/0/lines/0"),
    (
        "reports",
        {"free": ROOM, "reports": [{"runId": "a", "fence": 1, "sequence": 1, "ending": {"state": "x", "atUs": 1}}]},
        "/reports/0/ending/state",
    ),
    ("heartbeat", {"free": ROOM, "held": [{"runId": 1}]}, "/held/0/runId"),
]


@pytest.mark.parametrize(("call", "body", "place"), BAD)
def test_a_message_of_another_form_is_422_with_its_place(api: Api, call: str, body: Any, place: str) -> None:
    answer = api.post(f"{NODE}/{call}", body, as_="node")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json["errors"][0]["pointer"] == place


SAME: list[tuple[str, bytes, dict[str, str]]] = [
    ("heartbeat", b"{}", {}),
    ("claims", b"[", {}),
    ("claims", b'{"a": 1, "a": 2}', {}),
    ("reports", b"{}", {"Content-Type": "text/plain"}),
    ("reports", b"{}", {"Authorization": "Bearer wrong"}),
    ("reports", b"{}", {"Authorization": "Basic x"}),
]


@pytest.mark.parametrize(("call", "raw", "headers"), SAME)
def test_both_lanes_refuse_alike(api: Api, call: str, raw: bytes, headers: dict[str, str]) -> None:
    fast = api.post(f"{NODE}/{call}", raw=raw, as_="node", headers=headers)
    slow = api.post(f"{NODE}/{call}", raw=raw, as_="node", headers={**headers, "X-Request-Id": "mine"})
    assert fast.status_code == slow.status_code >= 400
    assert fast.data == slow.data
    assert {name for name, _ in fast.headers} == {name for name, _ in slow.headers}
    assert slow.headers["X-Request-Id"] == "mine"


def test_both_lanes_answer_alike(api: Api) -> None:
    api.join()
    fast = api.post(f"{NODE}/heartbeat", BEAT, as_="node")
    slow = api.post(f"{NODE}/heartbeat", BEAT, as_="node", headers={"X-Request-Id": "mine"})
    assert {**fast.json, "nowUs": 0} == {**slow.json, "nowUs": 0}
    assert set(dict(slow.headers)) - set(dict(fast.headers)) == {"X-Request-Id"}
    assert fast.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_no_ordinary_request_goes_through_flask(api: Api) -> None:
    assert api.get(f"{NODE}/reports", as_="node").status_code == 405
    assert api.send("OPTIONS", f"{NODE}/reports", as_="node").status_code == 200
    assert api.post(f"{NODE}/claims", {}, as_=None).status_code == 401
    assert api.post(f"{NODE}/claims", {}, as_="admin").status_code == 403
    assert api.post("/v1/nodes//claims", {}, as_="node").status_code == 404


def test_a_claim_by_a_node_nobody_knows_is_404(api: Api) -> None:
    answer = api.post(f"{NODE}/claims", {"claimId": "c", "runIds": [], "free": ROOM}, as_="node")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
