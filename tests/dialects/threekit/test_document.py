"""What the document says, endpoint by endpoint, against this server: fields, types, statuses, errors, parameters."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.services.access import ORG
from tests.dialects.threekit import document
from tests.dialects.threekit.document import Endpoint
from tests.rest.conftest import Api

ABSENT = "01a1fa7f-297b-774b-8000-033985f36d12"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NUMBERS = {
    "CPUTime",
    "GPUTime",
    "RAMUsage",
    "wallClockTime",
    *(f"{x}{y}" for x in ("request", "limit", "node") for y in ("CPUs", "RAM")),
}
OURS = {"orgId"}
"""Parameters that every list has, whether or not its table has them."""


@pytest.fixture(scope="module")
def facts() -> dict[str, Endpoint]:
    return document.read()


@dataclass(frozen=True)
class Made:
    """A job with a task that has run, one that runs, and one that waits; all fed from outside."""

    api: Api
    job: str
    task: str
    run: str

    def path(self, one: Endpoint) -> str:
        ids = {"jobId": self.job, "taskId": self.task, "runId": self.run}
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], one.path)

    def ask(self, one: Endpoint, path: str | None = None, body: Any = None, **more: Any) -> TestResponse:
        path = path or self.path(one)
        if one.path.endswith("/reports") and "?" not in path:
            path += f"?orgId={ORG}"
        sent = self.good_body(one) if body is None and one.method != "GET" else body
        return self.api.send(one.method, path, sent, **more)

    def good_body(self, one: Endpoint) -> dict[str, Any]:
        bodies: dict[str, dict[str, Any]] = {
            "POST /api/jobs": {"title": "t", "type": "render", "createdBy": "x", "schedulerState": "active"},
            "PUT /api/jobs/{jobId}": {"parameters": {"a": 1}},
            "POST /api/jobs/tasks": {"jobId": self.job, "title": "t", "type": "render", "parameters": {"a": 1}},
            "PUT /api/jobs/tasks/{taskId}": {"parameters": {"b": 2}, "updatedAt": "2020-03-25T19:14:24.066Z"},
            "POST /api/jobs/runs": {"taskId": self.waiting(), "progress": 0.25},
            "PUT /api/jobs/runs/{runId}": {"progress": "0.5", "machine": "m"},
        }
        return bodies[one.name]

    def waiting(self) -> str:
        """Another task, for a run of its own."""
        return str(self.api.post("/api/jobs/tasks", {"jobId": self.job, "type": "render"}).json["id"])


@pytest.fixture
def made(shared: Api) -> Made:
    api = shared
    job = api.post("/api/jobs", {"title": "Example Title", "type": "render"}).json[0]["id"]
    tasks = [api.post("/api/jobs/tasks", {"jobId": job}).json["id"] for _ in range(2)]
    run = api.post("/api/jobs/runs", {"taskId": tasks[0], "progress": 0.25}).json["id"]
    return Made(api=api, job=job, task=tasks[0], run=run)


def good(one: Endpoint) -> Any:
    """The first example, without the list around it."""
    example = one.examples[0]
    if isinstance(example, list):
        return example[0]
    inner = next((value for value in example.values() if isinstance(value, list)), None)
    return inner[0] if inner else example


def document_of(answer: TestResponse) -> Any:
    body = answer.json
    if isinstance(body, list):
        assert len(body) == 1
        return body[0]
    inner = next((body[name] for name in ("jobs", "tasks", "runs") if isinstance(body.get(name), list)), None)
    return inner[0] if inner else body


def names() -> list[str]:
    verbs = {"jobs": ("GET", "POST"), "tasks": ("GET", "POST"), "runs": ("GET", "POST")}
    found = ["GET /api/jobs/reports"]
    for noun in verbs:
        base = "/api/jobs" if noun == "jobs" else f"/api/jobs/{noun}"
        found += [f"GET {base}", f"POST {base}"]
        found += [f"{verb} {base}/{{{noun[:-1]}Id}}" for verb in ("GET", "PUT")]
    return found


def test_every_endpoint_is_known(facts: dict[str, Endpoint]) -> None:
    assert sorted(facts) == sorted(names())


@pytest.mark.parametrize("name", names())
def test_the_answer_has_the_fields_of_the_document(facts: dict[str, Endpoint], made: Made, name: str) -> None:
    one = facts[name]
    answer = made.ask(one)
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json, list) == isinstance(one.examples[0], list)
    shown = document_of(answer)
    example = good(one)
    assert set(one.fields) <= set(shown)
    assert set(example) | {"CPUTime"} == set(shown) | {"CPUTime"}  # one example lacks that one
    for field, value in example.items():
        _same_kind(field, value, shown[field])


def _same_kind(field: str, example: Any, shown: Any) -> None:
    if field in NUMBERS:
        assert shown is None or (isinstance(shown, int | float) and not isinstance(shown, bool)), field
    elif isinstance(example, str) and TIME.fullmatch(example):
        assert shown is None or TIME.fullmatch(shown), (field, shown)
    elif isinstance(example, bool):
        assert isinstance(shown, bool), field
    elif isinstance(example, int | float):
        assert isinstance(shown, int | float), field
    elif isinstance(example, dict) and field != "parameters":
        assert isinstance(shown, dict), field
    elif isinstance(example, str) and shown is not None:
        assert isinstance(shown, str), field


@pytest.mark.parametrize("name", names())
def test_the_errors_are_those_of_the_document(facts: dict[str, Endpoint], made: Made, name: str) -> None:
    one = facts[name]
    asked = {
        401: lambda: made.ask(one, as_=None, headers={"Authorization": "Bearer wrong"}),
        403: lambda: made.ask(one, as_=None),
        404: lambda: made.ask(one, path="/api/jobs/reports?x=1" if "reports" in name else _with_absent(one)),
        422: lambda: made.ask(one, body={"parameters": {}}),
    }
    for status, example in one.errors.items():
        answer = asked[status]()
        assert answer.status_code == status, (name, status, answer.text)
        assert set(answer.json) == {"error"}
        error, expected = answer.json["error"], example["error"]
        assert error["code"] == expected["code"]
        assert error["message"].startswith(expected["message"])
        if status != 422:
            assert error == expected


def _with_absent(one: Endpoint) -> str:
    return re.sub(r"\{\w+\}", ABSENT, one.path)


def test_every_parameter_is_taken(facts: dict[str, Endpoint], made: Made) -> None:
    values = {"orgId": ORG, "jobId": made.job, "taskId": made.task, "status": "running", "runStatus": "running"}
    values |= {"perPage": "1", "page": "1", "sort": "%2BcreatedAt"}
    for one in facts.values():
        for name in (name for name, place in one.parameters.items() if place == "query"):
            answer = made.api.get(
                f"{one.path}?orgId={ORG}&{name}={values[name]}" if name not in OURS else f"{one.path}?orgId={ORG}"
            )
            assert answer.status_code == 200, (one.name, name, answer.text)
            assert document_of(answer)["id" if "reports" not in one.path else "title"]


def test_every_field_of_a_body_is_taken(facts: dict[str, Endpoint], made: Made) -> None:
    plain: dict[str, Any] = {
        "createdBy": "string",
        "title": "string",
        "type": "string",
        "orgId": ORG,
        "schedulerState": "active",
        "parameters": {},
        "updatedAt": "string",
        "createdAt": "string",
        "startedAt": "2020-03-25T18:39:16.474Z",
        "stoppedAt": "2020-03-25T18:39:29.810Z",
        "resultCode": "Success",
        "error": "string",
        "progress": "1",
        "results": "string",
        "machine": "string",
        "jobId": made.job,
        "reportProgress": True,
        "preemptible": "true",
    }
    for one in facts.values():
        body = {name: plain.get(name, "8" if name.endswith(("CPUs", "RAM")) else "string") for name in one.body}
        if "taskId" in body:
            body["taskId"] = made.waiting()
        if "id" in body:
            body["id"] = f"0000000{len(one.path) % 10}-0000-4000-8000-00000000000{len(one.body) % 10}"
        if body:
            answer = made.ask(one, body=body)
            assert answer.status_code == 200, (one.name, answer.text)
            shown = document_of(answer)
            assert shown["createdBy"] == "admin"
            for name in set(body) & set(shown) - {"createdBy", "updatedAt", "createdAt", "progress", "preemptible"}:
                expected = 8 if body[name] == "8" else body[name]
                assert shown[name] == expected or name == "error", (one.name, name)


def test_times_are_as_in_the_document(made: Made) -> None:
    shown = made.api.get(f"/api/jobs/runs/{made.run}").json
    for name in ("createdAt", "updatedAt", "startedAt"):
        assert TIME.fullmatch(shown[name])
        datetime.fromisoformat(shown[name])


def test_the_samples_wrap_ids(made: Made) -> None:
    """As `jobId=jobId%3D'<uuid>'`."""
    found = made.api.get(f"/api/jobs/runs?taskId=taskId%3D'{made.task}'&jobId=jobId%3D'{made.job}'").json
    assert [run["id"] for run in found["runs"]] == [made.run]
    assert made.api.get(f"/api/jobs/reports?orgId=orgId%3D'{ORG}'").json["count"] >= 1
