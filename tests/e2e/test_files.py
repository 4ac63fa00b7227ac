"""Files on a real fleet: from an upload and a web server through programs to a job's outputs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.e2e.fleet import Fleet
from tests.e2e.jobs import Task, command
from tests.wait import wait_until
from tests.worker.stage.web import Web, page, stuck

NODE_MEMORY_MB = 1024


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, web: Web) -> Iterator[Fleet]:
    """One node, for which the test's web server is an in-house host that its operator has opened."""
    made = Fleet(
        tmp_path_factory.mktemp("files") / "data",
        *("--cpus", "2", "--memory", str(NODE_MEMORY_MB)),
        FLOTILLA_FETCH_ALLOW="127.0.0.1",
        FLOTILLA_FETCH_PORTS=str(web.port),
        FLOTILLA_CACHE_MB="64",
    )
    try:
        yield made.start()
    finally:
        made.remove()


def shell(name: str, text: str, *needs: str, **files: Any) -> Task:
    return command(name, "sh", "-c", text, needs=needs) | files


def put(uri: str, path: str) -> dict[str, Any]:
    return {"source": {"uri": uri}, "target": {"path": path}}


def kept(path: str, name: str) -> dict[str, Any]:
    return {"source": {"path": path}, "name": name}


def token(fleet: Fleet) -> dict[str, str]:
    return {"Authorization": f"Bearer {(fleet.data / 'token').read_text().strip()}"}


def upload(fleet: Fleet, filename: str, data: bytes) -> dict[str, Any]:
    answer = requests.post(f"{fleet.url}/v1/assets", files={"file": (filename, data)}, headers=token(fleet), timeout=30)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def content(fleet: Fleet, asset_id: str) -> bytes:
    answer = requests.get(f"{fleet.url}/v1/assets/{asset_id}/content", headers=token(fleet), timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.content


def failure(fleet: Fleet, task: Task) -> dict[str, str]:
    job_id = fleet.submit([task])
    assert fleet.ended(job_id)["state"] == "failed"
    assert list(fleet.client.items(f"/v1/jobs/{job_id}/outputs")) == []
    (run,) = fleet.runs(job_id)
    return dict(run["error"])


def test_files_go_from_an_upload_and_a_url_through_two_programs_to_the_job_s_outputs(fleet: Fleet, web: Web) -> None:
    web.pages["/part.stl"] = page(b"from the web", ETag='"1"')
    asset = upload(fleet, "half.stl", b"uploaded and ")
    first = shell(
        "join",
        "cat in/half.stl part.stl > out/both.stl && wc -c < out/both.stl > $FLOTILLA_RESULT",
        inputs=[put(asset["uri"], "in/half.stl"), put(f"{web.url}/part.stl", "part.stl"), put("data:,", "out/x")],
        outputs=[kept("out/both.stl", "both")],
    )
    second = shell(
        "twice",
        "cat given given > ${{ needs.join.outputs.params.value }}.bin",
        "join",
        inputs=[put("${{ needs.join.outputs.assets.both }}", "given")],
        outputs=[kept("25.bin", "twice")],
    )
    job_id = fleet.submit([first, second])
    job = fleet.ended(job_id)
    assert job["state"] == "succeeded", fleet.runs(job_id)
    outputs = {each["task"]: each for each in fleet.client.items(f"/v1/jobs/{job_id}/outputs")}
    assert {name: (each["name"], each["filename"], each["size"]) for name, each in outputs.items()} == {
        "join": ("both", "both.stl", 25),
        "twice": ("twice", "25.bin", 50),
    }
    assert content(fleet, outputs["twice"]["assetId"]) == b"uploaded and from the web" * 2
    assert fleet.tasks(job_id)["join"]["outputs"]["assets"]["both"]["size"] == 25


def test_runs_of_one_node_share_what_one_of_them_fetched(fleet: Fleet, web: Web) -> None:
    web.pages["/shared"] = page(b"x" * 100_000, ETag='"1"')
    asset = upload(fleet, "a.bin", b"y" * 100_000)
    inputs = [put(f"{web.url}/shared", "a"), put(asset["uri"], "b")]
    job_id = fleet.submit([shell(f"t{n}", "test $(cat a b | wc -c) = 200000", inputs=inputs) for n in range(20)])
    assert fleet.ended(job_id)["state"] == "succeeded"
    bodies = [headers for path, headers in web.asked if path == "/shared" and "If-None-Match" not in headers]
    assert len(bodies) == 1


def test_a_callable_works_on_files(fleet: Fleet, web: Web) -> None:
    task = {"name": "t", "executor": "python", "payload": {"callable": "noop"}}
    job_id = fleet.submit([task | {"inputs": [put("data:,abc", "a")], "outputs": [kept("a", "same")]}])
    assert fleet.ended(job_id)["state"] == "succeeded"
    (output,) = fleet.client.items(f"/v1/jobs/{job_id}/outputs")
    assert content(fleet, output["assetId"]) == b"abc"


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("true", "output_missing", "volume/part.sdf"),
        ("mkdir volume; ln -s /etc/shadow volume/part.sdf", "output_refused", "volume/part.sdf is a symbolic link"),
        ("ln -s /etc volume", "output_refused", "volume/part.sdf leads through a symbolic link"),
        ("mkdir volume; mkfifo volume/part.sdf", "output_refused", "volume/part.sdf is a FIFO"),
    ],
)
def test_an_output_that_is_no_file_of_the_run_fails_it(fleet: Fleet, text: str, code: str, says: str) -> None:
    error = failure(fleet, shell("t", text, outputs=[kept("volume/part.sdf", "volume")]))
    assert error["code"] == code
    assert says in error["message"]


def test_an_input_that_cannot_be_fetched_fails_the_run_and_names_its_host(fleet: Fleet, web: Web) -> None:
    web.pages["/gone"] = page(b"secret words", 404)
    for uri in (f"{web.url}/gone", "http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]:8080/"):
        error = failure(fleet, shell("t", "true", inputs=[put(uri, "part.stl")]))
        assert error["code"] == "input_failed"
        assert uri.split("/")[2] in error["message"]
        assert "secret words" not in error["message"]


def test_a_large_result_comes_as_an_asset(fleet: Fleet) -> None:
    text = "(echo '['; seq -s , 100000; echo ']') > $FLOTILLA_RESULT"
    job_id = fleet.submit([shell("large", text)])
    assert fleet.ended(job_id)["state"] == "succeeded"
    asset = fleet.tasks(job_id)["large"]["result"]["asset"]
    data = content(fleet, asset["id"])
    assert (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}") == (asset["size"], asset["checksum"])
    assert data.startswith(b"[\n1,2,3,")


def test_a_cancel_ends_a_run_whose_inputs_are_still_coming(fleet: Fleet, web: Web) -> None:
    web.pages["/stuck"] = stuck(web, b"x" * 1000)
    job_id = fleet.submit([shell("t", "true", inputs=[put(f"{web.url}/stuck", "part.stl")])])
    wait_until(lambda: fleet.runs(job_id)[0]["statusText"] == "fetching part.stl", 20, fleet.logs)
    assert web.count("/stuck") == 1
    fleet.client.post(f"/v1/jobs/{job_id}/cancel")
    assert fleet.ended(job_id, 5)["state"] == "canceled"
    assert fleet.runs(job_id)[0]["state"] == "canceled"


def test_outputs_survive_a_server_that_dies_while_they_are_made(fleet: Fleet, tmp_path: Path) -> None:
    go = tmp_path / "go"
    text = f"until test -e {go}; do sleep 0.05; done; seq 200000 > out"
    job_id = fleet.submit([shell("t", text, outputs=[kept("out", "o")])])
    wait_until(lambda: any(run["startedAt"] for run in fleet.runs(job_id)), 20, fleet.logs)
    psutil.Process(fleet.children()["web"]).kill()
    go.touch()
    assert fleet.ended(job_id)["state"] == "succeeded"
    (run,) = fleet.runs(job_id)
    assert run["number"] == 1
    (output,) = fleet.client.items(f"/v1/jobs/{job_id}/outputs")
    assert len(content(fleet, output["assetId"]).split()) == 200_000
