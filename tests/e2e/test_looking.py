"""What people look at, on a real fleet: `top`, `graph`, `show`, `events`, `watch`, `report`, and the trace of a job."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import Fleet

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVIL = "<script>alert(1)</script>"


def sh(name: str, script: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "executor": "command",
        "payload": {"argv": ["sh", "-c", script]},
        "needs": list(needs),
        **more,
    }


@pytest.fixture(scope="module")
def job_id(fleet: Fleet) -> str:
    tasks = [
        sh("list", "echo found"),
        *(sh(f"part-{i}", f"echo part {i}", "list", requirements={"cpu": 1, "memory": 1024}) for i in range(6)),
        sh(EVIL, "echo '<img src=x onerror=alert(1)>' >&2; exit 3", "list"),
        sh("join", "true", *(f"part-{i}" for i in range(6))),
    ]
    made = fleet.submit(tasks, name=f"film {EVIL}")
    fleet.ended(made)
    return made


def test_top_shows_the_nodes_and_the_job(fleet: Fleet, job_id: str) -> None:
    out = fleet.cli("top", "--once").stdout
    assert {"node-1", "node-2"} <= {line.split()[0] for line in out.splitlines() if line}
    assert "100% 9/9" in next(line for line in out.splitlines() if line.startswith(job_id[:13]))
    seen = json.loads(fleet.cli("top", "--once", "-o", "json").stdout)
    assert job_id in [each["id"] for each in seen["jobs"]]


def test_graph_folds_what_is_alike(fleet: Fleet, job_id: str) -> None:
    lines = fleet.cli("graph", job_id).stdout.splitlines()
    assert lines[0] == f"✗ film {EVIL}  failed  9/9"
    assert lines[2].split() == ["1", "✓", "list", "succeeded"]
    assert any("part-* x 6" in line and "6 succeeded" in line for line in lines)
    assert fleet.cli("graph", job_id, "--format", "dot").stdout.startswith("digraph")
    assert len(fleet.cli("graph", job_id, "--all").stdout.splitlines()) == 2 + 9


def test_show_tells_of_a_job_a_task_and_a_run(fleet: Fleet, job_id: str) -> None:
    assert "8 succeeded, 1 failed" in fleet.cli("show", job_id).stdout
    failed = fleet.tasks(job_id)[EVIL]
    assert "exit_code" in fleet.cli("show", failed["id"]).stdout
    run = next(each for each in fleet.runs(job_id) if each["taskId"] == failed["id"])
    assert "at its peak" in fleet.cli("show", run["id"]).stdout
    assert json.loads(fleet.cli("show", run["id"], "-o", "json").stdout)["exitCode"] == 3


def test_events_tell_the_whole_story_and_can_be_taken_up_again(fleet: Fleet, job_id: str) -> None:
    told = [json.loads(line) for line in fleet.cli("events", "--job", job_id, "-o", "ndjson").stdout.splitlines()]
    assert told[-1]["data"] == {"state": "failed"}
    assert {change[1] for event in told if event["kind"] == "tasks" for change in event["data"]} >= {
        "running",
        "failed",
    }
    rest = fleet.cli("events", "--job", job_id, "-f", "--after", str(told[2]["seq"]), "-o", "id").stdout.split()
    assert rest == [str(event["seq"]) for event in told[3:]]


def test_watch_ends_with_the_job(fleet: Fleet, job_id: str) -> None:
    done = fleet.cli("watch", job_id)
    assert (done.returncode, "failed 9/9" in done.stderr) == (1, True)


def test_report_is_one_file_with_everything(fleet: Fleet, job_id: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert fleet.cli("report", job_id, "-o", str(path)).stdout == f"{path}\n"
    text = path.read_text()
    assert "<script" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "asked 1.0 GiB, peak" in text
    for part in ("node-1", "part-* x 6", "the program ended with exit code 3"):
        assert part in text


def test_a_trace_goes_from_the_request_to_the_program(fleet: Fleet) -> None:
    client = fleet.client
    client._session.headers["traceparent"] = TRACEPARENT
    tasks = [
        sh("command", 'printf \'"%s"\' "$TRACEPARENT" > "$FLOTILLA_RESULT"'),
        {"name": "python", "executor": "python", "payload": {"callable": "noop"}},
    ]
    made = client.post("/v1/queues/@default/jobs", {"name": "traced", "tasks": tasks})
    assert made["traceparent"] == TRACEPARENT
    assert fleet.ended(made["id"])["state"] == "succeeded"
    assert fleet.tasks(made["id"])["command"]["result"] == TRACEPARENT
