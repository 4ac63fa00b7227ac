"""Who did what, and what an attack leaves behind."""

import time
from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import Unavailable
from app.ports.people import Entry
from app.ports.records import Page
from app.rest.context import TRAIL
from app.rest.trail import REFUSALS_A_MINUTE, Trail
from app.services import access, audit
from tests.rest.conftest import NODE_ID, SUBMIT, Api, noop
from tests.wait import wait_until

ALL = Page(limit=100)
WRONG = {"Authorization": "Bearer fl_aaaaaaaa_topsecret"}


def entries(api: Api, as_: str = "admin") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/v1/audit", as_=as_).json["items"]
    return found


def test_every_change_is_there_newest_first(api: Api) -> None:
    job = api.submit(noop("a"))
    api.post(f"/v1/jobs/{job['id']}/cancel", headers={"X-Request-Id": "mine"})
    api.post(SUBMIT, {"name": "j", "tasks": 7})
    api.get("/v1/jobs")
    refused, canceled, submitted = entries(api)
    assert (submitted["method"], submitted["route"]) == ("POST", "/v1/queues/<queue>/jobs")
    assert (submitted["resourceId"], submitted["status"], submitted["who"]) == (job["id"], 201, "admin")
    assert (canceled["resourceId"], canceled["status"], canceled["requestId"]) == (job["id"], 200, "mine")
    assert submitted["tokenId"] == api.tokens["admin"].split("_")[1]
    assert submitted["address"] == "127.0.0.1"
    assert (refused["status"], refused["resourceId"]) == (422, "@default")
    assert submitted["seq"] < canceled["seq"] < refused["seq"]


def test_it_comes_in_pages_and_only_of_the_own_organization(api: Api) -> None:
    for number in range(3):
        api.post("/v1/projects", {"name": f"p{number}"})
    api.post("/v1/projects", {"name": "theirs"}, as_="foreign")
    first = api.get("/v1/audit?limit=2").json
    second = api.get(f"/v1/audit?limit=2&cursor={first['nextCursor']}").json
    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert [one["who"] for one in entries(api, "foreign")] == ["foreign"]
    assert api.get("/v1/audit", as_="member").status_code == 403


def test_a_forbidden_change_is_there_too(api: Api) -> None:
    assert api.post("/v1/projects", {"name": "x"}, as_="viewer").status_code == 403
    (entry,) = entries(api)
    assert (entry["who"], entry["status"]) == ("viewer", 403)


def test_what_nodes_say_all_the_time_is_not(api: Api) -> None:
    api.join()
    api.submit(noop("a"))
    api.claim()
    claim = {"claimId": "c", "runIds": [], "free": {"cpuMilli": 1, "memoryMib": 1}}
    api.post(f"/v1/nodes/{NODE_ID}/claims", claim, as_="node", headers={"X-Request-Id": "slow-lane"})
    assert [one["route"] for one in entries(api)] == ["/v1/queues/<queue>/jobs", "/v1/nodes"]


def test_refused_logins_are_there_without_their_secret_and_not_without_end(api: Api) -> None:
    now = [0.0]
    api.app.extensions[TRAIL]._clock = lambda: now[0]
    api.get("/v1/jobs", as_=None)
    for _ in range(REFUSALS_A_MINUTE + 40):
        assert api.get("/v1/jobs", as_=None, headers=WRONG).status_code == 401
    found = entries(api)
    assert len(found) == REFUSALS_A_MINUTE
    assert {(one["tokenId"], one["status"], one["route"]) for one in found} == {("aaaaaaaa", 401, "/v1/jobs")}
    assert "topsecret" not in str(found)
    now[0] = 60.0
    api.post(f"/v1/nodes/{NODE_ID}/claims", {}, as_=None, headers=WRONG)  # by the fast lane
    newest, counted = entries(api)[:2]
    assert (newest["route"], counted["who"]) == (f"/v1/nodes/{NODE_ID}/claims", "40 more in a minute before")


def entry(number: int = 0) -> Entry:
    return Entry(
        org_id=access.ORG,
        at_us=time.time_ns() // 1000,
        who="w",
        token_id="",
        address="a",
        method="POST",
        route="/",
        resource_id=str(number),
        status=200,
        request_id="r",
    )


def test_it_is_written_without_being_asked_for(api: Api) -> None:
    trail: Trail = api.app.extensions[TRAIL]
    trail.note(entry())
    wait_until(lambda: len(api.core.store.read(lambda tx: tx.audit(access.ORG, ALL))) == 1)


def test_what_a_store_that_is_away_did_not_take_is_kept_in_order(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = Trail(api.core)
    monkeypatch.setattr(trail, "_wake", lambda: None)  # written by hand here
    write = audit.write

    def away(*_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(audit, "write", away)
    for number in range(3):
        trail.note(entry(number))
    assert trail.flush() is False
    monkeypatch.setattr(audit, "write", write)
    trail.note(entry(3))
    assert trail.flush() is True
    found = api.core.store.read(lambda tx: tx.audit(access.ORG, ALL))
    assert [one.resource_id for one in found][::-1] == ["0", "1", "2", "3"]


def test_it_is_forgotten_after_a_quarter(api: Api) -> None:
    now_us = api.core.store.read(lambda tx: tx.now_us)
    old, fresh = replace(entry(), at_us=now_us - audit.KEPT_US - 1), replace(entry(), at_us=now_us)
    audit.write(api.core, [old], set())
    audit.write(api.core, [fresh], set())
    found = api.core.store.read(lambda tx: tx.audit(access.ORG, ALL))
    assert [one.at_us for one in found] == [fresh.at_us]
