"""Jobs on a real fleet, from the command line to the node and back."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import NODE_CPUS, NODE_MEMORY_MB
from tests.e2e.fleet import Fleet, intervals, order_violations, peaks
from tests.e2e.jobs import command, diamond, fan, sleep
from tests.e2e.wfformat import as_job, instances
from tests.wait import wait_until


def test_a_program_runs_and_says_what_it_says(fleet: Fleet) -> None:
    done = fleet.cli("run", "--", "sh", "-c", "echo hello; echo oh >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "oh\n")
    assert fleet.cli("run", "--", "false").returncode == 1


def test_a_diamond_runs_its_shared_task_once_and_waits_for_nothing_it_does_not_need(fleet: Fleet) -> None:
    job_id = fleet.submit(diamond(slow_s=1.5))
    assert fleet.ended(job_id)["state"] == "succeeded"
    assert len(fleet.runs(job_id)) == 5
    assert order_violations(fleet, job_id) == []
    tasks = fleet.tasks(job_id)
    assert tasks["e"]["finishedAt"] < tasks["b"]["finishedAt"]


def test_a_fan_of_a_thousand_and_its_join(fleet: Fleet) -> None:
    job_id = fleet.submit(fan(1000))
    job = fleet.ended(job_id)
    assert job["counts"]["succeeded"] == 1002
    assert job["progress"] == 1
    assert order_violations(fleet, job_id) == []


def test_wait_show_and_logs_tell_what_became_of_it(fleet: Fleet) -> None:
    document = {"name": "three words", "tasks": [command("say", "sh", "-c", "for w in a b c; do echo $w; done")]}
    job_id = fleet.cli("submit", "-", "-o", "id", stdin=json.dumps(document)).stdout.strip()
    waited = fleet.cli("wait", job_id, "-o", "json")
    assert waited.returncode == 0
    assert json.loads(waited.stdout)[0]["state"] == "succeeded"
    assert "three words" in fleet.cli("show", job_id).stdout
    assert fleet.cli("logs", job_id).stdout == "a\nb\nc\n"
    assert job_id in fleet.cli("jobs", "-o", "id").stdout.split()


def test_a_job_that_failed_is_exit_code_1_and_can_be_tried_again(fleet: Fleet) -> None:
    job_id = fleet.submit([command("broken", "sh", "-c", "exit 3"), command("after", "true", needs=("broken",))])
    assert fleet.cli("wait", job_id).returncode == 1
    tasks = fleet.tasks(job_id)
    assert (tasks["broken"]["state"], tasks["after"]["state"]) == ("failed", "skipped")
    assert "exit code 3" in fleet.cli("show", job_id).stdout
    assert fleet.cli("retry", job_id).returncode == 0
    assert fleet.cli("wait", job_id).returncode == 1
    assert len(fleet.runs(job_id)) == 2


def test_cancel_ends_what_runs_and_what_waits(fleet: Fleet) -> None:
    job_id = fleet.submit([command("long", "sleep", "60"), command("after", "true", needs=("long",))])
    wait_until(lambda: fleet.tasks(job_id)["long"]["state"] == "running", 20)
    assert fleet.cli("cancel", job_id).returncode == 0
    assert fleet.ended(job_id, 10)["state"] == "canceled"
    assert {run["state"] for run in fleet.runs(job_id)} == {"canceled"}


def test_pause_holds_a_job_and_resume_lets_it_go_on(fleet: Fleet, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = command("first", "sh", "-c", f"until [ -e {gate} ]; do sleep 0.05; done")
    job_id = fleet.submit([first, *(sleep(f"s{n}", 0.01, "first") for n in range(5))])
    assert fleet.cli("pause", job_id).returncode == 0
    gate.touch()
    wait_until(lambda: fleet.tasks(job_id)["first"]["state"] in ("succeeded", "ready"))
    assert fleet.client.get(f"/v1/jobs/{job_id}")["state"] == "paused"
    assert fleet.cli("resume", job_id).returncode == 0
    assert fleet.ended(job_id)["state"] == "succeeded"


def test_ctrl_c_on_wait_leaves_the_job_alone(fleet: Fleet) -> None:
    job_id = fleet.submit([command("long", "sleep", "60")])
    waiting = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "wait", job_id],
        env=fleet.cli_environ(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr
    assert job_id in waiting.stderr.readline()  # its first line says that it waits
    waiting.send_signal(signal.SIGINT)
    assert f"flotilla wait {job_id}" in waiting.stderr.read()
    assert waiting.wait(10) == 130
    assert fleet.client.get(f"/v1/jobs/{job_id}")["state"] == "running"
    fleet.cli("cancel", job_id)


def test_explain_says_why_a_task_waits(fleet: Fleet) -> None:
    job_id = fleet.submit([sleep("too-large", 0, cpu=8)])
    said = fleet.cli("explain", job_id, "-o", "json")
    assert said.returncode == 0
    assert json.loads(said.stdout)["reasons"]
    fleet.cli("cancel", job_id)


def test_two_nodes_share_the_work_and_neither_is_over_committed(fleet: Fleet) -> None:
    shapes = [(1, 128), (1, 512), (2, 256), (1, 300), (2, 700)]
    tasks = [sleep(f"t{n}", 0.03 + 0.02 * (n % 7), cpu=shapes[n % 5][0], memory=shapes[n % 5][1]) for n in range(100)]
    job_id = fleet.submit(tasks)
    assert fleet.ended(job_id)["state"] == "succeeded"
    found = peaks(intervals(fleet, job_id))
    assert len(found) == 2
    for cpu, memory in found.values():
        assert cpu <= NODE_CPUS
        assert memory <= NODE_MEMORY_MB


def test_a_drained_node_takes_nothing_more(fleet: Fleet) -> None:
    assert fleet.cli("drain", "node-2").returncode == 0
    try:
        job_id = fleet.submit([sleep(f"t{n}", 0.02) for n in range(20)])
        assert fleet.ended(job_id)["state"] == "succeeded"
        drained = next(node["id"] for node in fleet.client.items("/v1/nodes") if node["name"] == "node-2")
        assert drained not in {run["nodeId"] for run in fleet.runs(job_id)}
    finally:
        assert fleet.cli("undrain", "node-2").returncode == 0


@pytest.mark.parametrize("path", instances() or [pytest.param(None, marks=pytest.mark.skip("no instances here"))])
def test_a_real_workflow_keeps_its_order_and_its_nodes_their_limits(fleet: Fleet, path) -> None:
    job = as_job(path, work_s=8, cpus=NODE_CPUS, memory_mb=NODE_MEMORY_MB)
    job_id = fleet.submit(job["tasks"], job["name"])
    done = fleet.ended(job_id, 60)
    assert done["counts"]["succeeded"] == len(job["tasks"])
    assert order_violations(fleet, job_id) == []
    for cpu, memory in peaks(intervals(fleet, job_id)).values():
        assert cpu <= NODE_CPUS
        assert memory <= NODE_MEMORY_MB
