"""Bad input: 400 with a place in `detail`, never 422 and never 500. What is refused natively is refused here."""

import gzip
import json
from typing import Any

import pytest

from tests.dialects.flow.test_document import MISSING, QUEUE
from tests.rest.conftest import Api, noop
from tests.rest.test_refusals import BAD_PATHS, REFUSED_TASKS, reads, wanted

JOBS = f"{QUEUE}/jobs"
TAKEN = [
    *(wanted(cpu="4")["requirements"], wanted(memory="256")["requirements"]),
    *(reads(path)["inputs"] for path in BAD_PATHS if path.startswith(("../", "/", "a/..", "//"))),
]
"""What is refused natively and translated here."""


def is_taken(task: dict[str, Any]) -> bool:
    return any(task.get(key) in TAKEN for key in ("requirements", "inputs"))


@pytest.mark.parametrize(("bad", "place"), [row for row in REFUSED_TASKS if not is_taken(row[0])])
def test_a_bad_task_is_refused_where_it_is_bad(shared: Api, bad: dict[str, Any], place: str) -> None:
    answer = shared.post(JOBS, {"name": "j", "tasks": [noop("x"), bad]})
    assert (answer.status_code, answer.mimetype) == (400, "application/json"), answer.text
    assert set(answer.json) == {"title", "detail"}
    assert f"/tasks/1{place}: " in answer.json["detail"]
    assert shared.stored()[0] == []


def test_what_is_translated_is_taken(api: Api) -> None:
    rows = [bad for bad, _ in REFUSED_TASKS if is_taken(bad)]
    assert len(rows) >= len(TAKEN)
    for bad in rows:
        answer = api.post(JOBS, {"name": "j", "tasks": [bad]})
        assert answer.status_code == 201, answer.text
        (task,) = api.get(f"{JOBS}/{answer.json['id']}/tasks").json["results"]
        for group in task.get("requirements", {}).values():
            assert type(group) is int
        for one in task["inputs"]:
            assert not one["target"]["path"].startswith("/")
            assert ".." not in one["target"]["path"].split("/")


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {"tasks": []},
        {"name": "j"},
        {"name": "", "tasks": []},
        {"name": "x" * 201, "tasks": []},
        {"name": "j", "tasks": {}},
        {"name": "j", "tasks": [7]},
        {"name": "j", "tasks": [], "tags": "a"},
        {"name": "j", "tasks": [], "tags": [7]},
        {"name": "j", "tasks": [], "tags": ["x" * 201]},
        {"name": "j", "tasks": [], "tags": [str(number) for number in range(65)]},
        {"name": "j", "tasks": [noop("a"), noop("a")]},
        {"name": "j", "tasks": [noop("a", needs=["a"])]},
        *[{"name": "j", "tasks": [], key: "x"} for key in ("id", "createdBy", "status", "queueId", "__proto__")],
    ],
)
def test_a_bad_job_is_refused(shared: Api, bad: Any) -> None:
    answer = shared.post(JOBS, bad)
    assert (answer.status_code, set(answer.json)) == (400, {"title", "detail"})


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"name": "\\ud800", "tasks": []}',
        b'{"name": "j", "name": "k", "tasks": []}',
        b"{",
        b"\xff",
    ],
)
def test_a_body_that_is_no_json_is_400(shared: Api, raw: bytes) -> None:
    answer = shared.post(JOBS, raw=raw)
    assert (answer.status_code, set(answer.json)) == (400, {"title", "detail"})


def test_sizes_and_media_types_keep_their_statuses(shared: Api) -> None:
    body = json.dumps({"name": "j", "tasks": []}).encode()
    assert shared.post(JOBS, raw=b"x" * (33 << 20)).status_code == 413
    bomb = gzip.compress(b" " * (10 << 20))
    assert shared.post(JOBS, raw=bomb, headers={"Content-Encoding": "gzip"}).status_code == 413
    for kind in ("text/plain", "application/xml"):
        answer = shared.post(JOBS, raw=body, headers={"Content-Type": kind})
        assert (answer.status_code, set(answer.json)) == (415, {"title", "detail"})


@pytest.mark.parametrize(
    "query",
    [
        "filter[name]=a&filter[name]=b",
        "filter[[name]]=a",
        "filter[state]=a",
        "filter=a",
        "limit=5",
        "filter[name]=",
        f"filter[name]={'x' * 1001}",
    ],
)
def test_filters_that_are_none_are_400(shared: Api, query: str) -> None:
    answer = shared.get(f"{JOBS}/{MISSING}/tasks?{query}")
    assert (answer.status_code, set(answer.json)) == (400, {"title", "detail"})


@pytest.mark.parametrize("wrong", ["'", "%00", "..", "x" * 5000, MISSING, "%C3%A9", "1;drop"])
def test_wrong_ids_are_404_and_all_alike(shared: Api, wrong: str) -> None:
    expected = shared.get(f"{JOBS}/{MISSING}").json
    for path in ("", "/tasks", "/executions", "/logs", "/outputs"):
        answer = shared.get(f"{JOBS}/{wrong}{path}")
        assert (answer.status_code, answer.json) == (404, expected)


def test_an_unknown_address_and_method_answer_in_the_dialects_form(shared: Api) -> None:
    for method, path, status in (
        ("GET", "/flow/compute/v1/nothing", 404),
        ("GET", "/flow", 404),
        ("PUT", JOBS, 405),
        ("GET", "/authentication/v2/token", 405),
    ):
        answer = shared.send(method, path)
        assert answer.status_code == status
        if path != "/flow":
            assert set(answer.json) == {"title", "detail"}


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer", 401), ("Basic eDp5", 401), ("Bearer a, Bearer b", 400), ("Bearer " + "x" * 5000, 401)],
)
def test_bad_tokens_answer_in_the_dialects_form(shared: Api, header: str, status: int) -> None:
    answer = shared.get(JOBS, as_=None, headers={"Authorization": header})
    assert (answer.status_code, set(answer.json)) == (status, {"title", "detail"})


def test_what_a_role_may_not_do_is_403(shared: Api) -> None:
    for answer in (
        shared.post(JOBS, {"name": "j", "tasks": []}, as_="viewer"),
        shared.send("DELETE", f"{JOBS}/{MISSING}", as_="viewer"),
        shared.post(f"{QUEUE}/jobs:cancel", {"jobId": MISSING}, as_="viewer"),
        shared.get("/flow/storage/v1/spaces/scratch:@default/resources/x/upload-urls", as_="viewer"),
    ):
        assert (answer.status_code, set(answer.json)) == (403, {"title", "detail"})


@pytest.mark.parametrize("queue", ["x" * 201, "%07", "%00"])
def test_a_bad_queue_is_400(shared: Api, queue: str) -> None:
    answer = shared.post(f"/flow/compute/v1/queues/{queue}/jobs", {"name": "j", "tasks": []})
    assert answer.status_code == 400
    assert "queue" in answer.json["detail"]
