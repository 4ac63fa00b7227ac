"""What Autodesk's samples do, from upload to result, against a real server with a node."""

from pathlib import Path
from typing import Any

import pytest

from tests.dialects.flow.sample import Paging, Sample
from tests.e2e.fleet import Fleet

GRAPH = b'{"compounds": [{"name": "User::Graphs::addTrees"}]}'


@pytest.fixture(scope="module", params=[Sample, Paging])
def client(request: pytest.FixtureRequest, server: Fleet, token: str) -> Sample:
    made: Sample = request.param(server.url, "any client id", token)
    return made


def job(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"name": "addTrees sample job", "tags": ["sample app"], "tasks": list(tasks)}


def command(name: str, script: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "task",
        "executor": "command",
        "inputs": [],
        "limitations": {"maxExecutionTimeInSeconds": 60},
        "payload": {"argv": ["sh", "-c", script]},
        "requirements": {"cpu": 1, "memory": 128},
        **more,
    }


def test_from_upload_to_result(client: Sample, tmp_path: Path) -> None:
    urn = client.upload(GRAPH, "addTrees.json")
    assert urn == "urn:adsk:fc.scratch:us.prd:resource:@default/addTrees.json"
    scatter = command(
        "execute bifrost graph",
        "cat graph/bifrostgraph.json > planeWithTrees.usd; echo to stdout; echo to stderr >&2",
        inputs=[{"source": {"uri": urn}, "target": {"path": "/graph/bifrostgraph.json"}}],
        outputs=[{"source": {"path": "planeWithTrees.usd"}, "name": "planeWithTrees.usd"}],
    )
    job_id = client.submit(job(scatter))
    assert job_id in [each["id"] for each in client.ask("GET", client.jobs).json()["results"]]
    ended = client.wait(job_id)
    assert (ended["status"], ended["name"], ended["tags"]) == ("SUCCEEDED", "addTrees sample job", ["sample app"])

    (output,) = client.download(job_id, "outputs", tmp_path)
    assert output.name == "planeWithTrees.usd"
    assert output.read_bytes() == GRAPH
    (file,) = client.files(job_id, "outputs")
    assert file["path"] == "/execute bifrost graph/0/planeWithTrees.usd"
    assert file["spaceId"] == f"outputs:{job_id}"
    assert file["urn"] == f"urn:adsk:fc.outputs:us.prd:resource:{job_id}/{file['resourceId']}"

    (log,) = client.download(job_id, "logs", tmp_path)
    assert log.read_text() == "to stdout\nto stderr\n"


def test_the_output_of_one_job_is_the_input_of_another(client: Sample, tmp_path: Path) -> None:
    making = command("make", "echo made > a.txt", outputs=[{"source": {"path": "a.txt"}, "name": "a.txt"}])
    first = client.submit(job(making))
    client.wait(first)
    (file,) = client.files(first, "outputs")
    for source in ({"uri": file["urn"]}, {"spaceId": file["spaceId"], "key": file["resourceId"]}):
        taking = command("take", "cat b.txt", inputs=[{"source": source, "target": {"path": "b.txt"}}])
        second = client.submit(job(taking))
        assert client.wait(second)["status"] == "SUCCEEDED"
        (log,) = client.download(second, "logs", tmp_path)
        assert log.read_text() == "made\n"


def test_a_failed_job_says_why_in_its_first_execution(client: Sample) -> None:
    job_id = client.submit(job(command("good", "true"), command("bad", "exit 3")))
    ended = client.wait(job_id)
    assert ended["status"] == "FAILED"
    assert ended["error"] == {"title": "tasks_failed", "detail": "1 of 2 tasks failed"}
    first, second = client.files(job_id, "executions")
    assert (first["taskName"], first["status"], first["index"]) == ("bad", "FAILED", 0)
    assert "3" in first["error"]["detail"]
    assert (second["taskName"], second["status"]) == ("good", "SUCCEEDED")
    assert "error" not in second


def test_a_job_is_canceled_and_another_deleted_while_they_run(client: Sample) -> None:
    canceled = client.submit(job(command("long", "sleep 60")))
    answer = client.ask("POST", f"{client.jobs}:cancel", json={"jobId": canceled})
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.wait(canceled)["status"] == "CANCELED"
    deleted = client.submit(job(command("long", "sleep 60")))
    answer = client.ask("DELETE", f"{client.jobs}/{deleted}")
    assert (answer.status_code, answer.content) == (202, b"")
    assert deleted not in [each["id"] for each in client.ask("GET", client.jobs).json()["results"]]


def test_a_sample_pages_through_many_files(server: Fleet, token: str, tmp_path: Path) -> None:
    client = Paging(server.url, "any client id", token)
    names = [f"frame-{number}" for number in range(120)]
    job_id = client.submit(job(*(command(name, f"echo {name}") for name in names)))
    assert client.wait(job_id)["status"] == "SUCCEEDED"
    logs = client.download(job_id, "logs", tmp_path)
    assert sorted(log.read_text().strip() for log in logs) == sorted(names)


def test_a_map_has_an_execution_and_a_log_for_each_value(client: Sample, tmp_path: Path) -> None:
    inner = command("render", "echo frame ${{ map.value }} | tee frame.txt")
    inner["outputs"] = [{"source": {"path": "frame.txt"}, "name": "frame.txt"}]
    frames = {"name": "frames", "type": "map", "task": inner, "values": {"source": "[7, 8, 9]"}}
    job_id = client.submit(job(frames))
    assert client.wait(job_id)["status"] == "SUCCEEDED"
    assert [one["index"] for one in client.files(job_id, "executions")] == [0, 1, 2]
    logs = client.download(job_id, "logs", tmp_path)
    assert [log.read_text() for log in logs] == ["frame 7\n", "frame 8\n", "frame 9\n"]
    paths = {file["path"] for file in client.files(job_id, "outputs")}
    assert paths == {f"/frames/{index}/frame.txt" for index in range(3)}
