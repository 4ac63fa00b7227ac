"""What one real job has used, said, taken and left behind, read back from every surface that has a field for it.

The job is the mesh example, submitted natively: it has one id in the native API, Flow, Threekit and Alteryx.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.e2e.fleet import Fleet
from tests.examples.conftest import NODE_MEMORY_MB
from tests.examples.running import picture

QUEUE = "/flow/compute/v1/queues/@default"
TASKS = ("preprocess", "volume", "area", "bounds", "slices", "report")
LEFT = {"mesh": "mesh.npz", "outlines": "slices.json", "report": "report.png"}
MIB = 1 << 20
Get = Callable[[str], Any]


@pytest.fixture(scope="module")
def fetch(fleet: Fleet, token: str) -> Callable[..., requests.Response]:
    def send(path: str, *, with_token: bool = True) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if with_token else {}
        answer = requests.get(path if path.startswith("http") else fleet.url + path, headers=headers, timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer

    return send


@pytest.fixture(scope="module")
def get(fetch: Callable[..., requests.Response]) -> Get:
    return lambda path: fetch(path).json()


@pytest.fixture(scope="module")
def native(fleet: Fleet, knot: str) -> dict[str, dict[str, Any]]:
    """By task its run, with the task as `task`."""
    runs = {run["taskId"]: run for run in fleet.runs(knot)}
    return {name: {**runs[task["id"]], "task": task} for name, task in fleet.tasks(knot).items()}


def test_native(fleet: Fleet, knot: str, native: dict[str, dict[str, Any]]) -> None:
    for run in native.values():
        usage = run["usage"]
        assert 0.02 < usage["cpuUserSeconds"] + usage["cpuSystemSeconds"] < 60
        assert usage["wallSeconds"] > 0.02
        assert 8 * MIB < usage["peakRssBytes"] < 512 * MIB
        assert usage["maxProcesses"] >= 1
        assert run["nodeId"] == next(iter(fleet.client.items("/v1/nodes")))["id"]
    samples = list(fleet.client.items(f"/v1/runs/{native['report']['id']}/usage"))
    assert samples, "a series for the plots"
    (line, *_) = fleet.client.items(f"/v1/runs/{native['preprocess']['id']}/messages")
    assert (line["stream"], line["text"].split(",")[0]) == ("stdout", "triangles 5760")
    assert native["slices"]["progress"] == 1
    outputs = {each["name"]: each for each in fleet.client.items(f"/v1/jobs/{knot}/outputs")}
    assert {name: each["filename"] for name, each in outputs.items()} == LEFT
    given = {each["target"]["path"] for each in native["report"]["task"]["inputs"]}
    assert given == {"report.py", "mesh.npz", "slices.json"}


def test_threekit(get: Get, fetch: Any, knot: str, native: dict[str, dict[str, Any]]) -> None:
    shown = {run["taskId"]: run for run in get(f"/api/jobs/runs?jobId={knot}&perPage=100")["runs"]}
    assert len(shown) == len(TASKS)
    for name, run in native.items():
        found = get(f"/api/jobs/runs/{run['id']}")
        found = found[0] if isinstance(found, list) else found
        usage = run["usage"]
        assert found["CPUTime"] == pytest.approx(usage["cpuUserSeconds"] + usage["cpuSystemSeconds"], abs=0.01)
        assert found["wallClockTime"] == pytest.approx(usage["wallSeconds"], abs=0.01)
        assert found["RAMUsage"] == usage["peakRssBytes"]
        asked = run["task"]["requirements"]
        assert found["requestCPUs"] == found["limitCPUs"] == asked["cpu"]
        assert found["requestRAM"] == found["limitRAM"] == asked["memory"] * MIB
        assert (found["nodeCPUs"], found["nodeRAM"]) == (2, NODE_MEMORY_MB * MIB)
        assert found["instanceID"] == run["nodeId"] == found["machine"]["id"]
        assert (found["progress"], found["resultCode"], found["error"]) == (1, "Success", None), name
    files = {file["filename"]: file for file in shown[native["report"]["taskId"]]["results"]["files"]}
    assert files["report.png"]["mimeType"] == "image/png"
    picture(fetch(files["report.png"]["url"], with_token=False).content)
    said = {file["filename"]: file for file in shown[native["preprocess"]["taskId"]]["results"]["files"]}["stdout"]
    assert fetch(said["url"], with_token=False).text.startswith("triangles 5760, ")


def test_flow(get: Get, fetch: Any, knot: str, native: dict[str, dict[str, Any]]) -> None:
    tasks = {task["name"]: task for task in get(f"{QUEUE}/jobs/{knot}/tasks")["results"]}
    assert {each["target"]["path"] for each in tasks["report"]["inputs"]} == {"report.py", "mesh.npz", "slices.json"}
    assert tasks["report"]["requirements"] == {"cpu": 1, "memory": 512}
    executions = {one["taskName"]: one for one in get(f"{QUEUE}/jobs/{knot}/executions")["results"]}
    assert {name: one["id"] for name, one in executions.items()} == {name: run["id"] for name, run in native.items()}
    outputs = {one["path"]: one for one in get(f"{QUEUE}/jobs/{knot}/outputs")["results"]}
    assert set(outputs) == {"/preprocess/0/mesh", "/slices/0/outlines", "/report/0/report"}
    report = outputs["/report/0/report"]
    space = f"/flow/storage/v1/spaces/{report['spaceId']}/resources"
    picture(fetch(get(f"{space}/{report['resourceId']}/download-url")["url"], with_token=False).content)
    logs = get(f"{QUEUE}/jobs/{knot}/logs")["results"]
    log = next(one for one in logs if one["path"].startswith("/preprocess/"))
    space = f"/flow/storage/v1/spaces/{log['spaceId']}/resources"
    text = fetch(get(f"{space}/{log['resourceId']}/download-url")["url"], with_token=False).text
    assert text.startswith("triangles 5760, ")


def test_metafold(get: Get, fetch: Any, knot: str, native: dict[str, dict[str, Any]]) -> None:
    project = get("/projects")[-1]["id"]
    wanted = {(task["name"], task["createdAt"][:19]) for task in (run["task"] for run in native.values())}
    jobs = {
        job["name"]: job
        for job in get(f"/projects/{project}/jobs?sort=created:1")
        if (job["name"], job["created"][:19]) in wanted
    }
    assert set(jobs) == set(TASKS)
    report, slices = jobs["report"], jobs["slices"]
    assert set(report["inputs"]["assets"]) == {"report.py", "mesh.npz", "slices.json"}
    assert f"volume={json.loads(jobs['volume']['outputs']['params']['volume'])}" in report["inputs"]["params"]["argv"]
    assert json.loads(slices["inputs"]["params"]["stdin"]) == json.loads(jobs["bounds"]["outputs"]["params"]["heights"])
    assert slices["outputs"]["assets"]["outlines"]["filename"] == "slices.json"
    assert {jobs[name]["id"] for name in TASKS if name != "report"} == set(report["needs"])
    asset = report["outputs"]["assets"]["report"]
    link = get(f"/projects/{project}/assets/{asset['id']}?download=true")["link"]
    picture(fetch(link, with_token=False).content)


def test_alteryx(get: Get, fetch: Any, knot: str) -> None:
    job = get(f"/webapi/v3/jobs/{knot}?includeMessages=true")
    assert (job["status"], job["disposition"]) == ("Completed", "Success")
    said = next(message for message in job["messages"] if message["text"].startswith("triangles 5760"))
    assert (said["status"], said["toolId"]) == (1, 0)
    assert {each["fileName"] for each in job["outputs"]} == set(LEFT)
    report = next(each for each in job["outputs"] if each["fileName"] == "report")
    assert report["availableFormats"][-1] == "Raw"
    picture(fetch(f"/webapi/v1/jobs/{knot}/output/{report['id']}?format=Raw").content)
    assert get(f"/webapi/v3/jobs/{knot}/messages")["messages"]
