"""Are maps taken, refused, planned and shown as the page of the API says?"""

from typing import Any

import pytest

from app.domain import limits
from tests.rest.conftest import SUBMIT, Api, noop

INNER = {"executor": "python", "payload": {"callable": "noop", "arguments": {"x": "${{ map.value }}"}}}


def a_map(name: str = "m", source: Any = (1, 2), **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "map", "task": INNER, "values": {"source": source}, **more}


def without(task: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in task.items() if name != key}


def inner(**more: Any) -> dict[str, Any]:
    return a_map(task={**INNER, **more})


REFUSED: list[tuple[dict[str, Any], str]] = [
    (a_map(source={"a": 1}), "/values/source"),
    (a_map(source=None), "/values/source"),
    (a_map(source="gopher://x"), "/values/source"),
    (a_map(source="[1,"), "/values/source"),
    (a_map(source=["x" * (2 << 20)]), "/values/source"),
    (a_map(source="${{ needs.other.outputs.params.list }}"), "/values/source"),
    (a_map(source="${{ map.value }}"), "/values/source"),
    (without(a_map(), "values"), "/values"),
    (without(a_map(), "task"), "/task"),
    (a_map(values={"source": [], "more": 1}), "/values/more"),
    (a_map(values=[1]), "/values"),
    (a_map(executor="python"), "/executor"),
    (a_map(payload={}), "/payload"),
    (a_map(maxConcurrency=0), "/maxConcurrency"),
    (a_map(maxConcurrency=limits.MAX_MAP_VALUES + 1), "/maxConcurrency"),
    (a_map(maxFailedTasks=-1), "/maxFailedTasks"),
    (a_map(task="x"), "/task"),
    (inner(executor=""), "/task/executor"),
    (inner(payload={"callable": ""}), "/task/payload/callable"),
    (inner(needs=["a"]), "/task/needs"),
    (inner(type="map"), "/task/type"),
    (inner(requirements={"cpu": 17}), "/task/requirements/cpu"),
    (inner(payload={"callable": "noop", "arguments": {"x": "${{ map.key }}"}}), "/task/payload/arguments/x"),
    (
        inner(payload={"callable": "noop", "arguments": {"x": "${{ needs.b.outputs.params.x }}"}}),
        "/task/payload/arguments/x",
    ),
    (noop("m", payload={"callable": "noop", "arguments": {"x": "${{ map.index }}"}}), "/payload/arguments/x"),
    (noop("m", values={"source": []}), "/values"),
]


@pytest.mark.parametrize(("task", "pointer"), REFUSED)
def test_a_bad_map_is_refused_where_it_is_bad(shared: Api, task: dict[str, Any], pointer: str) -> None:
    answer = shared.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": [noop("a"), task]})
    assert answer.status_code == 422, answer.text
    assert f"/tasks/1{pointer}" in [error["pointer"] for error in answer.json["errors"]], answer.text


def test_a_list_of_a_million_is_taken_and_one_more_is_not(shared: Api) -> None:
    most = "[" + "1," * (limits.MAX_MAP_VALUES - 1) + "1]"
    answer = shared.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": [a_map(source=most)]})
    assert answer.json["maps"] == [{"name": "m", "values": limits.MAX_MAP_VALUES, "maxConcurrency": None}]
    answer = shared.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": [a_map(source="[1," + most[1:])]})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/tasks/0/values/source")


def test_a_map_is_shown_as_it_was_submitted(api: Api) -> None:
    said = {
        "name": "m",
        "type": "map",
        "needs": ["a"],
        "runWhen": "all_done",
        "priority": 60,
        "task": {
            "name": "inner",
            "executor": {"name": "python", "version": "2"},
            "payload": {"callable": "noop", "arguments": {"x": "${{ map.value.k }}"}},
            "inputs": [{"source": {"uri": "https://example.org/${{ map.value }}"}, "target": {"path": "in"}}],
            "outputs": [{"source": {"path": "out"}, "name": "o"}],
            "requirements": {"cpu": 2, "memory": 512},
            "limitations": {"maxExecutionTimeInSeconds": 60, "maxAttempts": 3, "retryDelayInSeconds": 1},
            "hints": {"h": 1},
        },
        "values": {"source": [{"k": 1}, "two", None]},
        "maxConcurrency": 5,
        "maxFailedTasks": 1,
    }
    job = api.submit(noop("a"), said)
    listed = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"][1]
    read = api.get(f"/v1/tasks/{listed['id']}").json
    for shown in (listed, read):
        assert {key: shown[key] for key in said} == said
        assert (shown["result"], shown["progress"], shown["state"]) == (None, 0.0, "waiting")
        assert shown["map"] == {"total": 3, "counts": {**dict.fromkeys(job["counts"], 0), "waiting": 3}}
        assert shown["tag"] == ""
    graph = api.get(f"/v1/jobs/{job['id']}/graph").json
    assert [(node["type"], node["executor"]) for node in graph["nodes"]] == [("task", "python"), ("map", "python")]
    assert job["counts"]["waiting"] + job["counts"]["ready"] + job["counts"]["queued"] == 2


def test_what_holds_for_all_values_may_be_said_of_the_map(api: Api) -> None:
    job = api.submit(a_map(requirements={"cpu": 3, "memory": 300}, limitations={"maxAttempts": 4}, tag="linux"))
    (shown,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert shown["requirements"] == shown["task"]["requirements"] == {"cpu": 3, "memory": 300}
    assert (shown["limitations"]["maxAttempts"], shown["tag"]) == (4, "linux")
    said = a_map(requirements={"cpu": 3}, task={**INNER, "requirements": {"cpu": 1}})
    (shown,) = api.get(f"/v1/jobs/{api.submit(said)['id']}/tasks").json["items"]
    assert shown["requirements"] == {"cpu": 1, "memory": 256}


def test_values_and_runs_are_listed_in_order_page_by_page(api: Api) -> None:
    api.join()
    job = api.submit(a_map(source=list(range(5))))
    (task,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert task["state"] == "running"
    specs = []
    while len(specs) < 5:
        specs += [claimed := api.claim()[0]]
        x = claimed["payload"]["arguments"]["x"]
        ending = {"state": "succeeded", "atUs": 1, "result": x * 10}
        report = {"runId": claimed["runId"], "fence": claimed["fence"], "sequence": 1, "ending": ending}
        assert api.report(report).status_code == 200
    read = api.get(f"/v1/tasks/{task['id']}").json
    assert (read["result"], read["state"], read["progress"]) == ([0, 10, 20, 30, 40], "succeeded", 1.0)
    assert read["outputs"]["params"] == {"value": [0, 10, 20, 30, 40]}
    for path, key in ((f"/v1/tasks/{task['id']}/values", "index"), (f"/v1/tasks/{task['id']}/runs", "mapIndex")):
        first = api.get(f"{path}?limit=3").json
        rest = api.get(f"{path}?limit=3&cursor={first['nextCursor']}").json
        assert [one[key] for one in first["items"] + rest["items"]] == list(range(5))
        assert "nextCursor" not in rest
    one = api.get(f"/v1/tasks/{task['id']}/values").json["items"][2]
    assert (one["value"], one["result"], one["state"], one["attempts"]) == (2, 20, "succeeded", 1)
    runs = api.get(f"/v1/jobs/{job['id']}/runs").json["items"]
    assert {run["taskId"] for run in runs} == {task["id"]}
    assert api.get(f"/v1/runs/{one['runId']}").json["mapIndex"] == 2


def test_a_large_list_is_shown_whole_alone_and_not_among_others(api: Api) -> None:
    source = [f"value {number}" for number in range(1001)]
    job = api.submit(a_map(source=source))
    (listed,) = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    assert listed["values"] == {"source": None}
    assert api.get(f"/v1/tasks/{listed['id']}").json["values"] == {"source": source}


def test_explain_tells_what_a_map_waits_for(api: Api) -> None:
    job = api.submit(a_map(), a_map("far", "https://example.org/list"))
    near, far = api.get(f"/v1/jobs/{job['id']}/tasks").json["items"]
    (reason,) = api.get(f"/v1/tasks/{near['id']}/explain").json["reasons"]
    assert (reason["code"], reason["message"][:33]) == ("no_nodes", "value 0, of 2 that have not ended")
    (reason,) = api.get(f"/v1/tasks/{far['id']}/explain").json["reasons"]
    assert reason["code"] == "values"


def test_the_text_of_the_api_has_both_kinds_of_task(shared: Api) -> None:
    text = shared.get("/openapi/native.json").json
    item = text["components"]["schemas"]["JobIn"]["properties"]["tasks"]["items"]
    assert item == {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("TaskIn", "MapIn")]}
    assert text["components"]["schemas"]["MapIn"]["required"] == ["name", "task", "type", "values"]
