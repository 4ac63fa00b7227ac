"""Jobs are submitted once however often it is said, changed by whoever read them last, and told what to do."""

import threading
from typing import Any

import pytest

from tests.rest.conftest import SUBMIT, Api, noop

BODY = {"name": "j", "tasks": [noop("a")]}


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_submitting_answers_201_with_its_place(api: Api) -> None:
    answer = api.post(SUBMIT, BODY)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    assert answer.json["createdBy"] == "admin"


def test_the_same_key_is_the_same_job(api: Api) -> None:
    first = api.post(SUBMIT, BODY, headers=keyed("k"))
    again = api.post(SUBMIT, BODY, headers=keyed("k"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["id"] == again.json["id"]
    assert len(api.get("/v1/jobs").json["items"]) == 1


def test_the_same_key_with_another_body_is_422(api: Api) -> None:
    api.post(SUBMIT, BODY, headers=keyed("k"))
    answer = api.post(SUBMIT, {**BODY, "name": "other"}, headers=keyed("k"))
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json["detail"]
    assert len(api.get("/v1/jobs").json["items"]) == 1


def test_another_queue_or_organization_has_keys_of_its_own(api: Api) -> None:
    ids = {
        api.post(SUBMIT, BODY, headers=keyed("k")).json["id"],
        api.post("/v1/queues/other/jobs", BODY, headers=keyed("k")).json["id"],
        api.post(SUBMIT, BODY, headers=keyed("k"), as_="foreign").json["id"],
    }
    assert len(ids) == 3


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 10_000])
def test_a_bad_key_is_400(api: Api, key: str) -> None:
    answer = api.post(SUBMIT, BODY, headers=keyed(key))
    assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (400, "Idempotency-Key")
    assert api.stored() == ([], [])


def test_a_key_used_twice_at_once_makes_one_job(api: Api) -> None:
    barrier = threading.Barrier(4)
    answers: list[Any] = []

    def send() -> None:
        barrier.wait()
        client = api.app.test_client()
        header = {"Authorization": f"Bearer {api.tokens['admin']}", **keyed("same")}
        answers.append(client.post(SUBMIT, json=BODY, headers=header))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(api.get("/v1/jobs").json["items"]) == 1


def test_a_change_needs_the_version_that_was_read(api: Api) -> None:
    job = api.submit(noop("a"))
    path = f"/v1/jobs/{job['id']}"
    tag = api.get(path).headers["ETag"]
    change = {"name": "renamed", "priority": 90, "labels": {"a": "b"}}
    assert api.send("PATCH", path, change).status_code == 428
    changed = api.send("PATCH", path, change, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert {key: changed.json[key] for key in change} == change
    assert changed.headers["ETag"] != tag
    stale = api.send("PATCH", path, {"name": "late"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.mimetype) == (412, "application/problem+json")
    for garbage in ("garbage", '"x"', '"-1"', "", '"1-a", "2-b"', "W/" + tag):
        assert api.send("PATCH", path, {"name": "x"}, headers={"If-Match": garbage}).status_code == 412
    assert api.send("PATCH", path, {"name": "any"}, headers={"If-Match": "*"}).status_code == 200
    assert api.get(path).json["name"] == "any"


@pytest.mark.parametrize(
    "bad",
    [
        {"name": ""},
        {"priority": 101},
        {"priority": True},
        {"labels": []},
        {"state": "x"},
        {"tasks": []},
        [],
        {"id": "x"},
    ],
)
def test_a_bad_change_is_refused(api: Api, bad: Any) -> None:
    job = api.submit(noop("a"))
    answer = api.send("PATCH", f"/v1/jobs/{job['id']}", bad, headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert api.get(f"/v1/jobs/{job['id']}").json == job


def test_a_poller_that_has_seen_it_gets_304(api: Api) -> None:
    job = api.submit(noop("a"))
    path = f"/v1/jobs/{job['id']}"
    tag = api.get(path).headers["ETag"]
    same = api.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.data) == (304, b"")
    api.post(f"{path}/pause")
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_pause_resume_cancel_retry_delete(api: Api) -> None:
    job = api.submit(noop("a"), noop("b", needs=["a"]))
    path = f"/v1/jobs/{job['id']}"
    assert api.post(f"{path}/pause").json["state"] == "paused"
    assert api.post(f"{path}/resume").json["state"] == "pending"
    assert api.send("DELETE", path).status_code == 409
    assert api.post(f"{path}/retry").status_code == 409
    assert api.post(f"{path}/cancel").json["state"] == "canceled"
    assert api.post(f"{path}/pause").status_code == 409
    assert api.post(f"{path}/retry", {"scope": "everything"}).status_code == 422
    assert api.post(f"{path}/retry", {"scope": "all"}).json["counts"]["canceled"] == 0
    assert api.post(f"{path}/cancel").status_code == 200
    assert api.send("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404
    assert api.send("DELETE", path).status_code == 404


def test_one_task_is_canceled_and_run_again(api: Api) -> None:
    job = api.submit(noop("a"), noop("b", needs=["a"]))
    first, _ = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert api.post(f"/v1/tasks/{first['id']}/cancel").json["state"] == "canceled"
    assert [task["state"] for task in api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]] == ["canceled", "skipped"]
    again = api.post(f"/v1/tasks/{first['id']}/retry")
    assert again.status_code == 200
    assert again.json["state"] in ("ready", "queued")


def test_an_answer_to_a_post_without_a_body_needs_no_content_type(api: Api) -> None:
    job = api.submit(noop("a"))
    assert api.send("POST", f"/v1/jobs/{job['id']}/cancel").status_code == 200
    assert api.send("POST", f"/v1/jobs/{job['id']}/retry").status_code == 200


def test_one_task_is_paused_resumed_and_given_a_priority(api: Api) -> None:
    job = api.submit(noop("a"))
    (first,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    path = f"/v1/tasks/{first['id']}"
    assert api.post(f"{path}/pause").json["paused"] is True
    assert api.post(f"{path}/resume").json["paused"] is False
    assert api.send("PATCH", path, {"priority": 90}).json["priority"] == 90
    refused = api.send("PATCH", path, {"priority": 101})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/priority")
