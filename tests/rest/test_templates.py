"""Templates over HTTP: saved, shown as they can be submitted, changed, started, and refused."""

from typing import Any

import pytest

from app.rest.native.schemas import template_out
from tests.rest.conftest import SUBMIT, Api, noop
from tests.rest.test_shapes import FULL

QUESTION = {"name": "resolution", "type": "integer", "default": 64}
JOB: dict[str, Any] = {
    "name": "mesh",
    "tasks": [
        noop("fetch"),
        {
            "name": "many",
            "type": "map",
            "maxConcurrency": 2,
            "maxFailedTasks": 1,
            "needs": ["fetch"],
            "values": {"source": "${{ job.parameters.list }}"},
            "task": {
                "name": "one",
                "executor": {"name": "command"},
                "payload": {"argv": ["echo", "${{ map.value }}"]},
                "hints": {"a": 1},
                "tag": "linux",
            },
        },
        {**FULL, "payload": {"argv": ["mesh", "${{ job.parameters.resolution }}", "${{ job.parameters.fixed }}"]}},
    ],
    "priority": 40,
    "parameters": {"fixed": "a", "list": [1, 2]},
    "labels": {"team": "x"},
    "maxFailedTasks": 2,
    "continueOnFailure": False,
    "webhooks": [{"url": "https://example.org/hook"}],
}
MAP = {"name": "m", "type": "map", "values": {"source": {"no": "list"}}, "task": {"executor": "mine"}}
NOBODY = "00000000-0000-4000-8000-000000000000"


def save(api: Api, **changed: Any) -> dict[str, Any]:
    answer = api.post("/v1/templates", {"name": "mesher", "job": JOB, "questions": [QUESTION], **changed})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_a_template_is_shown_as_it_was_saved(api: Api) -> None:
    made = save(api, description="makes meshes", comment="first")
    assert set(made) == set(template_out.WholeTemplateShown().fields)
    assert api.get(f"/v1/templates/{made['id']}").json == made
    assert (made["name"], made["description"], made["kind"], made["version"], made["runs"]) == (
        *("mesher", "makes meshes", "app"),
        *(1, 0),
    )
    assert made["questions"] == [{**QUESTION, "description": "", "required": False, "choices": [], "multiple": False}]
    assert made["job"] | JOB | {"tasks": ...} == made["job"] | {"tasks": ...}
    for shown, written in zip(made["job"]["tasks"], JOB["tasks"], strict=True):
        inner = {"task": shown["task"] | written["task"]} if "task" in written else {}
        assert shown | written | inner == shown


def test_what_is_shown_can_be_submitted_and_saved_again(api: Api) -> None:
    made = save(api)
    again = save(api, job=made["job"])
    assert again["job"] == made["job"]
    submitted = api.post(SUBMIT, {**made["job"], "parameters": {"fixed": "a", "resolution": 1, "list": []}})
    assert submitted.status_code == 201, submitted.text


def test_a_job_is_started_with_answers(api: Api) -> None:
    made = save(api)
    url = f"/v1/templates/{made['id']}/jobs"
    started = api.post(url, {"parameters": {"resolution": 128}, "name": "this one", "priority": 90, "tag": "gpu"})
    assert started.status_code == 201, started.text
    job = started.json
    assert started.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["name"], job["priority"], job["templateId"], job["templateVersion"]) == ("this one", 90, made["id"], 1)
    assert job["parameters"] == {"resolution": 128, "fixed": "a", "list": [1, 2]}
    assert job["labels"] == {"team": "x"}
    tasks = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert [(task["priority"], task["tag"]) for task in tasks] == [(90, "gpu"), (90, "gpu"), (70, "gpu")]
    plain = api.post(url).json
    assert (plain["name"], plain["parameters"]) == ("mesh", {"resolution": 64, "fixed": "a", "list": [1, 2]})
    assert api.get(f"/v1/templates/{made['id']}").json["runs"] == 2
    assert api.submit()["templateId"] is None


def test_a_repeat_with_the_same_key_starts_one_job(api: Api) -> None:
    url = f"/v1/templates/{save(api)['id']}/jobs"
    first, second = (api.post(url, {}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    assert api.post(url, {"priority": 1}, headers={"Idempotency-Key": "k"}).status_code == 422


def test_versions(api: Api) -> None:
    made = save(api)
    url = f"/v1/templates/{made['id']}"
    simple = {"name": "simple", "tasks": [noop("only")]}
    changed = api.post(f"{url}/versions", {"job": simple, "comment": "simpler"})
    assert changed.status_code == 201, changed.text
    assert (changed.json["version"], changed.json["name"], changed.json["questions"]) == (2, "mesher", [])
    listed = api.get(f"{url}/versions").json["items"]
    assert [(each["version"], each["comment"]) for each in listed] == [(2, "simpler"), (1, "")]
    assert set(listed[0]) == set(template_out.VersionShown().fields)
    assert api.get(f"{url}?version=1").json["job"] == made["job"]
    assert api.post(f"{url}/jobs", {"version": 1}).json["templateVersion"] == 1
    assert api.post(f"{url}/jobs", {"version": 3}).status_code == 404
    assert api.get(f"{url}?version=3").status_code == 404


def test_lists(api: Api) -> None:
    ids = [save(api, name=f"n{index % 2}")["id"] for index in range(5)]
    first = api.get("/v1/templates?limit=2").json
    assert set(first["items"][0]) == set(template_out.TemplateShown().fields)
    rest = api.get(f"/v1/templates?limit=9&cursor={first['nextCursor']}").json
    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    assert [each["id"] for each in api.get("/v1/templates?name=n1").json["items"]] == [ids[3], ids[1]]


def test_a_deleted_template_is_gone_and_its_jobs_stay(api: Api) -> None:
    url = f"/v1/templates/{save(api)['id']}"
    job = api.post(f"{url}/jobs").json
    assert api.send("DELETE", url).status_code == 204
    assert {api.get(url).status_code, api.post(f"{url}/jobs").status_code, api.send("DELETE", url).status_code} == {404}
    assert api.get(f"/v1/jobs/{job['id']}").json["templateId"] == job["templateId"]


def places(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [each["pointer"] for each in answer.json["errors"]]


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"job": {"name": "j"}}, "/job/tasks"),
        ({"job": {"name": "j", "tasks": [noop("a", needs=["b"])]}}, "/job/tasks/0/needs/0"),
        ({"job": {"name": "j", "tasks": [noop("a", executor="")]}}, "/job/tasks/0/executor"),
        ({"job": {**JOB, "parameters": {}}}, "/job/tasks/2/payload/argv/2"),
        ({"questions": []}, "/job/tasks/2/payload/argv/1"),
        ({"job": {"name": "j", "tasks": [noop("a"), MAP]}}, "/job/tasks/1/values/source"),
        ({"questions": [QUESTION, {"name": "resolution"}]}, "/questions/1/name"),
        ({"questions": [{**QUESTION, "default": "x"}]}, "/questions/0/default"),
        ({"questions": [{**QUESTION, "type": "colour"}]}, "/questions/0/type"),
        ({"questions": [{**QUESTION, "extra": 1}]}, "/questions/0/extra"),
        ({"questions": [QUESTION, {"name": ""}]}, "/questions/1/name"),
        ({"kind": "workflow"}, "/kind"),
        ({"name": "x" * 201}, "/name"),
        ({"description": "x" * 10_001}, "/description"),
    ],
)
def test_what_is_wrong_in_a_template_is_refused_by_place(api: Api, changed: dict[str, Any], place: str) -> None:
    body = {"name": "t", "job": JOB, "questions": [QUESTION], **changed}
    assert place in places(api.post("/v1/templates", body))
    assert api.get("/v1/templates").json["items"] == []


@pytest.mark.parametrize(
    ("start", "place"),
    [
        ({"parameters": {"resolution": "64"}}, "/parameters/resolution"),
        ({"parameters": {"nope": 1}}, "/parameters/nope"),
        ({"parameters": []}, "/parameters"),
        ({"priority": 101}, "/priority"),
        ({"state": "succeeded"}, "/state"),
    ],
)
def test_what_is_wrong_in_a_start_is_refused_by_place(api: Api, start: dict[str, Any], place: str) -> None:
    assert places(api.post(f"/v1/templates/{save(api)['id']}/jobs", start)) == [place]
    assert api.stored()[0] == []


def test_only_an_app_can_be_started(api: Api) -> None:
    answer = api.post(f"/v1/templates/{save(api, kind='module')['id']}/jobs")
    assert answer.status_code == 422
    assert "module" in answer.json["detail"]


def test_who_may_what(api: Api) -> None:
    url = f"/v1/templates/{save(api)['id']}"
    assert api.get(url, as_="viewer").status_code == 200
    assert api.post(f"{url}/jobs", as_="viewer").status_code == 403
    assert api.post(f"{url}/jobs", as_="member").status_code == 201
    assert api.send("DELETE", url, as_="member").status_code == 403
    assert api.post(f"{url}/versions", {"job": JOB, "questions": [QUESTION]}, as_="curator").status_code == 201
    absent = api.get(f"/v1/templates/{NOBODY}")
    foreign = api.get(url, as_="foreign")
    assert (absent.status_code, absent.json) == (foreign.status_code, foreign.json) == (404, absent.json)
    assert api.post(f"{url}/jobs", as_="foreign").status_code == 404
    assert api.get("/v1/templates", as_="foreign").json["items"] == []
