"""The published npm client against a real server: what it asks for, after what the document's POST and PUT made."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from app.services.access import ORG
from tests.dialects.published import node_client
from tests.e2e.fleet import Fleet
from tests.wait import wait_until

PACKAGE = "@threekit/rest-api"
VERSIONS = ("0.2.2", "0.1.103")
SCRIPT = (Path(__file__).parent / "client.mjs").read_text()
LONGEST_S = 60


class Server:
    """What no published client does: making and changing, as the document's samples do."""

    def __init__(self, fleet: Fleet, token: str) -> None:
        self.url, self.token = fleet.url, token

    def send(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.request(method, f"{self.url}/api/jobs{path}", json=body, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return found[0] if isinstance(found, list) else found

    def stopped(self, job_id: str) -> Any:
        def over() -> Any:
            job = self.send("GET", f"/{job_id}")
            return job if job["status"] == "stopped" else None

        return wait_until(over, LONGEST_S)


@pytest.fixture(scope="module", params=VERSIONS)
def folder(request: pytest.FixtureRequest) -> Path:
    return node_client(f"threekit-{request.param}", f"{PACKAGE}@{request.param}")


@pytest.fixture
def documented(server: Fleet, token: str) -> Server:
    return Server(server, token)


def ask(folder: Path, documented: Server, *steps: list[Any], token: str | None = None) -> list[Any]:
    arguments = [documented.url, ORG, token or documented.token, json.dumps(steps)]
    done = subprocess.run(
        ["node", "--input-type=module", "-", *arguments],
        cwd=folder,
        input=SCRIPT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[Any] = json.loads(done.stdout)
    return told


def test_a_job_that_a_node_runs(folder: Path, documented: Server) -> None:
    job = documented.send("POST", "", {"title": "hello", "type": "command"})["id"]
    argv = ["sh", "-c", "echo out; echo err >&2; echo '{\"answer\": 42}' > $FLOTILLA_RESULT"]
    task = documented.send("POST", "/tasks", {"jobId": job, "title": "say", "parameters": {"argv": argv}})["id"]
    assert documented.stopped(job)["taskResultSuccesses"] == 1
    listed, one, tasks, same_task, of_job, of_task, files = ask(
        folder,
        documented,
        ["jobs", "get", {"status": "stopped"}, {"perPage": 100, "sort": "-createdAt"}],
        ["jobs", "getById", job],
        ["tasks", "get", {"jobId": job}],
        ["tasks", "getById", task],
        ["runs", "get", {"jobId": job}],
        ["runs", "get", {"taskId": task}, {"page": 1}],
        ["files", job],
    )
    assert job in [each["id"] for each in listed["data"]["jobs"]]
    assert listed["data"]["perPage"] == 100
    assert (one["data"]["id"], one["data"]["taskProgress"]) == (job, 1)
    assert tasks["data"]["tasks"] == [same_task["data"]]
    assert same_task["data"]["runResult"] == "Success"
    assert of_job["data"]["runs"] == of_task["data"]["runs"] == one["data"]["runs"]
    (run,) = one["data"]["runs"]
    assert len(run) == 33
    assert run["results"]["answer"] == 42
    assert run["wallClockTime"] > 0
    assert run["RAMUsage"] > 0
    assert run["nodeCPUs"] >= run["requestCPUs"] == 1
    assert run["machine"]["name"]
    found = {each["filename"]: each for each in files}
    for name, text in (("stdout", "out\n"), ("stderr", "err\n")):
        assert found[name]["size"] == len(text)
        assert requests.get(found[name]["url"], timeout=20).text == text
    (again,) = ask(folder, documented, ["runs", "getById", run["id"]])
    assert again == {"status": 200, "data": run}


def test_a_job_that_somebody_else_runs(folder: Path, documented: Server) -> None:
    """The whole flow of an external worker, and what the client sees of it."""
    job = documented.send("POST", "", {"title": "render", "type": "render-webgl"})["id"]
    task = documented.send("POST", "/tasks", {"jobId": job, "parameters": {"assetId": "x"}})["id"]
    (waiting,) = ask(folder, documented, ["tasks", "get", {"jobId": job, "runStatus": "pending"}])
    assert [each["id"] for each in waiting["data"]["tasks"]] == [task]
    run = documented.send("POST", "/runs", {"taskId": task, "jobId": job, "machineType": "n1-standard-8"})["id"]
    documented.send("PUT", f"/runs/{run}", {"progress": "0.75", "machine": "gpu-1"})
    (going,) = ask(folder, documented, ["jobs", "getById", job])
    assert (going["data"]["status"], going["data"]["taskProgress"]) == ("running", 0.75)
    assert [each["progress"] for each in going["data"]["runs"]] == [0.75]
    file = {"id": task, "filename": "image.png", "size": 1}
    documented.send("PUT", f"/runs/{run}", {"resultCode": "Success", "results": {"files": [file]}})
    assert documented.stopped(job)["taskResultFailures"] == 0
    files, ended = ask(folder, documented, ["files", job], ["runs", "getById", run])
    assert files == [file]
    assert (ended["data"]["machine"], ended["data"]["machineType"]) == ("gpu-1", "n1-standard-8")
    assert (ended["data"]["progress"], ended["data"]["resultCode"]) == (1, "Success")


def test_errors_do_not_throw(folder: Path, documented: Server) -> None:
    absent = "01a1fa7f-297b-774b-8000-033985f36d12"
    for noun in ("jobs", "tasks", "runs"):
        (answer,) = ask(folder, documented, [noun, "getById", absent])
        assert answer["status"] == 404
        assert answer["data"]["error"]["code"] == f"{noun[:-1]}_not_found"
    (refused,) = ask(folder, documented, ["jobs", "get"], token="wrong")
    assert (refused["status"], refused["data"]["error"]["code"]) == (401, "users_service_unavailable")
