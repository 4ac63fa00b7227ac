"""Executors that a node declares: advertised, asked for by name and version, judged, and run on a real fleet."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.fleet import Fleet
from tests.wait import wait_until

DECLARED = """
[[executor]]
name = "greet"
versions = ["1", "2"]
kind = "command"
description = "Greets somebody"
argv = ["sh", "-c", 'printf "{\\"said\\": \\"%s by %s\\"}" "$1" "$2" > "$FLOTILLA_RESULT"', "sh",
        "{{ parameters.who }}", "{{ run.version }}"]
requirements = {cpu = 1, memory = 64}
[executor.parameters]
who = {required = true, pattern = '[a-z ;()$-]+'}

[[executor]]
name = "greet"
versions = ["3"]
kind = "python"
callable = "sleep"
[executor.parameters]
seconds = {type = "number", default = 0.01}
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("executors")
    (folder / "executors.toml").write_text(DECLARED)
    environ = {"FLOTILLA_EXECUTORS_FILE": str(folder / "executors.toml"), "FLOTILLA_SANDBOX": "bwrap"}
    made = Fleet(folder / "data", "--cpus", "2", "--memory", "1024", **environ)
    try:
        yield made.start()
    finally:
        made.remove()


def task(name: str, executor: Any, payload: Any) -> dict[str, Any]:
    return {"name": name, "executor": executor, "payload": payload}


def version(number: str) -> dict[str, str]:
    return {"name": "greet", "version": number}


def test_they_are_advertised(fleet: Fleet) -> None:
    items = fleet.client.get("/v1/executors")["items"]
    assert [(item["name"], item["versions"], item["kind"]) for item in items] == [
        ("command", [], "command"),
        ("greet", ["1", "2"], "command"),
        ("greet", ["3"], "python"),
        ("python", [], "python"),
    ]
    greet = items[1]
    assert greet["description"] == "Greets somebody"
    assert greet["requirements"] == {"cpu": 1, "memory": 64}
    assert greet["parameters"]["required"] == ["who"]
    assert [node["name"] for node in greet["nodes"]] == ["node-1"]
    (node,) = fleet.client.get("/v1/nodes")["items"]
    assert node["executors"] == ["command", "greet", "greet@1", "greet@2", "greet@3", "python"]


def test_a_task_gets_the_version_it_asks_for(fleet: Fleet) -> None:
    payload = {"who": "all; $(id)"}
    job = fleet.submit(
        [task("any", "greet", payload), task("second", version("2"), payload), task("third", version("3"), {})]
    )
    assert fleet.ended(job)["state"] == "succeeded"
    results = {name: one["result"] for name, one in fleet.tasks(job).items()}
    assert results == {"any": {"said": "all; $(id) by 1"}, "second": {"said": "all; $(id) by 2"}, "third": None}


def test_wrong_parameters_fail_the_task_with_their_pointers(fleet: Fleet) -> None:
    job = fleet.submit([task("a", "greet", {"who": "ALL", "whom": 1})])
    assert fleet.ended(job)["state"] == "failed"
    error = fleet.tasks(job)["a"]["error"]
    assert error["code"] == "bad_parameters"
    assert "/whom: is not a parameter; there are who; /who: must match [a-z ;()$-]+" in error["message"]


def test_a_version_that_no_node_has_is_explained_and_fails_in_the_end(fleet: Fleet) -> None:
    job = fleet.submit([task("a", version("9"), {"who": "all"})])
    task_id = fleet.tasks(job)["a"]["id"]
    said = wait_until(lambda: fleet.client.get(f"/v1/tasks/{task_id}/explain")["reasons"])
    assert said[0]["code"] == "no_node_fits"
    assert "'greet@9'; offered are: command, greet, greet@1, greet@2, greet@3" in said[0]["message"]
    assert fleet.ended(job)["state"] == "failed"
    assert fleet.tasks(job)["a"]["error"]["code"] == "no_node_fits"
