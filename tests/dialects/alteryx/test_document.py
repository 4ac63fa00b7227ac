"""What the document says of jobs: every address, parameter, key, type, status and error, and what was decided."""

import json
import re
from typing import Any

import pytest

from tests.dialects.alteryx.conftest import save
from tests.dialects.seeds import document
from tests.rest.conftest import Api, noop

NOBODY = "00000000-0000-4000-8000-000000000000"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def examples() -> list[Any]:
    """The JSON in the document, in order: a job, and a message."""
    text = document("alteryx-server-v3-jobs.txt")
    return [json.loads(found) for found in re.findall(r"^ +\{\n.*?^ {4}\}", text, re.MULTILINE | re.DOTALL)]


def same_types(shown: Any, example: Any, place: str = "") -> None:
    """Every key of the example is there, with a value of its type. More keys may be."""
    if isinstance(example, dict):
        assert isinstance(shown, dict), place
        assert set(example) <= set(shown), place
        for key, value in example.items():
            same_types(shown[key], value, f"{place}/{key}")
    elif isinstance(example, list):
        assert isinstance(shown, list), place
        assert shown, f"{place} is empty: nothing is compared"
        for each in shown:
            same_types(each, example[0], f"{place}/-")
    else:
        assert type(shown) is type(example), place


def start(api: Api, workflow: str, **more: Any) -> dict[str, Any]:
    answer = api.post(f"/webapi/v3/workflows/{workflow}/jobs", {"questions": {"who": "ann"}, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


LINES = [
    [1, 1_000_000, "stdout", "info", "hello"],
    [2, 1_500_000, "stderr", "info", "careful"],
    [3, 1_600_000, "stderr", "info", "very careful"],
    [4, 1_700_000, "stdout", "info", "</script>"],
]


def end(api: Api, lines: list[Any] = LINES, **ending: Any) -> None:
    """Run what is offered to its end, with two output files where it ends well."""
    (spec,) = api.claim()
    if not ending:
        for name, filename, content in (("table", "out.csv", b"a,b\n1,2\n"), ("notes", "notes", b"ok")):
            url = f"/v1/runs/{spec['runId']}/outputs/{name}?filename={filename}"
            sent = {"Authorization": f"Bearer {spec['token']}", "Content-Type": "application/octet-stream"}
            assert api.send("PUT", url, raw=content, headers=sent).status_code == 201
    told = {"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "startedAtUs": 1, "lines": lines}
    told["ending"] = {"state": "succeeded", "atUs": 2_000_000, "exitCode": 0, **ending}
    assert api.report(told).status_code == 200


@pytest.fixture(scope="module")
def job(shared: Api, standing: str) -> dict[str, Any]:
    """A job that has succeeded, as it is read."""
    shared.join()
    made = start(shared, standing)
    end(shared)
    found: dict[str, Any] = shared.get(f"/webapi/v3/jobs/{made['id']}").json
    return found


def test_a_job_has_the_keys_and_types_of_the_example(job: dict[str, Any], examples: list[Any], standing: str) -> None:
    same_types(job, examples[0])
    assert set(job) == set(examples[0])
    assert TIME.fullmatch(job["createDateTime"])
    assert (job["appId"], job["status"], job["disposition"]) == (standing, "Completed", "Success")
    assert (job["priority"], job["workerTag"], job["runWithE2"]) == ("Default", "", False)


def test_its_messages_are_the_lines_of_its_runs(job: dict[str, Any]) -> None:
    assert job["messages"] == [
        {"status": 1, "text": "hello", "toolId": 0},
        {"status": 2, "text": "careful", "toolId": 0},
        {"status": 2, "text": "very careful", "toolId": 0},
        {"status": 1, "text": "</script>", "toolId": 0},
    ]


def test_its_outputs_say_what_they_are(shared: Api, job: dict[str, Any]) -> None:
    shown = {each["fileName"]: each for each in job["outputs"]}
    assert {name: each["availableFormats"] for name, each in shown.items()} == {
        "table": ["Csv", "Raw"],
        "notes": ["Raw"],
    }
    assert {name: (each["name"], each["format"], each["size"]) for name, each in shown.items()} == {
        "table": ("table", "Csv", 8),
        "notes": ("notes", "Raw", 2),
    }
    table = shown["table"]["id"]
    for url in (
        f"/webapi/v1/jobs/{job['id']}/output/{table}?format=Csv",
        f"/webapi/v3/jobs/{job['id']}/output/{table}",
    ):
        answer = shared.get(url)
        assert (answer.status_code, answer.data) == (200, b"a,b\n1,2\n")
        assert answer.headers["Content-Disposition"].startswith("attachment")
    refused = shared.get(f"/webapi/v1/jobs/{job['id']}/output/{table}?format=Pdf")
    assert (refused.status_code, list(refused.json["modelState"])) == (400, ["format"])
    assert shared.get(f"/webapi/v1/jobs/{job['id']}/output/{table}?format=Wav").status_code == 400
    assert shared.get(f"/webapi/v1/jobs/{job['id']}/output/{NOBODY}?format=Raw").status_code == 404


@pytest.mark.parametrize("value", ["", "=", "=true", "=True", "=TRUE", None])
def test_messages_are_there_unless_they_are_not_wanted(shared: Api, job: dict[str, Any], value: str | None) -> None:
    query = "" if value is None else f"?includeMessages{value}"
    assert shared.get(f"/webapi/v3/jobs/{job['id']}{query}").json == job


@pytest.mark.parametrize("value", ["false", "False", "FALSE"])
def test_the_reduced_object_lacks_messages_and_nothing_else(shared: Api, job: dict[str, Any], value: str) -> None:
    reduced = shared.get(f"/webapi/v3/jobs/{job['id']}?includeMessages={value}").json
    assert reduced == {key: kept for key, kept in job.items() if key != "messages"}


@pytest.mark.parametrize(
    "query", ["includeMessages=maybe", "includeMessages=0", "other=1", "includeMessages=true&includeMessages"]
)
def test_another_parameter_is_refused(shared: Api, job: dict[str, Any], query: str) -> None:
    answer = shared.get(f"/webapi/v3/jobs/{job['id']}?{query}")
    assert (answer.status_code, set(answer.json)) == (400, {"message", "modelState"})
    assert list(answer.json["modelState"]) == [query.partition("=")[0]]


def test_the_messages_of_a_job(shared: Api, job: dict[str, Any], examples: list[Any]) -> None:
    told = shared.get(f"/webapi/v3/jobs/{job['id']}/messages").json
    same_types(told, examples[1])
    assert told == {"status": 2, "text": "very careful", "toolId": 0, "messages": job["messages"]}


def test_a_job_that_says_nothing_has_an_empty_message(api: Api, workflow: str) -> None:
    told = api.get(f"/webapi/v3/jobs/{start(api, workflow)['id']}/messages").json
    assert told == {"status": 1, "text": "", "toolId": 0, "messages": []}


def test_a_failed_run_is_completed_with_an_error_that_is_on_top(api: Api, workflow: str) -> None:
    api.join()
    made = start(api, workflow)
    end(api, state="failed", exitCode=1, error={"code": "exit_code", "message": "ended with exit code 1"})
    shown = api.get(f"/webapi/v3/jobs/{made['id']}").json
    assert (shown["status"], shown["disposition"], shown["outputs"]) == ("Completed", "Error", [])
    top = api.get(f"/webapi/v3/jobs/{made['id']}/messages").json
    assert (top["status"], top["text"], top["toolId"]) == (3, "write: ended with exit code 1", 0)
    assert top["messages"] == shown["messages"]


def test_a_tool_id_is_the_task_s_position(api: Api) -> None:
    api.join()
    tasks = [noop("first"), noop("second", needs=["first"])]
    made = start(api, save(api, job={"name": "two", "tasks": tasks}, questions=[]), questions=None)
    for number in (1, 2):
        (spec,) = api.claim()
        told = {"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "startedAtUs": 1}
        told["lines"] = [[1, number, "stdout", "info", f"line {number}"]]
        told["ending"] = {"state": "succeeded", "atUs": 2}
        api.report(told)
    told = api.get(f"/webapi/v3/jobs/{made['id']}/messages").json
    assert [(each["toolId"], each["text"]) for each in told["messages"]] == [(0, "line 1"), (1, "line 2")]


def test_the_states_of_a_job(api: Api, workflow: str) -> None:
    api.join()
    made = start(api, workflow)
    url = f"/webapi/v3/jobs/{made['id']}"

    def now() -> tuple[str, str]:
        shown = api.get(url).json
        return shown["status"], shown["disposition"]

    assert (made["status"], made["disposition"]) == now() == ("Queued", "None")
    api.post(f"/v1/jobs/{made['id']}/pause")
    assert now() == ("Queued", "None")


def test_a_job_that_runs(api: Api, workflow: str) -> None:
    api.join()
    made = start(api, workflow)
    api.claim()
    shown = api.get(f"/webapi/v3/jobs/{made['id']}").json
    assert (shown["status"], shown["disposition"]) == ("Running", "None")


def test_a_job_is_queued_as_of_its_acceptance(api: Api) -> None:
    nothing = start(api, save(api, job={"name": "none", "tasks": []}, questions=[]), questions=None)
    assert (nothing["status"], nothing["disposition"]) == ("Queued", "None")
    assert api.get(f"/webapi/v3/jobs/{nothing['id']}").json["status"] == "Completed"


def test_delete_is_a_cancel(api: Api, workflow: str) -> None:
    made = start(api, workflow)
    url = f"/webapi/v3/jobs/{made['id']}"
    answer = api.send("DELETE", url)
    assert (answer.status_code, answer.json["status"], answer.json["disposition"]) == (200, "Cancelled", "Cancelled")
    assert api.get(url).json["status"] == "Cancelled"
    assert api.get(f"/v1/jobs/{made['id']}").json["state"] == "canceled"


def test_a_job_that_has_ended_is_not_canceled(shared: Api, job: dict[str, Any]) -> None:
    answer = shared.send("DELETE", f"/webapi/v3/jobs/{job['id']}")
    assert (answer.status_code, set(answer.json)) == (400, {"message", "modelState"})


@pytest.mark.parametrize("path", ["", "/messages"])
@pytest.mark.parametrize("token", [None, "nonsense", "node"])
def test_401_without_a_good_token(shared: Api, job: dict[str, Any], path: str, token: str | None) -> None:
    headers = {"Authorization": "Bearer nonsense"} if token == "nonsense" else {}
    sent = shared.get(f"/webapi/v3/jobs/{job['id']}{path}", as_=None if token == "nonsense" else token, headers=headers)
    assert (sent.status_code, set(sent.json), sent.json["modelState"]) == (401, {"message", "modelState"}, {})
    assert sent.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["", "/messages", f"/output/{NOBODY}"])
def test_404_for_all_that_is_not_there_alike(shared: Api, job: dict[str, Any], path: str) -> None:
    answers = [
        shared.get(f"/webapi/v3/jobs/{wrong}{path}") for wrong in (NOBODY, "66ebd18d3d6200007e000d8c", "'", "%00")
    ]
    answers.append(shared.get(f"/webapi/v3/jobs/{job['id']}{path}", as_="foreign"))
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert "not found" in answers[0].json["message"].lower()


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_messages_are_for_curators_only(api: Api, workflow: str, role: str) -> None:
    made = api.post(f"/webapi/v3/workflows/{workflow}/jobs", {"questions": {"who": "x"}}, as_="member").json
    answer = api.get(f"/webapi/v3/jobs/{made['id']}/messages", as_=role)
    assert (answer.status_code, set(answer.json)) == (401, {"message", "modelState"})
    assert api.get(f"/webapi/v3/jobs/{made['id']}/messages", as_="curator").status_code == 200


def test_callers_see_their_own_jobs_and_curators_all(api: Api, workflow: str) -> None:
    made = api.post(f"/webapi/v3/workflows/{workflow}/jobs", {"questions": {"who": "x"}}, as_="member").json
    url = f"/webapi/v3/jobs/{made['id']}"
    assert [api.get(url, as_=role).status_code for role in ("member", "curator", "admin", "viewer")] == [
        200,
        200,
        200,
        404,
    ]
    assert api.get(url, as_="viewer").text == api.get(f"/webapi/v3/jobs/{NOBODY}", as_="viewer").text
    for path in (f"/webapi/v3/workflows/{workflow}/jobs", f"/webapi/v3/jobs/?workflowId={workflow}"):
        seen = {role: len(api.get(path, as_=role).json) for role in ("member", "curator", "viewer")}
        assert seen == {"member": 1, "curator": 1, "viewer": 0}
    others = start(api, workflow)
    assert api.send("DELETE", f"/webapi/v3/jobs/{others['id']}", as_="member").status_code == 404


def test_who_may_not_read_messages_sees_none(shared: Api, job: dict[str, Any]) -> None:
    token = shared.post("/v1/tokens", {"name": "admin", "role": "member", "scopes": ["jobs:read"]}).json["token"]
    sent = shared.get(f"/webapi/v3/jobs/{job['id']}", as_=None, headers={"Authorization": f"Bearer {token}"})
    assert (sent.status_code, sent.json["messages"]) == (200, [])


@pytest.mark.parametrize("path", ["/webapi//v3/jobs/{id}", "/webapi///v3/jobs/{id}/", "/webapi/v3//jobs/{id}//"])
def test_doubled_and_trailing_slashes(shared: Api, job: dict[str, Any], path: str) -> None:
    assert shared.get(path.format(id=job["id"])).json == job


def test_one_id_everywhere(shared: Api, job: dict[str, Any]) -> None:
    assert shared.get(f"/v1/jobs/{job['id']}").json["state"] == "succeeded"
    plain = shared.submit(noop("only"))
    shown = shared.get(f"/webapi/v3/jobs/{plain['id']}").json
    assert (shown["id"], shown["appId"]) == (plain["id"], "")


def test_another_s_error_is_in_this_form_too(shared: Api) -> None:
    for method, path, status in (("GET", "/webapi/v3/nothing", 404), ("PUT", "/webapi/v3/jobs", 405)):
        answer = shared.send(method, path)
        assert (answer.status_code, set(answer.json)) == (status, {"message", "modelState"})
