"""Whatever is submitted with a `traceparent`, on any surface, belongs to that trace: the job, and what its runs see."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.rest.conftest import SUBMIT, Api, noop

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACED = {"traceparent": TRACEPARENT}
BODY = {"name": "j", "tasks": [noop("a")]}


def native(api: Api) -> None:
    assert api.post(SUBMIT, BODY, headers=TRACED).status_code == 201


def template(api: Api) -> None:
    made = api.post("/v1/templates", {"name": "t", "job": BODY})
    assert api.post(f"/v1/templates/{made.json['id']}/jobs", {}, headers=TRACED).status_code == 201


def alteryx(api: Api) -> None:
    made = api.post("/v1/templates", {"name": "t", "job": BODY})
    url = f"/webapi/v3/workflows/{made.json['id']}/jobs"
    assert api.post(url, {"questions": []}, headers=TRACED).status_code == 201


def flow(api: Api) -> None:
    body = {"name": "j", "tasks": [{**noop("a"), "type": "task"}]}
    assert api.post("/flow/compute/v1/queues/@default/jobs", body, headers=TRACED).status_code == 201


def threekit(api: Api) -> None:
    made = api.post("/api/jobs", {"title": "j", "type": "python"}, headers=TRACED)
    assert made.status_code == 200
    task = {"jobId": made.json[0]["id"], "type": "python", "parameters": {"callable": "noop"}}
    assert api.post("/api/jobs/tasks", task).status_code == 200


def metafold_job(api: Api) -> None:
    made = api.post("/projects", {"name": "p"}).json["id"]
    body = {"type": "command", "parameters": {"argv": '["true"]'}}
    assert api.post(f"/projects/{made}/jobs", body, headers=TRACED).status_code == 202


def metafold_workflow(api: Api) -> None:
    made = api.post("/projects", {"name": "p"}).json["id"]
    body = {"definition": "jobs: {a: {type: command, parameters: {argv: '[\"true\"]'}}}"}
    assert api.post(f"/projects/{made}/workflows", body, headers=TRACED).status_code == 202


SURFACES = [native, template, alteryx, flow, threekit, metafold_job, metafold_workflow]


@pytest.mark.parametrize("submit", SURFACES, ids=lambda each: str(each.__name__))
def test_a_job_belongs_to_the_trace_it_was_submitted_in(api: Api, submit: Callable[[Api], None]) -> None:
    api.join()
    api.submit(noop("before"))
    submit(api)
    newest, before = api.get("/v1/jobs").json["items"]
    assert (newest["traceparent"], before["traceparent"]) == (TRACEPARENT, None)
    assert api.get(f"/v1/jobs/{newest['id']}").json["traceparent"] == TRACEPARENT
    traces = {spec["jobId"]: spec.get("trace") for spec in _all_claimed(api)}
    assert traces == {newest["id"]: TRACEPARENT, before["id"]: None}


def _all_claimed(api: Api) -> list[dict[str, Any]]:
    return [spec for _ in range(2) for spec in api.claim()]


def test_values_of_a_map_and_runs_tried_again_are_in_the_trace_too(api: Api) -> None:
    api.join()
    values = {"source": [1, 2]}
    a_map = {"name": "m", "type": "map", "values": values, "task": noop("x"), "limitations": {"maxAttempts": 2}}
    a_map["task"].pop("name")
    assert api.post(SUBMIT, {"name": "j", "tasks": [a_map]}, headers=TRACED).status_code == 201
    specs = _all_claimed(api)
    assert [(spec["mapIndex"], spec["trace"]) for spec in specs] == [(0, TRACEPARENT), (1, TRACEPARENT)]
    ending = {"state": "failed", "atUs": 0, "error": {"code": "x", "message": "x"}}
    api.report({"runId": specs[0]["runId"], "fence": 1, "sequence": 1, "ending": ending})
    (again,) = api.claim()
    assert (again["attempt"], again["trace"]) == (2, TRACEPARENT)


@pytest.mark.parametrize(
    "text", ["nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", f"{TRACEPARENT}, {TRACEPARENT}", ""]
)
def test_what_is_no_trace_context_is_as_if_it_were_not_there(api: Api, text: str) -> None:
    answer = api.post(SUBMIT, BODY, headers={"traceparent": text})
    assert (answer.status_code, answer.json["traceparent"]) == (201, None)


def test_a_repeat_with_its_key_keeps_the_first_trace(api: Api) -> None:
    first = api.post(SUBMIT, BODY, headers={**TRACED, "Idempotency-Key": "k"})
    again = api.post(SUBMIT, BODY, headers={"traceparent": TRACEPARENT.replace("b7", "c8"), "Idempotency-Key": "k"})
    assert again.json["traceparent"] == first.json["traceparent"] == TRACEPARENT


def test_the_log_of_a_request_names_its_trace_and_no_other_requests_does(api: Api) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        api.post(SUBMIT, BODY, headers=TRACED)
        api.post(SUBMIT, BODY)
    assert [line.get("traceparent") for line in lines if line["event"] == "changed"] == [TRACEPARENT, None]
