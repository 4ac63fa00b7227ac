"""Maps on a real fleet: values from a document, from a task, from a file, and what goes wrong meanwhile."""

import os
import signal
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import requests

from tests.e2e.conftest import Start
from tests.e2e.fleet import Fleet, intervals, peaks
from tests.e2e.jobs import command
from tests.wait import wait_until

ECHO = ("sh", "-c", 'echo "${1#v}" > "$FLOTILLA_RESULT"', "-", "v${{ map.value }}")


def a_map(name: str, source: Any, *argv: str, needs: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """Of commands; without one each value is echoed as its result."""
    inner = {"executor": "command", "payload": {"argv": list(argv or ECHO)}, **more.pop("inner", {})}
    return {"name": name, "type": "map", "needs": list(needs), "task": inner, "values": {"source": source}, **more}


def whole(fleet: Fleet, job_id: str, name: str = "m") -> dict[str, Any]:
    task: dict[str, Any] = fleet.client.get(f"/v1/tasks/{fleet.tasks(job_id)[name]['id']}")
    return task


def counts(fleet: Fleet, job_id: str) -> dict[str, int]:
    return {state: count for state, count in whole(fleet, job_id)["map"]["counts"].items() if count}


def test_a_map_over_two_thousand_values(fleet: Fleet) -> None:
    job_id = fleet.submit([a_map("m", list(range(2000)))])
    job = fleet.ended(job_id, 120)
    assert (job["state"], job["counts"]["succeeded"], job["progress"]) == ("succeeded", 1, 1)
    task = whole(fleet, job_id)
    assert (task["type"], task["result"], task["map"]["total"]) == ("map", list(range(2000)), 2000)
    assert task["values"]["source"] == list(range(2000))
    assert counts(fleet, job_id) == {"succeeded": 2000}
    runs = fleet.runs(job_id)
    assert [(run["mapIndex"], run["number"]) for run in runs] == [(index, 1) for index in range(2000)]
    assert {run["taskId"] for run in runs} == {task["id"]}
    assert list(fleet.client.items(f"/v1/tasks/{task['id']}/runs")) == runs
    values = list(fleet.client.items(f"/v1/tasks/{task['id']}/values"))
    assert [(one["value"], one["result"]) for one in values] == [(index, index) for index in range(2000)]


def test_values_from_a_task_and_the_list_of_their_results_in_another(fleet: Fleet) -> None:
    lists = 'echo "{\\"frames\\": [$(seq -s , 0 999)]}" > "$FLOTILLA_RESULT"'
    join = command("join", "sh", "-c", 'cat > "$FLOTILLA_RESULT"', needs=("m",))
    join["payload"]["stdin"] = "${{ needs.m.outputs.params.value }}"
    frames = "${{ needs.list.outputs.params.frames }}"
    job_id = fleet.submit([command("list", "sh", "-c", lists), a_map("m", frames, needs=("list",)), join])
    assert fleet.ended(job_id, 120)["state"] == "succeeded"
    assert fleet.tasks(job_id)["m"]["values"] == {"source": frames}
    assert fleet.tasks(job_id)["join"]["result"] == list(range(1000))


def test_values_from_a_stored_file_of_json_lines(fleet: Fleet) -> None:
    lines = b"".join(b'{"name": "n%d"}\n' % number for number in range(300))
    headers = {"Authorization": f"Bearer {(fleet.data / 'token').read_text().strip()}"}
    answer = requests.post(f"{fleet.url}/v1/assets", headers=headers, files={"file": ("l.jsonl", lines)}, timeout=30)
    assert answer.status_code == 201, answer.text
    say = ("sh", "-c", 'echo "\\"$1\\"" > "$FLOTILLA_RESULT"', "-", "${{ map.value.name }}/${{ map.index }}")
    job_id = fleet.submit([a_map("m", answer.json()["uri"], *say)])
    assert fleet.ended(job_id, 60)["state"] == "succeeded"
    assert whole(fleet, job_id)["result"] == [f"n{number}/{number}" for number in range(300)]


@pytest.mark.timeout(400)  # 30,000 values, which are 30,000 requests where a bundle has one run
def test_values_that_are_a_result_too_large_to_travel(fleet: Fleet) -> None:
    lists = 'echo "{\\"frames\\": [$(seq -s , 1000000000 1000029999)]}" > "$FLOTILLA_RESULT"'
    of_noops = {
        "name": "m",
        "type": "map",
        "needs": ["list"],
        "task": {"executor": "python", "payload": {"callable": "noop"}},
        "values": {"source": "${{ needs.list.outputs.params.frames }}"},
    }
    job_id = fleet.submit([command("list", "sh", "-c", lists), of_noops])
    assert fleet.ended(job_id, 360)["state"] == "succeeded"
    assert set(fleet.tasks(job_id)["list"]["result"]) == {"asset"}
    task = whole(fleet, job_id)
    assert (task["map"]["total"], task["result"]) == (30_000, [None] * 30_000)
    first = next(iter(fleet.client.items(f"/v1/tasks/{task['id']}/values", limit=1)))
    assert first["value"] == 1_000_000_000


def test_a_running_map_is_canceled(fleet: Fleet) -> None:
    job_id = fleet.submit([a_map("m", list(range(5000)), "sleep", "300"), command("after", "true", needs=("m",))])
    wait_until(lambda: counts(fleet, job_id).get("running", 0) >= 2, 30, fleet.logs)
    fleet.client.post(f"/v1/jobs/{job_id}/cancel")
    assert fleet.ended(job_id, 30)["state"] == "canceled"
    assert {name: task["state"] for name, task in fleet.tasks(job_id).items()} == {"m": "canceled", "after": "canceled"}
    assert counts(fleet, job_id) == {"canceled": 5000}
    assert {run["state"] for run in fleet.runs(job_id)} == {"canceled"}


def test_no_more_values_run_at_a_time_than_allowed(fleet: Fleet) -> None:
    job_id = fleet.submit([a_map("m", list(range(12)), "sleep", "0.3", maxConcurrency=2)])
    assert fleet.ended(job_id, 60)["state"] == "succeeded"
    found = [replace(one, node="all") for one in intervals(fleet, job_id)]
    assert (len(found), peaks(found)["all"][0]) == (12, 2)


def test_one_value_that_fails_is_tried_again_alone(fleet: Fleet) -> None:
    script = 'test "$1" != v3 || test "$FLOTILLA_ATTEMPT" = 2'
    inner = {"limitations": {"maxAttempts": 2}}
    job_id = fleet.submit([a_map("m", list(range(6)), "sh", "-c", script, "-", "v${{ map.value }}", inner=inner)])
    assert fleet.ended(job_id, 60)["state"] == "succeeded"
    assert Counter(run["mapIndex"] for run in fleet.runs(job_id)) == Counter([*range(6), 3])


def test_a_map_goes_on_when_a_node_is_killed(start: Start) -> None:
    fleet = start("--nodes", "2", "--cpus", "2", "--memory", "1024")
    job_id = fleet.submit([a_map("m", list(range(120)), "sh", "-c", "sleep 0.2; " + ECHO[2], *ECHO[3:])])

    def both_run() -> bool:
        running = {run["nodeId"] for run in fleet.runs(job_id) if run["state"] == "running"}
        return len(running) == 2 and counts(fleet, job_id).get("succeeded", 0) >= 10

    wait_until(both_run, 60, fleet.logs)
    os.kill(fleet.children()["node-1"], signal.SIGKILL)
    assert fleet.ended(job_id, 120)["state"] == "succeeded"
    assert whole(fleet, job_id)["result"] == list(range(120))
    states = Counter((run["mapIndex"], run["state"]) for run in fleet.runs(job_id))
    assert all(states[index, "succeeded"] == 1 for index in range(120))
    assert any(run["state"] == "lost" for run in fleet.runs(job_id))
