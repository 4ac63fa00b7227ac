"""What the document says of the list of a job's tasks, fact by fact, against this server."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.dialects.flow import document
from tests.dialects.flow.document import Facts
from tests.rest.conftest import Api

QUEUE = "/flow/compute/v1/queues/@default"
MISSING = "01a1fa7f-297b-774b-8000-033985f36d12"
WHOLE: dict[str, Any] = {
    "name": "a task with all there is",
    "type": "task",
    "executor": {"name": "mine", "version": "2.9"},
    "hints": {"prefer": "speed"},
    "inputs": [
        {"source": {"uri": "https://example.org/plane.usd"}, "target": {"path": "plane.usd"}},
        {"source": {"uri": "data:text/plain,x"}, "target": {"path": "data/x"}},
    ],
    "limitations": {"maxExecutionTimeInSeconds": 600},
    "payload": {"action": "Evaluate", "amount": "1000", "nothing": None, "list": [1, 2.5]},
    "requirements": {"cpu": 4, "memory": 30720},
}
MAP: dict[str, Any] = {
    "name": "a map",
    "type": "map",
    "task": {**WHOLE, "name": "for each value"},
    "values": {"source": '["one", "two"]'},
}
PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "enum:string": str,
    "int": int,
    "object": dict,
    "array": list,
    "array: object": list,
    "one of": (str, dict),
}


@pytest.fixture(scope="module")
def facts() -> Facts:
    return document.read()


def submit(api: Api, *tasks: dict[str, Any], **job: Any) -> str:
    answer = api.post(f"{QUEUE}/jobs", {"name": "j", "tasks": list(tasks), **job})
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def tasks_of(api: Api, *tasks: dict[str, Any]) -> Any:
    answer = api.get(f"{QUEUE}/jobs/{submit(api, *tasks)}/tasks")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_the_address_its_parameters_and_statuses_are_those_of_the_document(shared: Api, facts: Facts) -> None:
    path = facts.url.removeprefix("https://developer.api.autodesk.com")
    text = shared.get("/openapi/flow.json", as_=None).json
    ours = {re.sub(r"{(\w+?)(_id)?}", r"{\1Id}", key): item for key, item in text["paths"].items()}
    item = ours[path]
    declared = [*item["parameters"], *item["get"]["parameters"]]
    assert {each["name"] for each in declared if each["in"] == "query"} == set(facts.query)
    headers = {each["name"] for each in declared if each["in"] == "header"} | {"Authorization*"}  # as security
    assert headers == set(facts.headers)
    assert len([each for each in declared if each["in"] == "path"]) == len(facts.path_parameters)


def test_the_example_comes_back_as_it_is_printed(shared: Api, facts: Facts) -> None:
    (wanted,) = facts.example["results"]
    answer = tasks_of(shared, wanted)
    assert answer["results"] == [wanted]
    assert answer["pagination"] == {"limit": 100, "totalResults": 1}


def test_every_field_of_the_document_is_there_with_its_type(shared: Api, facts: Facts) -> None:
    answer = tasks_of(shared, MAP, {**WHOLE, "name": "another", "executor": "mine"}, WHOLE)
    found: dict[str, list[Any]] = {}

    def gather(node: Any, name: str = "") -> None:
        found.setdefault(name, []).append(node)
        for key, value in node.items() if isinstance(node, dict) and name != "payload" else ():
            gather(value, key)
        for each in node if isinstance(node, list) and name != "payload" else ():
            gather(each, name)

    gather(answer)
    optional = {"offset", "nextUrl", "previousUrl", "key", "spaceId"}  # "not all information is guaranteed"; see below
    for name, kind in facts.fields:
        if name in optional:
            continue
        assert any(isinstance(value, PYTHON[kind]) for value in found[name]), (name, kind)
    known = {name for name, _ in facts.fields}
    assert set(found) - known - {"", "prefer"} == set()


def test_tasks_come_back_as_they_were_submitted(shared: Api) -> None:
    assert tasks_of(shared, WHOLE)["results"] == [WHOLE]
    assert tasks_of(shared, MAP)["results"] == [MAP]
    least = {"name": "little", "executor": "mine"}
    assert tasks_of(shared, least)["results"] == [{**least, "type": "task", "inputs": []}]
    native = {**WHOLE, "needs": ["first"], "outputs": [{"source": {"path": "o"}, "name": "o"}]}
    assert tasks_of(shared, {**least, "name": "first"}, native)["results"][1] == native


@pytest.mark.parametrize("field", ["cpu", "memory", "maxExecutionTimeInSeconds"])
def test_amounts_are_taken_up_to_the_most_that_is_allowed(shared: Api, facts: Facts, field: str) -> None:
    group = "limitations" if field.startswith("max") else "requirements"
    most = {**WHOLE, group: {field: facts.most[field]}}
    assert tasks_of(shared, most)["results"][0][group] == {field: facts.most[field]}
    more = {**WHOLE, group: {field: facts.most[field] + 1}}
    answer = shared.post(f"{QUEUE}/jobs", {"name": "j", "tasks": [more]})
    assert answer.status_code == 400
    assert f"/tasks/0/{group}/{field}" in answer.json["detail"]


LONG: Mapping[str, Any] = {
    "name": lambda text: {**WHOLE, "name": text},
    "Task executor name": lambda text: {**WHOLE, "executor": text},
    "version": lambda text: {**WHOLE, "executor": {"name": "mine", "version": text}},
    "path": lambda text: {**WHOLE, "inputs": [{"source": {"uri": "https://e.org"}, "target": {"path": text}}]},
}


def test_texts_are_taken_up_to_the_longest_that_is_allowed(shared: Api, facts: Facts) -> None:
    assert {("name", 1000), ("Task executor name", 200), ("version", 200), ("path", 4000)} <= facts.longest
    for field, most in facts.longest - {("name", 200)}:  # which is the executor's by its other form
        assert tasks_of(shared, LONG[field]("x" * most))
        answer = shared.post(f"{QUEUE}/jobs", {"name": "j", "tasks": [LONG[field]("x" * (most + 1))]})
        assert answer.status_code == 400, field


def test_a_task_is_found_by_its_exact_name(shared: Api) -> None:
    job_id = submit(shared, WHOLE, {**WHOLE, "name": "Other [1] & co"})
    for spelled in ("filter[name]=Other%20[1]%20%26%20co", "filter%5Bname%5D=Other+%5B1%5D+%26+co"):
        answer = shared.get(f"{QUEUE}/jobs/{job_id}/tasks?{spelled}").json
        assert [task["name"] for task in answer["results"]] == ["Other [1] & co"]
        assert answer["pagination"] == {"limit": 100, "totalResults": 1}
    for name in ("other [1] & co", "Other", "nobody"):
        answer = shared.get(f"{QUEUE}/jobs/{job_id}/tasks?filter[name]={name.replace('&', '%26')}")
        assert (answer.status_code, answer.json["results"]) == (200, [])
        assert answer.json["pagination"] == {"limit": 100, "totalResults": 0}


@pytest.mark.parametrize(
    ("status", "path", "more"),
    [
        (400, "jobs/{job}/tasks?paginationToken=changed", {}),
        (401, "jobs/{job}/tasks", {"as_": None}),
        (401, "jobs/{job}/tasks", {"as_": None, "headers": {"Authorization": "Bearer wrong"}}),
        (403, "jobs/{job}/tasks", {"as_": "node"}),
        (404, f"jobs/{MISSING}/tasks", {}),
        (404, "jobs/{job}/tasks", {"as_": "foreign"}),
    ],
)
def test_each_refusal_has_its_status_and_form(
    shared: Api, facts: Facts, status: int, path: str, more: dict[str, Any]
) -> None:
    job_id = submit(shared, WHOLE)
    answer = shared.get(f"{QUEUE}/{path.format(job=job_id)}", **more)
    assert answer.status_code == status
    assert status in facts.statuses
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"title", "detail"}
    assert all(isinstance(text, str) and text for text in answer.json.values())


def test_the_example_request_is_understood_with_and_without_percent_signs(shared: Api, facts: Facts) -> None:
    job_id = submit(shared, WHOLE)
    path = facts.example_url.removeprefix("https://developer.api.autodesk.com").split("/jobs/")[0]
    for queue in (path, path.replace("@", "%40"), path.replace("/queues", "//queues")):
        assert shared.get(f"{queue}/jobs/{job_id}/tasks").status_code == 200
        assert shared.get(f"{queue}/jobs/{job_id}/tasks/").status_code == 200
    assert shared.get(f"/flow/compute/v1/queues/other/jobs/{job_id}/tasks").status_code == 404
