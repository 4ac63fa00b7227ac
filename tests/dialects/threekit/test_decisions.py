"""What the document leaves open or contradicts, as it was decided: callers, tokens, ids, pages, and who runs what."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import request
from werkzeug.test import TestResponse

from app.rest import application
from app.services.access import ORG
from app.services.numbered import MOST
from tests.rest.conftest import NODE_ID, OTHER_ORG, ROOM, Api, noop

MINE = "0F0F0F0F-0000-4000-8000-00000000000{}"
AXIOS = "application/json, text/plain, */*"


def job(api: Api, **more: Any) -> dict[str, Any]:
    answer = api.post("/api/jobs", {"title": "a job", "type": "render", **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json[0]
    return found


def task(api: Api, of: str, **more: Any) -> dict[str, Any]:
    return _made(api.post("/api/jobs/tasks", {"jobId": of, **more}))


def run(api: Api, of: str, **more: Any) -> dict[str, Any]:
    return _made(api.post("/api/jobs/runs", {"taskId": of, **more}))


def put(api: Api, path: str, body: Any, **more: Any) -> TestResponse:
    return api.send("PUT", path, body, **more)


def _made(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def error(answer: TestResponse, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message"}
    assert answer.json["error"]["code"] == code
    return str(answer.json["error"]["message"])


# -- who asks


@pytest.mark.parametrize(
    ("headers", "query", "is_client"),
    [
        ({"User-Agent": "axios/1.7.2"}, False, True),
        ({"Accept": AXIOS}, False, True),
        ({}, True, True),
        ({"User-Agent": "curl/8.5.0", "Accept": "*/*"}, False, False),
        ({"User-Agent": "my-axios/1.7.2"}, False, False),
        ({"User-Agent": "Axios/1.7.2"}, False, False),
        ({"Accept": "application/json"}, False, False),
        ({"User-Agent": "python-requests/2.32"}, False, False),
    ],
)
def test_a_single_job_is_shown_as_the_caller_wants_it(
    shared: Api, headers: dict[str, str], query: bool, is_client: bool
) -> None:
    known = job(shared)["id"]
    token = shared.tokens["admin"]
    more: dict[str, Any] = {"headers": headers, "as_": None if query else "admin"}
    tail = f"?bearer_token={token}" if query else ""
    answers = [
        shared.get(f"/api/jobs/{known}{tail}", **more),
        shared.post(f"/api/jobs{tail}", {"title": "t", "type": "x"}, **more),
        put(shared, f"/api/jobs/{known}{tail}", {"parameters": {}}, **more),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Vary"] == "User-Agent, Accept"
        if is_client:
            assert answer.json["runs"] == []
        else:
            assert len(answer.json) == 1
            assert "runs" not in answer.json[0]


def test_tasks_and_runs_are_objects_for_everyone(shared: Api) -> None:
    made = task(shared, job(shared)["id"])
    begun = run(shared, made["id"])
    for headers in ({"User-Agent": "axios/1"}, {}):
        for path in (f"tasks/{made['id']}", f"runs/{begun['id']}"):
            assert isinstance(shared.get(f"/api/jobs/{path}", headers=headers).json, dict)


def test_the_runs_of_a_single_job_always_have_files(shared: Api) -> None:
    known = job(shared)["id"]
    for results in (None, "just text", {"files": [{"id": "f"}], "x": 1}):
        begun = run(shared, task(shared, known)["id"])
        assert shared.get(f"/api/jobs/runs/{begun['id']}").json["results"] is None
        if results is not None:
            put(shared, f"/api/jobs/runs/{begun['id']}", {"results": results, "resultCode": "Success"})
            assert shared.get(f"/api/jobs/runs/{begun['id']}").json["results"] == results
    task(shared, known)
    shown = shared.get(f"/api/jobs/{known}", headers={"User-Agent": "axios/1"}).json
    found = [each["results"] for each in shown["runs"]]
    assert found == [{"files": []}, {"value": "just text", "files": []}, {"files": [{"id": "f"}], "x": 1}]


# -- tokens


def test_a_token_in_the_query_is_for_this_dialect_only(shared: Api) -> None:
    token = shared.tokens["admin"]
    assert shared.get(f"/api/jobs?page=1&bearer_token={token}&perPage=1", as_=None).json["perPage"] == 1
    assert shared.get(f"/v1/jobs?bearer_token={token}", as_=None).status_code in (400, 401)
    assert shared.get(f"/api/jobs?bearer_token={token}", as_="foreign").json["count"] == 0, "the header goes first"
    for wrong in ("bearer_token=", f"bearer_token={token}x"):
        error(shared.get(f"/api/jobs?{wrong}", as_=None), 401, "users_service_unavailable")
    error(shared.get(f"/api/jobs?bearer_token={token}&bearer_token={token}", as_=None), 400, "bad_request")
    error(shared.get("/api/jobs", as_=None, headers={"Authorization": "Basic x"}), 401, "users_service_unavailable")
    error(shared.get("/api/jobs", as_="node"), 403, "forbidden")


def test_no_log_and_no_view_sees_a_token_of_the_query(shared: Api) -> None:
    seen: list[str] = []

    def look(response: Any) -> Any:
        seen.extend([request.url, request.full_path, str(dict(request.args)), request.environ["QUERY_STRING"]])
        return response

    shared.app.after_request_funcs.setdefault(None, []).append(look)
    try:
        token = shared.tokens["admin"]
        shared.get(f"/api/jobs?a=%20b&bearer%5Ftoken={token}&status=stopped", as_=None)
    finally:
        shared.app.after_request_funcs[None].remove(look)
    assert len(seen) == 4
    assert not [text for text in seen if token in text]
    assert seen[3] == "a=%20b&status=stopped"


def test_tokens_in_the_query_can_be_switched_off(shared: Api) -> None:
    app = application.build(shared.core, query_tokens=False)
    token = shared.tokens["admin"]
    refused = app.test_client().get(f"/api/jobs?bearer_token={token}")
    assert refused.status_code == 401
    taken = app.test_client().get("/api/jobs", headers={"Authorization": f"Bearer {token}"})
    assert taken.status_code == 200


@pytest.mark.parametrize("org", [OTHER_ORG, ORG.replace("7", "8")])
def test_another_organization_is_forbidden(shared: Api, org: str) -> None:
    for path in ("", "/tasks", "/runs", "/reports", f"/{job(shared)['id']}"):
        error(shared.get(f"/api/jobs{path}?orgId={org}"), 403, "forbidden")
    error(shared.post("/api/jobs", {"title": "t", "type": "x", "orgId": org}), 403, "forbidden")


def test_what_another_organization_has_is_absent(shared: Api) -> None:
    known = job(shared)["id"]
    made = task(shared, known)["id"]
    begun = run(shared, made)["id"]
    for path, code in ((known, "job"), (f"tasks/{made}", "task"), (f"runs/{begun}", "run")):
        for method in ("GET", "PUT"):
            sent = {} if method == "PUT" else None
            error(shared.send(method, f"/api/jobs/{path}", sent, as_="foreign"), 404, f"{code}_not_found")
    error(shared.post("/api/jobs/tasks", {"jobId": known}, as_="foreign"), 422, "create_task_error")
    error(shared.post("/api/jobs/runs", {"taskId": made}, as_="foreign"), 422, "create_run_error")
    for path in (f"tasks?jobId={known}", f"runs?jobId={known}", f"runs?taskId={made}"):
        assert shared.get(f"/api/jobs/{path}", as_="foreign").json["count"] == 0


# -- ids


def test_an_id_is_honoured_once(shared: Api) -> None:
    body = {"title": "t", "type": "x", "id": MINE.format(1)}
    first = shared.post("/api/jobs", body).json
    assert first[0]["id"] == MINE.format(1).lower()
    assert shared.post("/api/jobs", dict(reversed(body.items()))).json == first
    error(shared.post("/api/jobs", {**body, "title": "u"}), 422, "create_job_error")
    error(shared.post("/api/jobs", body, as_="foreign"), 422, "create_job_error")
    error(shared.post("/api/jobs", {**body, "id": "not one"}), 422, "create_job_error")
    made = {"jobId": first[0]["id"], "id": MINE.format(2)}
    assert shared.post("/api/jobs/tasks", made).json == shared.post("/api/jobs/tasks", made).json
    error(shared.post("/api/jobs/tasks", {**made, "title": "other"}), 422, "create_task_error")
    begun = {"taskId": MINE.format(2), "id": MINE.format(3)}
    assert shared.post("/api/jobs/runs", begun).json == shared.post("/api/jobs/runs", begun).json
    error(shared.post("/api/jobs/runs", {**begun, "zone": "z"}), 422, "create_run_error")
    assert shared.get(f"/api/jobs/tasks?jobId={first[0]['id']}").json["count"] == 1


def test_what_is_needed(shared: Api) -> None:
    for path, code, body in (
        ("", "create_job_error", {"title": "t"}),
        ("", "create_job_error", {"type": "t"}),
        ("", "create_job_error", {"title": "t", "type": "x", "schedulerState": "string"}),
        ("/tasks", "create_task_error", {"title": "t"}),
        ("/tasks", "create_task_error", {"jobId": "string"}),
        ("/tasks", "create_task_error", {"jobId": job(shared)["id"], "type": "command", "parameters": {"argv": 1}}),
        ("/runs", "create_run_error", {"progress": 0}),
        ("/runs", "create_run_error", {"taskId": "string"}),
    ):
        message = error(shared.post(f"/api/jobs{path}", body), 422, code)
        assert ": " in message
    made = task(shared, job(shared)["id"])["id"]
    error(shared.post("/api/jobs/runs", {"taskId": made, "jobId": job(shared)["id"]}), 422, "create_run_error")


@pytest.mark.parametrize(
    "wrong",
    [
        {"progress": 2}, {"progress": -0.1}, {"progress": "NaN"}, {"progress": True}, {"progress": "1e400"},
        {"startedAt": "9999-01-01T00:00:00Z"}, {"startedAt": "string"}, {"resultCode": "Canceled"},
        {"startedAt": "2020-01-02T00:00:00Z", "stoppedAt": "2020-01-01T00:00:00Z"}, {"preemptible": "maybe"},
        {"nodeRAM": -1}, {"zone": "x" * 1001},
    ],
)  # fmt: skip
def test_a_run_is_not_told_nonsense(shared: Api, wrong: dict[str, Any]) -> None:
    begun = run(shared, task(shared, job(shared)["id"])["id"], progress=0.5)
    error(put(shared, f"/api/jobs/runs/{begun['id']}", wrong), 422, "update_run_error")
    again = put(shared, f"/api/jobs/runs/{begun['id']}", {"progress": 0.25, "zone": None, "__proto__": 1}).json
    assert (again["progress"], again["zone"]) == (0.5, None)


# -- pages


def test_pages(shared: Api) -> None:
    known = job(shared)["id"]
    ids = [task(shared, known, title=f"{number}")["id"] for number in range(5)]

    def asked(query: str) -> Any:
        return shared.get(f"/api/jobs/tasks?jobId={known}&{query}").json

    def shown(query: str) -> list[str]:
        return [each["id"] for each in asked(query)["tasks"]]

    assert shown("") == ids
    assert {name: asked("")[name] for name in ("page", "perPage", "sort", "count")} == {
        "page": 1, "perPage": 1000, "sort": "+createdAt", "count": 5,
    }  # fmt: skip
    assert shown("perPage=2") == ids[:2]
    assert shown("perPage=2&page=3") == ids[4:]
    assert shown("perPage=2&page=4") == []
    assert asked("page=1")["perPage"] == 30
    assert asked("perPage=101")["perPage"] == 100
    for plus in ("%2BcreatedAt", "+createdAt", "createdAt", " createdAt"):
        assert shown(f"sort={plus}") == ids
    assert shown("sort=-createdAt&perPage=2") == ids[:2:-1]
    deep = MOST // 100 + 1
    for wrong in ("page=0", "page=-1", "page=abc", f"page={deep}&perPage=100", "page=1000000000", "sort=title"):
        error(shared.get(f"/api/jobs/tasks?{wrong}"), 400, "bad_request")
    assert shared.get(f"/api/jobs/tasks?page={deep - 1}&perPage=100").status_code == 200


def test_filters_that_nothing_can_match(shared: Api) -> None:
    task(shared, job(shared)["id"])
    for path in ("?status=done", "/tasks?runStatus=x", "/tasks?jobId=x", "/runs?taskId=x", "/runs?jobId=x", "?orgId=x"):
        answer = shared.get(f"/api/jobs{path}")
        assert (answer.status_code, answer.json["count"]) == (200, 0)
    for path in ("?status=pending", "/tasks?runStatus=pending", "?status="):
        assert shared.get(f"/api/jobs{path}").json["count"] > 0


# -- what is wanted of a job


def test_the_scheduler_state(shared: Api) -> None:
    known = job(shared, schedulerState="paused")
    assert (known["schedulerState"], known["status"]) == ("paused", "pending")
    made = task(shared, known["id"])
    error(shared.post("/api/jobs/runs", {"taskId": made["id"]}), 422, "create_run_error")
    path = f"/api/jobs/{known['id']}"
    assert put(shared, path, {"schedulerState": "active", "parameters": {"a": 1}}).json[0]["parameters"] == {"a": 1}
    begun = run(shared, made["id"])
    assert put(shared, path, {"schedulerState": "paused"}).json[0]["schedulerState"] == "paused"
    assert put(shared, f"/api/jobs/runs/{begun['id']}", {"progress": 0.5}).status_code == 200
    (ended,) = put(shared, path, {"schedulerState": "canceled"}).json
    assert (ended["schedulerState"], ended["status"], ended["taskResultFailures"]) == ("canceled", "stopped", 1)
    error(put(shared, f"/api/jobs/runs/{begun['id']}", {"progress": 0.6}), 422, "update_run_error")
    error(put(shared, path, {"schedulerState": "active"}), 422, "update_job_error")
    assert put(shared, path, {"schedulerState": "canceled", "parameters": {}}).status_code == 200
    assert job(shared, schedulerState="canceled")["status"] == "stopped"


def test_counts_add_up(shared: Api) -> None:
    known = job(shared)["id"]
    tasks = [task(shared, known)["id"] for _ in range(4)]
    for made, code in zip(tasks, ("Success", "Failed", None, None), strict=True):
        if made != tasks[3]:
            begun = run(shared, made)
            put(shared, f"/api/jobs/runs/{begun['id']}", {"resultCode": code} if code else {"progress": 0.5})
    (shown,) = shared.get(f"/api/jobs/{known}").json
    assert {key: value for key, value in shown.items() if key.startswith("task")} == {
        "taskCount": 4, "taskStatusPending": 1, "taskStatusRunning": 1, "taskStatusStopped": 2,
        "taskResultFailures": 1, "taskResultSuccesses": 1, "taskProgress": 0.625,
    }  # fmt: skip
    assert shown["status"] == "running"


def test_a_job_submitted_elsewhere_is_the_same_job(shared: Api) -> None:
    native = shared.submit(noop("a"), noop("b", needs=["a"]))
    (shown,) = shared.get(f"/api/jobs/{native['id']}").json
    assert (shown["title"], shown["type"], shown["taskCount"]) == ("job", "job", 2)
    assert [each["title"] for each in shared.get(f"/api/jobs/tasks?jobId={native['id']}").json["tasks"]] == ["a", "b"]
    error(shared.post("/api/jobs/tasks", {"jobId": native["id"], "type": "x"}), 422, "create_task_error")


# -- a node's runs


def test_a_nodes_run_shows_what_was_measured(api: Api) -> None:
    api.join()
    known = job(api)["id"]
    made = task(api, known, type="command", parameters={"argv": ["true"]})
    (spec,) = api.claim()
    path = f"/api/jobs/runs/{spec['runId']}"
    error(put(api, path, {"progress": 0.1}), 403, "forbidden")
    lines = [[1, 5, "stdout", "info", "hello"], [2, 6, "stderr", "info", "zwölf"], [3, 7, "system", "info", "x"]]
    usage = dict.fromkeys(("readBytes", "writtenBytes", "currentRssBytes", "peakGpuBytes"), 0) | {
        "wallSeconds": 2.5, "cpuUserSeconds": 1.0, "cpuSystemSeconds": 0.25, "peakRssBytes": 4096, "maxProcesses": 1,
        "gpuSeconds": 0.0,
    }  # fmt: skip
    ending = {"state": "succeeded", "atUs": 9, "exitCode": 0, "result": [1]}
    report = {"runId": spec["runId"], "fence": 1, "sequence": 1, "startedAtUs": 4, "lines": lines, "usage": usage}
    assert api.report({**report, "ending": ending}).status_code == 200
    shown = api.get(path).json
    assert {name: shown[name] for name in ("CPUTime", "GPUTime", "RAMUsage", "wallClockTime", "resultCode")} == {
        "CPUTime": 1.25, "GPUTime": 0.0, "RAMUsage": 4096, "wallClockTime": 2.5, "resultCode": "Success",
    }  # fmt: skip
    mib = 1 << 20
    assert (shown["requestCPUs"], shown["limitRAM"]) == (1, 256 * mib)
    assert (shown["nodeCPUs"], shown["nodeRAM"]) == (ROOM["cpuMilli"] // 1000, ROOM["memoryMib"] * mib)
    assert shown["machine"] == {"id": NODE_ID, "name": "node-1"}
    assert shown["results"]["value"] == [1]
    files = {each["filename"]: each for each in shown["results"]["files"]}
    assert {name: each["size"] for name, each in files.items()} == {"stdout": 6, "stderr": 7}
    address = urlsplit(files["stderr"]["url"])
    read = api.get(address.path, as_=None)
    assert (read.status_code, read.data) == (200, "zwölf\n".encode())
    assert "attachment" in read.headers["Content-Disposition"]
    error(api.get(address.path + "x", as_=None), 404, "run_not_found")
    assert api.get(f"/api/jobs/tasks/{made['id']}").json["runResult"] == "Success"
    error(put(api, path, {"progress": 0.1}), 422, "update_run_error")
