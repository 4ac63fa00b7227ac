"""`Idempotency-Key` on every POST: done once, answered alike, and never for another body."""

import threading
from typing import Any

import pytest

from app.rest import application
from app.rest.repeats import HEADER, REPLAYED
from app.services import access, control, repeats
from app.services.submit import Key
from tests.rest.conftest import NODE_ID, SUBMIT, Api, noop

KEY = {HEADER: "k1"}
PLAIN = {"/v1/nodes", "/v1/nodes/<key:node_id>/claims", "/v1/nodes/<key:node_id>/reports"}
PLAIN |= {"/v1/nodes/<key:node_id>/heartbeat"}
"""The nodes' protocol has its own ways of being repeated."""


def test_a_repeat_is_answered_as_the_first_and_done_once(api: Api) -> None:
    first = api.post("/v1/projects", {"name": "p"}, headers=KEY)
    again = api.post("/v1/projects", {"name": "p"}, headers=KEY)
    assert (first.status_code, first.json, REPLAYED in first.headers) == (201, again.json, False)
    assert (again.status_code, again.headers[REPLAYED], again.mimetype) == (201, "true", "application/json")
    assert [one["name"] for one in api.get("/v1/projects").json["items"]].count("p") == 1
    other = api.post("/v1/projects", {"name": "p"}, headers={HEADER: "k2"})
    assert other.json["id"] != first.json["id"]


def test_another_body_is_422_and_another_address_another_request(api: Api) -> None:
    job = api.submit(noop("a"))
    assert api.post("/v1/projects", {"name": "p"}, headers=KEY).status_code == 201
    assert api.post("/v1/projects", {"name": "q"}, headers=KEY).status_code == 422
    assert api.post("/v1/users", {"name": "p"}, headers=KEY).status_code == 201
    assert api.post(f"/v1/jobs/{job['id']}/cancel", headers=KEY).status_code == 200
    assert api.post("/v1/projects", {"name": "p"}, headers=KEY, as_="foreign").status_code == 201


def test_a_refused_request_may_be_sent_again(api: Api) -> None:
    for _ in range(2):
        assert api.post("/v1/projects", {"name": ""}, headers=KEY).status_code == 422
        assert api.post(f"/v1/jobs/{NODE_ID}/cancel", headers=KEY).status_code == 404
    assert api.post("/v1/projects", {"name": "p"}, headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 10_000])
def test_a_bad_key_is_400(shared: Api, key: str) -> None:
    assert shared.post("/v1/projects", {"name": "p"}, headers={HEADER: key}).status_code == 400
    assert shared.post(SUBMIT, {"name": "p", "tasks": []}, headers={HEADER: key}).status_code == 400


def test_the_longest_key_is_good(api: Api) -> None:
    assert api.post("/v1/projects", {"name": "p"}, headers={HEADER: "x" * 255}).status_code == 201


def test_two_at_once_are_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, leave = threading.Event(), threading.Event()
    create = control.create_project

    def slowly(*args: Any, **kwargs: Any) -> Any:
        entered.set()
        assert leave.wait(10)
        return create(*args, **kwargs)

    monkeypatch.setattr(control, "create_project", slowly)
    answers: list[int] = []
    first = threading.Thread(
        target=lambda: answers.append(api.post("/v1/projects", {"name": "p"}, headers=KEY).status_code)
    )
    first.start()
    assert entered.wait(10)
    assert api.post("/v1/projects", {"name": "p"}, headers=KEY).status_code == 409
    assert api.post("/v1/projects", {"name": "q"}, headers=KEY).status_code == 422
    leave.set()
    first.join(10)
    assert answers == [201]
    assert api.post("/v1/projects", {"name": "p"}, headers=KEY).headers[REPLAYED] == "true"


def test_two_submits_at_once_are_one_job(api: Api) -> None:
    together = threading.Barrier(4)
    found: list[Any] = []

    def submit() -> None:
        client = api.app.test_client()
        together.wait(10)
        header = {"Authorization": f"Bearer {api.tokens['admin']}", **KEY}
        found.append(client.post(SUBMIT, json={"name": "j", "tasks": [noop("a")]}, headers=header))

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {answer.status_code for answer in found} <= {201, 409}
    assert len({answer.json["id"] for answer in found if answer.status_code == 201}) == 1
    assert len(api.get("/v1/jobs").json["items"]) == 1


def test_a_secret_is_answered_again_and_kept_where_nobody_can_read_it(api: Api) -> None:
    first = api.post("/v1/tokens", {"name": "ci"}, headers=KEY)
    again = api.post("/v1/tokens", {"name": "ci"}, headers=KEY)
    assert (again.status_code, again.json) == (201, first.json)
    route = "answer to POST /v1/tokens?"
    kept = api.core.store.read(lambda tx: tx.kept_answer(access.ORG, route, "k1"))
    assert kept is not None
    assert first.json["id"] not in kept.answer
    assert first.json["token"] not in kept.answer
    second = {"Authorization": f"Bearer {api.post('/v1/tokens', {'name': 'b', 'role': 'admin'}).json['token']}"}
    assert api.post("/v1/tokens", {"name": "ci"}, as_=None, headers={**second, **KEY}).status_code == 422


def test_a_key_whose_first_request_died_is_taken_over_after_a_while(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = access.anonymous("admin")
    key = Key(route="r", key="k", body_hash="b")
    begun = repeats.begin(api.core, caller, key)
    assert begun.status is None
    with pytest.raises(Exception, match="being worked on"):
        repeats.begin(api.core, caller, key)
    monkeypatch.setattr(repeats, "WORKED_ON_US", -1)
    assert repeats.begin(api.core, caller, key).status is None
    repeats.complete(api.core, begun, 200, "answer")
    assert repeats.begin(api.core, caller, key).answer == "answer"


def test_every_post_of_the_native_api_takes_a_key(shared: Api) -> None:
    text = shared.get("/openapi/native.json", as_=None).json["paths"]
    for method, rule in application.mounted(shared.app):
        path = "".join("{" + part.rpartition(":")[2] if index else part for index, part in enumerate(rule.split("<")))
        path = path.replace(">", "}")
        if method == "POST" and path in text and rule not in PLAIN:
            names = [each.get("name") for each in text[path]["post"].get("parameters", [])]
            assert HEADER in names, rule
