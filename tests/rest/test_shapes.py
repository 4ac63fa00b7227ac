"""What is answered has exactly the keys that the API's page fixes, and the values that were submitted."""

import re
from typing import Any
from uuid import UUID

import pytest

from app.rest.native.schemas import account, fleet_out, job_out, messages, queues, run_out, task_out
from app.rest.native.schemas.shown import Shown
from tests.rest.conftest import NODE_ID, Api, noop

JOB = {
    "id", "name", "queue", "projectId", "orgId", "createdBy", "state", "priority", "progress", "counts", "createdAt",
    "startedAt", "finishedAt", "error", "parameters", "labels",
}  # fmt: skip
TASK = {
    "id", "jobId", "name", "type", "executor", "needs", "runWhen", "payload", "inputs", "requirements", "limitations",
    "hints", "priority", "tag", "state", "attempts", "progress", "statusText", "createdAt", "startedAt", "finishedAt",
    "error", "result", "outputs",
}  # fmt: skip
RUN = {
    "id", "jobId", "taskId", "mapIndex", "number", "state", "nodeId", "fence", "createdAt", "startedAt", "finishedAt",
    "progress", "statusText", "exitCode", "signal", "error", "result", "usage",
}  # fmt: skip
USAGE = {
    "wallSeconds", "cpuUserSeconds", "cpuSystemSeconds", "peakRssBytes", "currentRssBytes", "readBytes",
    "writtenBytes", "maxProcesses", "gpuSeconds", "peakGpuBytes",
}  # fmt: skip
NODE = {
    "id", "name", "state", "pid", "total", "free", "queues", "tags", "executors", "version", "heartbeatAt", "running",
    "load",
}  # fmt: skip
MESSAGE = {"id", "runId", "taskId", "line", "time", "stream", "level", "text"}

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

FULL: dict[str, Any] = {
    "name": "mesh",
    "type": "task",
    "executor": "command",
    "needs": ["fetch"],
    "runWhen": "all_done",
    "payload": {"argv": ["mesh2sdf", "${{ needs.fetch.outputs.params.resolution }}"], "env": {"A": "1"}},
    "inputs": [{"source": {"uri": "https://example.org/part.stl"}, "target": {"path": "part.stl"}}],
    "outputs": [{"source": {"path": "part.sdf"}, "name": "volume"}],
    "requirements": {"cpu": 4, "memory": 3072},
    "limitations": {
        "maxExecutionTimeInSeconds": 600, "maxAttempts": 3, "retryDelayInSeconds": 5, "memoryGrowth": 2.0,
    },
    "hints": {"color": "red"},
    "priority": 70,
    "tag": "linux",
}  # fmt: skip


def ran(api: Api, **ending: Any) -> dict[str, Any]:
    """A job of one task, run to its end."""
    api.join()
    job = api.submit(noop("only"))
    (spec,) = api.claim()
    usage = dict.fromkeys(USAGE, 1)
    answer = api.report(
        {
            "runId": spec["runId"],
            "fence": spec["fence"],
            "sequence": 1,
            "startedAtUs": 1,
            "progress": 0.5,
            "statusText": "half way",
            "usage": usage,
            "samples": [{"atUs": 1_000_000, "usage": usage}],
            "lines": [[1, 1_000_000, "stdout", "info", "hello"], [2, 1_500_000, "stderr", "info", "</script>"]],
            "ending": {"state": "succeeded", "atUs": 2, "exitCode": 0, **ending},
        }
    )
    assert answer.status_code == 200, answer.text
    return job


def test_a_job(api: Api) -> None:
    job = api.submit(noop("a"), noop("b", needs=["a"]), parameters={"x": [1]}, labels={"team": "blue"}, priority=60)
    assert set(job) >= JOB
    assert api.get(f"/v1/jobs/{job['id']}").json == job
    assert UUID(job["id"]).version == 7
    assert (job["name"], job["queue"], job["state"], job["priority"]) == ("job", "@default", "pending", 60)
    assert (job["progress"], job["parameters"], job["labels"]) == (0.0, {"x": [1]}, {"team": "blue"})
    assert sum(job["counts"].values()) == 2
    assert set(job["counts"]) == {
        "waiting", "ready", "queued", "running", "succeeded", "failed", "canceled", "skipped",
    }  # fmt: skip
    assert TIME.fullmatch(job["createdAt"])
    assert (job["startedAt"], job["finishedAt"], job["error"]) == (None, None, None)


def test_a_task_shows_all_that_was_submitted(api: Api) -> None:
    job = api.submit(noop("fetch"), FULL, noop("versioned", executor={"name": "python", "version": "1.0"}))
    _, task, versioned = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert set(task) >= TASK
    assert {key: task[key] for key in FULL if key != "outputs"} == {k: v for k, v in FULL.items() if k != "outputs"}
    assert task["declaredOutputs"] == FULL["outputs"]
    assert task["outputs"] == {"params": {}, "assets": {}}
    assert (task["state"], task["attempts"], task["result"]) == ("waiting", 0, None)
    assert versioned["executor"] == {"name": "python", "version": "1.0"}
    assert api.get(f"/v1/tasks/{task['id']}").json == task


def test_a_task_has_its_defaults(api: Api) -> None:
    job = api.submit(noop("a"), priority=80)
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert task["requirements"] == {"cpu": 1, "memory": 256}
    assert task["limitations"] == {"maxExecutionTimeInSeconds": 3600, "maxAttempts": 1, "retryDelayInSeconds": 0}
    assert (task["type"], task["runWhen"], task["hints"], task["tag"]) == ("task", "all_succeeded", {}, "")
    assert task["priority"] == 80, "the job's own"


@pytest.mark.parametrize(
    ("result", "params"), [({"k": 1}, {"k": 1}), ([1], {"value": [1]}), (None, {"value": None}), ("x", {"value": "x"})]
)
def test_a_finished_task_has_its_result(api: Api, result: Any, params: Any) -> None:
    job = ran(api, result=result)
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert (task["state"], task["attempts"], task["progress"]) == ("succeeded", 1, 1.0)
    assert (task["result"], task["outputs"]["params"]) == (result, params)
    job = api.get(f"/v1/jobs/{job['id']}").json
    assert (job["state"], job["progress"], job["counts"]["succeeded"]) == ("succeeded", 1.0, 1)
    assert job["createdAt"] <= job["startedAt"] <= job["finishedAt"]


def test_a_failed_task_has_its_error(api: Api) -> None:
    job = ran(api, state="failed", exitCode=3, error={"code": "exit_code", "message": "exit code 3"})
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert (task["state"], task["error"]) == ("failed", {"code": "exit_code", "message": "exit code 3"})
    assert api.get(f"/v1/jobs/{job['id']}").json["error"]["code"] == "tasks_failed"
    assert api.get(f"/v1/tasks/{task['id']}/explain").json["reasons"][0]["code"] == "exit_code"


def test_a_run_and_what_it_said(api: Api) -> None:
    job = ran(api, result=1)
    (run,) = api.get(f"/v1/jobs/{job['id']}/runs").json["items"]
    assert set(run) >= RUN
    assert set(run["usage"]) == USAGE
    assert (run["number"], run["state"], run["nodeId"], run["mapIndex"]) == (1, "succeeded", NODE_ID, None)
    assert (run["statusText"], run["exitCode"], run["signal"]) == ("half way", 0, None)
    assert run["createdAt"] <= run["startedAt"] <= run["finishedAt"]
    assert api.get(f"/v1/runs/{run['id']}").json == run
    assert api.get(f"/v1/tasks/{run['taskId']}/runs").json["items"] == [run]
    messages = api.get(f"/v1/runs/{run['id']}/messages").json["items"]
    assert [message["text"] for message in messages] == ["hello", "</script>"]
    assert set(messages[0]) == MESSAGE
    assert messages[0]["time"] == "1970-01-01T00:00:01.000000Z"
    assert len({UUID(message["id"]) for message in messages}) == 2
    assert api.get(f"/v1/jobs/{job['id']}/messages").json["items"] == messages
    assert api.get(f"/v1/tasks/{run['taskId']}/messages").json["items"] == messages
    (sample,) = api.get(f"/v1/runs/{run['id']}/usage").json["items"]
    assert set(sample) == USAGE | {"time"}


def test_a_run_that_waits_has_no_usage_yet(api: Api) -> None:
    api.join()
    job = api.submit(noop("a"))
    (run,) = api.get(f"/v1/jobs/{job['id']}/runs").json["items"]
    assert (run["state"], run["nodeId"], run["startedAt"]) == ("queued", None, None)
    assert set(run["usage"]) == USAGE


def test_a_node(api: Api) -> None:
    api.join()
    (node,) = api.get("/v1/nodes").json["items"]
    assert set(node) >= NODE
    assert (node["id"], node["name"], node["state"], node["pid"]) == (NODE_ID, "node-1", "online", 4711)
    assert node["total"] == node["free"] == {"cpu": 4, "memory": 4096}
    assert set(node["load"]) == {"cpuPercent", "usedMemoryBytes"}
    assert api.get(f"/v1/nodes/{NODE_ID}").json == node
    assert api.post(f"/v1/nodes/{NODE_ID}/drain").json["state"] == "draining"
    assert api.post(f"/v1/nodes/{NODE_ID}/undrain").json["state"] == "online"
    offered = api.get("/v1/executors").json["items"]
    assert [each["name"] for each in offered] == ["command", "python"]
    assert [each["nodes"] for each in offered] == [[{"id": NODE_ID, "name": "node-1"}]] * 2


def test_the_rest(api: Api) -> None:
    api.join()
    job = api.submit(noop("a"), noop("b", needs=["a"]))
    graph = api.get(f"/v1/jobs/{job['id']}/graph").json
    ids = {node["name"]: node["id"] for node in graph["nodes"]}
    assert graph["edges"] == [{"source": ids["a"], "target": ids["b"]}]
    reasons = api.get(f"/v1/tasks/{ids['b']}/explain").json
    assert reasons["state"] == "waiting"
    assert [set(reason) for reason in reasons["reasons"]] == [{"code", "message", "change"}]
    (queue,) = api.get("/v1/queues").json["items"]
    assert (queue["name"], queue["counts"]["waiting"]) == ("@default", 1)
    (project,) = api.get("/v1/projects").json["items"]
    assert set(project) == {"id", "orgId", "name", "createdAt"}
    assert project["id"] == job["projectId"]
    events = api.get(f"/v1/jobs/{job['id']}/events").json["items"]
    assert set(events[0]) == {"seq", "jobId", "time", "kind", "data"}
    later = api.get(f"/v1/events?after={events[0]['seq']}").json["items"]
    assert all(event["seq"] > events[0]["seq"] for event in later)


def test_a_dry_run_plans_and_stores_nothing(api: Api) -> None:
    api.join()
    before = api.stored()
    tasks = [noop("a"), noop("b", needs=["a"]), noop("c", needs=["a"], requirements={"cpu": 2, "memory": 512})]
    answer = api.post("/v1/queues/new/jobs?dryRun=true", {"name": "j", "tasks": tasks})
    assert answer.status_code == 200
    plan = answer.json
    assert (plan["tasks"], plan["edges"], plan["levels"], plan["criticalPath"]) == (3, 2, [1, 2], 2)
    assert plan["total"] == {"cpu": 4, "memory": 1024}
    assert {shape["requirements"]["cpu"]: shape["nodes"] for shape in plan["shapes"]} == {1: ["node-1"], 2: ["node-1"]}
    assert api.stored() == before


def test_what_is_documented_is_what_is_shown(api: Api) -> None:
    job = ran(api, result={"k": 1})
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    (run,) = api.get(f"/v1/jobs/{job['id']}/runs").json["items"]
    token = api.post("/v1/tokens", {"name": "t"}).json
    shown: list[tuple[type[Shown], dict[str, Any]]] = [
        (job_out.JobShown, job),
        (job_out.GraphShown, api.get(f"/v1/jobs/{job['id']}/graph").json),
        (job_out.PlanShown, api.post("/v1/queues/q/jobs?dryRun=true", {"name": "j", "tasks": [noop("a")]}).json),
        (task_out.TaskShown, task),
        (task_out.ExplanationShown, api.get(f"/v1/tasks/{task['id']}/explain").json),
        (run_out.RunShown, run),
        (messages.MessageShown, api.get(f"/v1/runs/{run['id']}/messages").json["items"][0]),
        (run_out.SampleShown, api.get(f"/v1/runs/{run['id']}/usage").json["items"][0]),
        (run_out.EventShown, api.get("/v1/events").json["items"][0]),
        (fleet_out.NodeShown, api.get(f"/v1/nodes/{NODE_ID}").json),
        (queues.QueueShown, api.get("/v1/queues").json["items"][0]),
        (fleet_out.ExecutorShown, api.get("/v1/executors").json["items"][0]),
        (account.ProjectShown, api.get("/v1/projects").json["items"][0]),
        (account.NewToken, token),
        (account.TokenShown, api.get("/v1/tokens").json["items"][0]),
    ]
    for schema, answer in shown:
        declared = {field.data_key or name for name, field in schema().fields.items()}
        of_maps = set(task_out.OF_MAPS) if answer.get("type") == "task" else set()
        assert set(answer) == declared - of_maps, schema
        assert schema().validate({key: value for key, value in answer.items() if value is not None}) == {}
