"""Each client command: what it asks of the server, what it prints, how it ends."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Flotilla
from tests.cli.fake_server import FakeServer
from tests.cli.shapes import JOB_ID, NODE_ID, RUN_ID, TASK_ID, job, message, node, page, task
from tests.cli.shapes import said as said_so

JOBS = f"/v1/jobs/{JOB_ID}"
QUEUE = "/v1/queues/@default/jobs"


def test_jobs_are_a_table_for_people(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/jobs", page(job()))
    said = flotilla("jobs", "--state", "failed", "-n", "5")
    assert said.code == 0
    head, row = said.out.splitlines()
    assert head.split() == ["ID", "STATE", "DONE", "AGE", "TOOK", "NAME"]
    assert row.startswith(JOB_ID)
    assert "4.00s" in row
    assert server.asked[0].query == {"limit": "5", "state": "failed"}
    assert server.asked[0].headers["Authorization"] == "Bearer fl_12345678_secret"


def test_json_is_the_apis_own(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/jobs", page(job()))
    assert json.loads(flotilla("jobs", "-o", "json").out) == [job()]


def test_id_is_ids_alone_over_all_pages(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/jobs", page(job(id="one"), cursor="next"), page(job(id="two")))
    assert flotilla("jobs", "-o", "id").out == "one\ntwo\n"
    assert server.asked[1].query["cursor"] == "next"


def test_what_comes_from_others_cannot_write_on_the_terminal(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/jobs", page(job(name="evil\x1b[2J\nname")))
    out = flotilla("jobs").out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_show_names_the_job_and_the_failed_tasks_first(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", JOBS, job("failed"))
    broken = task("failed", name="broken", error={"code": "exit_code", "message": "ended with 3"})
    server.on("GET", f"{JOBS}/tasks", page(task(name="fine"), broken))
    out = flotilla("show", JOB_ID).out
    assert "1 failed" in out
    assert out.index("broken") < out.index("fine")
    assert "exit_code: ended with 3" in out


def test_show_finds_tasks_and_runs_too(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", f"/v1/tasks/{TASK_ID}", task(name="mesh"))
    server.on("GET", f"/v1/tasks/{TASK_ID}/runs", page())
    assert "mesh" in flotilla("show", TASK_ID).out
    assert flotilla("show", RUN_ID).code == 3


def test_a_job_may_be_named_by_the_beginning_of_its_id(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/jobs", page(job(), job(id="01b0-other")))
    server.on("GET", JOBS, job())
    assert flotilla("wait", "01a1").code == 0
    assert flotilla("wait", "01").code == 2
    assert flotilla("wait", "ffff").code == 3


def test_submit_sends_the_document_once_with_a_key(server: FakeServer, flotilla: Flotilla, tmp_path: Path) -> None:
    server.on("POST", QUEUE, job("pending"), status=201)
    document = {"name": "n", "tasks": []}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(document))
    said = flotilla("submit", str(path), "--priority", "80", "-o", "id")
    assert (said.code, said.out) == (0, f"{JOB_ID}\n")
    assert server.bodies("POST", QUEUE) == [document | {"priority": 80}]
    assert server.asked[0].headers["Idempotency-Key"]


def test_submit_says_again_what_got_no_answer_with_the_same_key(
    server: FakeServer, flotilla: Flotilla, tmp_path: Path
) -> None:
    server.on("POST", QUEUE, {"title": "Service Unavailable"}, status=503)
    server.on("POST", QUEUE, job("pending"), status=201)
    path = tmp_path / "job.json"
    path.write_text('{"name": "n", "tasks": []}')
    assert flotilla("submit", str(path)).code == 0
    first, second = server.asked
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_a_dry_run_shows_the_plan_and_asks_for_nothing_else(
    server: FakeServer, flotilla: Flotilla, tmp_path: Path
) -> None:
    shape = {"requirements": {"cpu": 1, "memory": 256}, "executor": "command", "tasks": 3, "atOnce": 2, "nodes": ["n1"]}
    plan = {"tasks": 3, "edges": 2, "levels": [1, 2], "criticalPath": 2, "total": {"cpu": 3, "memory": 768}}
    server.on("POST", QUEUE, plan | {"shapes": [shape]})
    path = tmp_path / "job.json"
    path.write_text('{"name": "n", "tasks": []}')
    out = flotilla("submit", str(path), "--dry-run").out
    assert server.asked[0].query == {"dryRun": "true"}
    assert "2, up to 2 wide" in out
    assert "n1" in out


@pytest.mark.parametrize("text", ["{", "[]", "nothing"])
def test_a_document_that_is_none_is_a_usage_error(flotilla: Flotilla, tmp_path: Path, text: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    assert flotilla("submit", str(path)).code == 2
    assert flotilla("submit", str(tmp_path / "absent")).code == 2


def test_refusals_name_every_wrong_place(server: FakeServer, flotilla: Flotilla, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text("{}")
    errors = [{"pointer": "/tasks/3/needs/0", "detail": "there is no task x"}]
    server.on("POST", QUEUE, {"detail": "the job is not valid", "errors": errors}, status=422)
    said = flotilla("submit", str(path))
    assert said.code == 2
    assert "/tasks/3/needs/0: there is no task x" in said.err


def test_run_prints_what_the_program_says_and_ends_with_0(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("POST", QUEUE, job("pending"), status=201)
    server.on("GET", JOBS, job("running"), job("succeeded"))
    first, second = message(1, "hello"), message(2, "oh", "stderr")
    server.on("GET", f"{JOBS}/messages", said_so(first), said_so(second), said_so())
    said = flotilla("run", "--cpu", "2", "--memory", "512", "ls", "-l")
    assert (said.code, said.out, said.err) == (0, "hello\n", "oh\n")
    (sent,) = server.bodies("POST", QUEUE)
    assert sent["tasks"][0]["payload"] == {"argv": ["ls", "-l"]}
    assert sent["tasks"][0]["requirements"] == {"cpu": 2, "memory": 512}


def test_run_of_a_program_that_fails_ends_with_1_and_says_why(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("POST", QUEUE, job("pending"), status=201)
    server.on("GET", JOBS, job("failed"))
    server.on("GET", f"{JOBS}/messages", said_so())
    server.on("GET", f"{JOBS}/tasks", page(task("failed", error={"code": "exit_code", "message": "exit code 3"})))
    said = flotilla("run", "--", "false")
    assert said.code == 1
    assert "exit code 3" in said.err


def test_run_detached_prints_the_id_alone(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("POST", QUEUE, job("pending"), status=201)
    assert flotilla("run", "--detach", "--", "true").out == f"{JOB_ID}\n"


def test_wait_tells_success_failure_and_the_end_of_patience_apart(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", JOBS, job("running"), job("succeeded"))
    assert flotilla("wait", JOB_ID).code == 0
    server.answers["GET", JOBS] = [(200, job("failed"))]
    assert flotilla("wait", JOB_ID).code == 1
    server.answers["GET", JOBS] = [(200, job("running"))]
    said = flotilla("wait", JOB_ID, "--timeout", "0.05")
    assert said.code == 124
    assert f"flotilla wait {JOB_ID}" in said.err


def test_wait_says_plain_lines_where_there_is_no_terminal(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", JOBS, job("succeeded"))
    assert flotilla("wait", JOB_ID).err == f"a job {JOB_ID} succeeded 1/1 in 4.00s\n"


@pytest.mark.parametrize("cancels", [False, True])
def test_ctrl_c_on_wait_cancels_only_when_asked_to(
    server: FakeServer, flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch, cancels: bool
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.following.time.sleep", interrupt)
    server.on("GET", JOBS, job("running"))
    server.on("POST", f"{JOBS}/cancel", job("canceled"))
    said = flotilla("wait", JOB_ID, *(["--cancel-on-interrupt"] if cancels else []))
    assert said.code == 130
    assert (f"flotilla wait {JOB_ID}" in said.err) is not cancels
    assert len(server.bodies("POST", f"{JOBS}/cancel")) == cancels


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_what_is_wanted_of_jobs_is_changed_one_by_one(server: FakeServer, flotilla: Flotilla, verb: str) -> None:
    server.on("POST", f"{JOBS}/{verb}", job("canceled"))
    assert flotilla(verb, JOB_ID, JOB_ID, "-o", "id").out == f"{JOB_ID}\n{JOB_ID}\n"


def test_retry_says_which_tasks(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("POST", f"{JOBS}/retry", job("running"))
    flotilla("retry", JOB_ID)
    flotilla("retry", JOB_ID, "--all")
    assert server.bodies("POST", f"{JOBS}/retry") == [{"scope": "failed"}, {"scope": "all"}]


def test_logs_of_a_job_keep_stdout_and_the_rest_apart(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", JOBS, job())
    lines = said_so(message(1, "out"), message(2, "err", "stderr"), message(3, "node", "system"))
    server.on("GET", f"{JOBS}/messages", lines)
    said = flotilla("logs", JOB_ID)
    assert (said.out, said.err) == ("out\n", "err\nnode\n")


def test_logs_of_a_task_are_those_of_all_its_runs(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", f"/v1/tasks/{TASK_ID}", task(name="mesh"))
    server.on("GET", f"/v1/tasks/{TASK_ID}/runs", page({"id": "r1", "number": 1}, {"id": "r2", "number": 2}))
    server.on("GET", "/v1/runs/r1/messages", said_so(message(1, "first")))
    server.on("GET", "/v1/runs/r2/messages", said_so(message(1, "second")))
    assert flotilla("logs", TASK_ID, "--names", "-f").out == "mesh: first\nmesh: second\n"
    assert flotilla("logs", TASK_ID, "--attempt", "2").out == "second\n"


def test_logs_ask_for_what_is_wanted_and_go_on_from_there(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", JOBS, job("running"), job("running"), job("succeeded"))
    server.on("GET", f"{JOBS}/messages", said_so(message(1, "one")), said_so(message(2, "two")), said_so())
    options = ("--tail", "5", "--level", "warning", "--grep", "Boom", "--stream", "stderr")
    assert flotilla("logs", JOB_ID, "-f", *options).out == "one\ntwo\n"
    asked = [each.query for each in server.asked if each.path == f"{JOBS}/messages"]
    wanted = {"limit": "1000", "tail": "5", "level": "warning", "q": "Boom", "matchCase": "true", "stream": "stderr"}
    assert asked[:2] == [wanted, {**wanted, "cursor": "after 1"}]


def test_explain_takes_a_task_or_the_first_open_one_of_a_job(server: FakeServer, flotilla: Flotilla) -> None:
    reason = {"code": "no_room", "message": "needs 16 cpu", "change": "start a larger node"}
    server.on("GET", f"{JOBS}/tasks", page(task("succeeded", id="x"), task("queued")))
    server.on("GET", f"/v1/tasks/{TASK_ID}/explain", {"state": "queued", "reasons": [reason]})
    for what in (TASK_ID, JOB_ID):
        assert "no_room: needs 16 cpu\n    start a larger node" in flotilla("explain", what).out


def test_nodes_are_drained_by_name_or_id(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/nodes", page(node()))
    server.on("POST", f"/v1/nodes/{NODE_ID}/drain", node(state="draining"))
    assert "draining" in flotilla("drain", "node-1").out
    assert flotilla("drain", NODE_ID).code == 0
    assert flotilla("drain", "node-9").code == 3


def test_queues_show_their_tasks(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/queues", page({"name": "@default", "counts": {"running": 2, "waiting": 1}}))
    assert "2 running, 1 waiting" in flotilla("queues").out
    assert flotilla("queues", "-o", "id").out == "@default\n"


def test_queues_are_paused_resumed_and_limited(server: FakeServer, flotilla: Flotilla) -> None:
    path = "/v1/queues/%40default"
    node = {"id": "n", "name": "host", "takesWork": False}
    held = {"name": "@default", "paused": True, "maxRunning": 4, "maxStartsPerMinute": 60, "nodes": [node], "depth": 7}
    for verb in ("pause", "resume"):
        server.on("POST", f"{path}/{verb}", held)
        said = flotilla("queues", verb, "@default").out
        assert "paused, at most 4 at once, at most 60 a minute" in said
        assert "host (draining)" in said
    server.on("PATCH", path, held)
    assert flotilla("queues", "limit", "@default", "--running", "4", "--per-minute", "none").code == 0
    assert server.bodies("PATCH", path) == [{"maxRunning": 4, "maxStartsPerMinute": None}]
    for wrong in ((), ("--running", "many"), ("--running", "-1")):
        said = flotilla("queues", "limit", "@default", *wrong)
        assert (said.code, said.out) == (2, "")


def test_a_token_is_shown_when_it_is_made_and_then_no_more(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("POST", "/v1/tokens", {"id": "abc", "token": "fl_abc_secret"}, status=201)
    assert flotilla("token", "create", "ci", "--role", "viewer", "--expires", "60").out == "fl_abc_secret\n"
    assert server.bodies("POST", "/v1/tokens") == [{"name": "ci", "role": "viewer", "expiresInSeconds": 60}]
    server.on("DELETE", "/v1/tokens/abc", None, status=200)
    assert flotilla("tokens", "revoke", "abc").code == 0


@pytest.mark.parametrize(("status", "code"), [(401, 4), (403, 4), (404, 3), (409, 2), (500, 5)])
def test_exit_codes_follow_the_refusal(server: FakeServer, flotilla: Flotilla, status: int, code: int) -> None:
    server.on("GET", "/v1/nodes", {"detail": "no"}, status=status)
    assert flotilla("nodes").code == code


def test_no_server_is_exit_code_5_and_says_how_to_start_one(
    flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOTILLA_URL", "http://127.0.0.1:9")
    said = flotilla("jobs")
    assert said.code == 5
    assert "flotilla up" in said.err


def test_doctor_finds_what_is_wrong_with_the_fleet(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/readyz", {"status": "ok"})
    server.on("GET", "/v1/nodes", page(node(), node("node-2", "lost")))
    said = flotilla("doctor", "-o", "json")
    assert said.code == 1
    found = {one["check"]: one["ok"] for one in json.loads(said.out)}
    assert found["server"]
    assert found["node node-1"]
    assert not found["node node-2"]


def test_tokens_for_a_user_for_a_new_node_and_anew(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("POST", "/v1/tokens", {"id": "abc", "token": "fl_abc_secret"}, status=201)
    assert flotilla("token", "create", "laptop", "--user", "u1").out == "fl_abc_secret\n"
    assert flotilla("tokens", "join").out == "fl_abc_secret\n"
    assert flotilla("tokens", "join", "rack-7", "-o", "id").out == "abc\n"
    assert server.bodies("POST", "/v1/tokens") == [
        {"name": "laptop", "userId": "u1"},
        {"name": "node", "role": "join"},
        {"name": "rack-7", "role": "join"},
    ]
    server.on("POST", "/v1/tokens/abc/rotate", {"id": "abc", "token": "fl_abc_fresh"}, status=200)
    assert flotilla("token", "rotate", "abc").out == "fl_abc_fresh\n"
