"""Commands that people look at: `top`, `events`, `watch`; and `openapi`, `completion`, `retry --from`."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.cli.conftest import Flotilla
from tests.cli.fake_server import FakeServer
from tests.cli.shapes import JOB_ID, TASK_ID, job, node, page, task

JOBS = f"/v1/jobs/{JOB_ID}"
READ_S = 20.0


def event(seq: int, *changes: list[str], state: str = "") -> dict[str, object]:
    kind, data = ("job", {"state": state}) if state else ("tasks", list(changes))
    return {"seq": seq, "jobId": JOB_ID, "time": "2026-01-02T03:04:05.000000Z", "kind": kind, "data": data}


@pytest.fixture
def fleet(server: FakeServer) -> FakeServer:
    server.on("GET", "/v1/nodes", page(node("big", running=["r1", "r2"], free={"cpu": 0.5, "memory": 1024})))
    server.on("GET", "/v1/queues", page({"name": "@default", "counts": {"running": 2, "waiting": 5}}))
    counts = {"succeeded": 5, "running": 2, "waiting": 3}
    server.on(
        "GET",
        "/v1/jobs",
        page(job("running", progress=0.5, counts=counts)),
        page(),
        page(),
        page(job("failed", id="old")),
    )
    return server


def test_top_once_is_one_picture(fleet: FakeServer, flotilla: Flotilla) -> None:
    lines = flotilla("top", "--once").out.splitlines()
    assert lines[1] == "1 nodes  2 running  1.5 of 2 cpu reserved  3072 of 4096 MB reserved"
    assert lines[2] == "queue @default: 2 running, 5 waiting"
    row = next(line for line in lines if line.startswith("big"))
    assert "━━━━━━━━── 1.5/2" in row
    assert "3072/4096 MB" in row
    running = next(line for line in lines if line.startswith(JOB_ID[:13]))
    assert "▶ running" in running
    assert "━━━━━─────  50% 5/10" in running
    assert running.endswith("a job  2 running, 3 waiting")
    assert any("✗ failed" in line for line in lines)


def test_top_as_json_is_what_the_api_says(fleet: FakeServer, flotilla: Flotilla) -> None:
    seen = json.loads(flotilla("top", "--once", "-o", "json").out)
    assert set(seen) == {"nodes", "queues", "jobs"}
    assert [each["state"] for each in seen["jobs"]] == ["running", "failed"]
    assert flotilla("top", "-o", "json").code == 2


def test_top_of_nothing_says_how_to_begin(server: FakeServer, flotilla: Flotilla) -> None:
    for path in ("nodes", "queues", "jobs"):
        server.on("GET", f"/v1/{path}", page())
    out = flotilla("top", "--once").out
    assert "flotilla node" in out
    assert "flotilla run -- echo hello" in out


def test_top_on_a_terminal_is_painted_until_ctrl_c(fleet: FakeServer) -> None:
    master, slave = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"}
    command = [sys.executable, "-m", "app.cli.main", "top", "--interval", "0.1"]
    process = subprocess.Popen(command, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    try:
        shown = _read_until(master, lambda text: text.count("a job") >= 2)
        assert "\x1b[?1049h" in shown
        assert "reserved" in shown
        process.send_signal(signal.SIGINT)
        assert "\x1b[?1049l" in _read_until(master, lambda text: "\x1b[?1049l" in text)
        assert process.wait(READ_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_watch_on_a_terminal_shows_what_runs_and_what_went_wrong(server: FakeServer) -> None:
    error = {"code": "exit_code", "message": "ended with 3"}
    server.on(
        "GET", f"{JOBS}/graph", {"nodes": [{"id": "t1", "name": "mesh"}, {"id": "t2", "name": "solve"}], "edges": []}
    )
    server.on("GET", f"{JOBS}/events", page(event(1, ["t1", "failed"], ["t2", "running"])), page())
    server.on("GET", "/v1/tasks/t1", task("failed", id="t1", name="mesh", error=error))
    server.on("GET", "/v1/tasks/t2", task("running", id="t2", name="solve", progress=0.4, statusText="step 4"))
    server.on("GET", JOBS, *[job("running", progress=0.5, counts={"failed": 1, "running": 1})] * 20, job("failed"))
    master, slave = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"}
    command = [sys.executable, "-m", "app.cli.main", "watch", JOB_ID]
    process = subprocess.Popen(command, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    try:
        shown = _read_until(master, lambda text: "failed  4.00s" in text)
        assert "exit_code: ended with 3" in shown
        assert "━━━━────── " in shown
        assert "40%  step 4" in shown
        assert process.wait(READ_S) == 1
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _read_until(descriptor: int, enough) -> str:  # type: ignore[no-untyped-def]  # a predicate of the text
    until, text = time.monotonic() + READ_S, ""
    while not enough(text):
        assert time.monotonic() < until, text
        if select.select([descriptor], [], [], 0.2)[0]:
            text += os.read(descriptor, 65536).decode(errors="replace")
    return text


def test_events_are_lines_in_order_with_what_they_are_about(server: FakeServer, flotilla: Flotilla) -> None:
    first = event(1, [TASK_ID, "ready"], ["other", "waiting"])
    server.on("GET", "/v1/events", page(first, cursor="more"), page(event(2, state="running")))
    lines = flotilla("events").out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "1", "2"]
    assert lines[0].endswith(f"task {TASK_ID}  ○ ready")
    assert lines[2].endswith("job  ▶ running")
    assert [asked.query["after"] for asked in server.asked] == ["0", "1"]


def test_events_go_on_after_a_number_and_are_json_for_programs(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/events", page(event(8, state="failed")))
    said = flotilla("events", "--after", "7", "-o", "ndjson")
    assert json.loads(said.out) == event(8, state="failed")
    assert server.asked[0].query["after"] == "7"
    assert flotilla("events", "-o", "id").out == "8\n"


def test_events_of_a_job_are_followed_to_its_end_and_name_its_tasks(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", f"{JOBS}/graph", {"nodes": [{"id": TASK_ID, "name": "mesh"}], "edges": []})
    server.on("GET", JOBS, job("running"), job("running"), job("succeeded"))
    server.on(
        "GET", f"{JOBS}/events", page(event(3, [TASK_ID, "running"])), page(), page(event(4, [TASK_ID, "succeeded"]))
    )
    lines = flotilla("events", "-f", "--job", JOB_ID).out.splitlines()
    assert [line.split("  ")[-2:] for line in lines] == [["task mesh", "▶ running"], ["task mesh", "✓ succeeded"]]


def test_following_events_outlives_a_server_that_goes_away(
    server: FakeServer, flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.client.PAUSES_S", ())
    monkeypatch.setattr("app.cli.client.LONG_PAUSES_S", ())
    server.on("GET", "/v1/events", page(event(1, state="running")))
    server.on("GET", "/v1/events", {"detail": "away"}, status=503)
    server.on("GET", "/v1/events", page(event(2, state="succeeded")))
    said = flotilla("events", "-f", "-n", "2")
    assert [line.split()[0] for line in said.out.splitlines()] == ["1", "2"]


def test_watch_off_a_terminal_is_as_wait(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", JOBS, job("failed"))
    said = flotilla("watch", JOB_ID)
    assert said.code == 1
    assert f"a job {JOB_ID} failed 1/1 in 4.00s" in said.err


def test_retry_from_a_task_by_its_name(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", f"{JOBS}/tasks", page(task(name="mesh")))
    server.on("POST", f"/v1/tasks/{TASK_ID}/retry", task("ready"))
    server.on("GET", JOBS, job("running"))
    assert flotilla("retry", JOB_ID, "--from", "mesh", "-o", "id").out == f"{JOB_ID}\n"
    assert server.asked[0].query == {"limit": "1", "name": "mesh"}
    assert flotilla("retry", JOB_ID, JOB_ID, "--from", "mesh").code == 2
    server.answers["GET", f"{JOBS}/tasks"] = [(200, page())]
    assert flotilla("retry", JOB_ID, "--from", "nobody").code == 3


def test_openapi_is_the_servers_document(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/openapi/native.json", {"openapi": "3.1.0"})
    assert json.loads(flotilla("openapi").out) == {"openapi": "3.1.0"}
    assert yaml.safe_load(flotilla("openapi", "native", "-o", "yaml").out) == {"openapi": "3.1.0"}
    said = flotilla("openapi", "flow")
    assert said.code == 3
    assert "FLOTILLA_DIALECTS" in said.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(flotilla: Flotilla, shell: str) -> None:
    assert f"_FLOTILLA_COMPLETE={shell}_complete" in flotilla("completion", shell).out


def test_a_shell_is_told_the_commands() -> None:
    environ = {**os.environ, "_FLOTILLA_COMPLETE": "bash_complete", "COMP_WORDS": "flotilla gra", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main"], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "plain,graph\n"


@pytest.mark.parametrize("form", ["yaml", "ndjson", "json"])
def test_every_format_holds_the_same(server: FakeServer, flotilla: Flotilla, form: str) -> None:
    jobs = [job(name="- a: b #"), job("failed", id="two")]
    server.on("GET", "/v1/jobs", page(*jobs))
    server.on("GET", JOBS, jobs[0])
    out = flotilla("jobs", "-o", form).out
    read = {"yaml": yaml.safe_load, "json": json.loads}.get(form, lambda text: list(map(json.loads, text.splitlines())))
    assert read(out) == jobs
    one = flotilla("show", JOB_ID, "-o", form).out
    assert yaml.safe_load(one) == jobs[0]
