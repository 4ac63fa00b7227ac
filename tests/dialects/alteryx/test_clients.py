"""The published clients, unchanged, against a real server: from a run to its result, messages and files."""

import json
from collections.abc import Callable

import pytest

from tests.dialects.alteryx.conftest import QUESTIONS, Run
from tests.e2e.fleet import Fleet
from tests.e2e.jobs import sleep

Saved = Callable[..., str]
NOBODY = "00000000-0000-4000-8000-000000000000"
ANSWERS = json.dumps({"who": "ann", "times": "3", "how": "thorough"})
OUTPUTS = {"table": ["Csv", "Raw"], "notes.txt": ["Raw"]}


@pytest.fixture(scope="module")
def member(server: Fleet) -> str:
    """A token that is no Curator's."""
    return str(server.client.post("/v1/tokens", {"name": "mem", "role": "member"})["token"])


def test_the_generated_client_runs_a_workflow_and_gets_its_files(run_client: Run, saved: Saved) -> None:
    workflow = saved()
    told = run_client("generated.py", "monitor", workflow, ANSWERS)
    assert "'success': True" in told
    assert "'status': 'Completed'" in told
    (listed,) = run_client("generated.py", "jobs", workflow)
    assert set(listed) == {"id", "createDate", "status", "priority", "workerTag", "runWithE2"}
    found = run_client("generated.py", "outputs", listed["id"])
    job = found["job"]
    assert (job["status"], job["disposition"], job["appId"]) == ("Completed", "Success", workflow)
    assert {each["fileName"]: each["availableFormats"] for each in job["outputs"]} == OUTPUTS
    assert found["files"] == {"table.csv": "a,b\n1,ann\n", "notes.txt": "ok\n"}
    said = {(each["status"], each["text"], each["toolId"]) for each in job["messages"]}
    assert {(1, "ann x 3", 0), (2, "careful", 0)} <= said


def test_the_generated_client_reads_one_message_and_jobs_with_and_without(run_client: Run, saved: Saved) -> None:
    workflow = saved()
    job = run_client("generated.py", "start", workflow, ANSWERS)
    assert (job["status"], job["priority"]) == ("Queued", "High")
    run_client("generated.py", "monitor", workflow, ANSWERS)
    assert set(run_client("generated.py", "messages", job["id"])) == {"status", "text", "toolId"}
    assert "messages" in run_client("generated.py", "job", job["id"], '{"include_messages": true}')
    assert "messages" not in run_client("generated.py", "job", job["id"], '{"include_messages": false}')
    asked = '{"sort_field": "createDate", "direction": "Asc", "offset": "0", "limit": "1", "status": "Completed"}'
    (first,) = run_client("generated.py", "jobs", workflow, asked)
    assert first["id"] == job["id"]


def test_the_generated_client_reads_workflows(run_client: Run, saved: Saved) -> None:
    workflow = saved(name="only this", description="why")
    whole = run_client("generated.py", "workflow", workflow)
    assert (whole["name"], whole["comments"], whole["runCount"], whole["executionMode"]) == (
        *("only this", "why"),
        *(0, "Standard"),
    )
    assert whole["versions"][-1]["versionId"] == whole["publishedVersionId"]
    listed = run_client("generated.py", "workflows", "-", '{"name": "only this"}')
    assert [each["id"] for each in listed] == [workflow]
    questions = run_client("generated.py", "questions", workflow)
    assert [each["name"] for each in questions] == [each["name"] for each in QUESTIONS]


def test_the_generated_client_is_told_what_was_wrong(run_client: Run, saved: Saved, member: str) -> None:
    workflow = saved()
    answer = run_client("generated.py", "start refused", workflow, '{"who": "x", "nope": "y"}')
    assert (answer["status"], list(answer["body"]["modelState"])) == (400, ["questions.nope"])
    assert run_client("generated.py", "start refused", saved(kind="macro"), ANSWERS)["status"] == 400
    job = run_client("generated.py", "start", workflow, ANSWERS)
    assert run_client("generated.py", "messages refused", job["id"], secret=member)["status"] == 401


def test_the_written_client_runs_a_workflow_and_gets_its_files(run_client: Run, saved: Saved) -> None:
    workflow = saved()
    job = run_client("written.py", "run and wait", workflow, '{"who": "bob", "times": 4}')
    assert (job["status"], job["disposition"], job["workflow_id"]) == ("Completed", "Success", workflow)
    assert job["priority"] == "Low"
    assert {(each["name"], each["format"]) for each in job["outputs"]} == {("table", "Csv"), ("notes.txt", "Raw")}
    table = next(each["id"] for each in job["outputs"] if each["name"] == "table")
    assert run_client("written.py", "output", job["id"], json.dumps({"id": table})) == "a,b\n1,bob\n"
    messages = run_client("written.py", "messages", job["id"])
    assert {(each["status"], each["text"]) for each in messages} >= {(1, "bob x 4"), (2, "careful")}
    assert [each["id"] for each in run_client("written.py", "jobs", workflow, '{"page": 1, "page_size": 5}')] == [
        job["id"]
    ]
    assert run_client("written.py", "jobs", workflow, '{"status": "Running"}') == []


def test_the_written_client_cancels(run_client: Run, saved: Saved, server: Fleet) -> None:
    workflow = saved(job={"name": "long", "tasks": [sleep("a", 600)]}, questions=[])
    job = run_client("written.py", "run", workflow)
    assert run_client("written.py", "cancel", job["id"]) is None
    assert server.ended(job["id"])["state"] == "canceled"
    assert run_client("written.py", "job", job["id"])["status"] == "Cancelled"


def test_the_written_client_sees_a_failed_run_as_completed_with_an_error(run_client: Run, saved: Saved) -> None:
    failing = {"name": "fail", "tasks": [{"name": "a", "executor": "command", "payload": {"argv": ["false"]}}]}
    job = run_client("written.py", "run and wait", saved(job=failing, questions=[]))
    assert (job["status"], job["disposition"]) == ("Completed", "Error")
    assert any(each["level"] == "3" and each["message"].startswith("a: ") for each in job["messages"])


def test_the_written_client_reads_workflows(run_client: Run, saved: Saved) -> None:
    workflow = saved(name="and this")
    whole = run_client("written.py", "workflow", workflow)
    assert (whole["name"], whole["workflow_type"], whole["has_questions"]) == ("and this", "AnalyticApp", True)
    assert [each["id"] for each in run_client("written.py", "workflows", "-", '{"name": "and this"}')] == [workflow]
    questions = run_client("written.py", "questions", workflow)
    assert [(each["name"], each["required"], each["default_value"]) for each in questions] == [
        ("who", True, None),
        ("times", False, "2"),
        ("how", False, "quick"),
    ]


def test_the_written_client_is_told_what_was_wrong(run_client: Run, saved: Saved, member: str) -> None:
    workflow = saved()
    assert run_client("written.py", "run refused", workflow, '{"who": 1}')["kind"] == "ValidationError"
    assert run_client("written.py", "run refused", saved(kind="module"), ANSWERS)["kind"] == "ValidationError"
    assert run_client("written.py", "job refused", NOBODY)["kind"] == "JobNotFoundError"
    job = run_client("written.py", "run and wait", workflow, ANSWERS)
    assert run_client("written.py", "messages refused", job["id"], secret=member)["kind"] == "AuthenticationError"
    assert run_client("written.py", "job refused", job["id"], secret=member)["kind"] == "JobNotFoundError"
    assert run_client("written.py", "cancel refused", job["id"])["kind"] == "JobExecutionError"
