"""The document of "List jobs in project", line by line: parameters, keys, types, states, statuses, errors."""

import json
import re
from datetime import datetime
from typing import Any

import pytest

from tests.dialects.metafold.running import Running
from tests.dialects.seeds import document
from tests.rest.conftest import Api

NAME = "metafold-list-jobs.txt"
ADDED = {"parameters", "meta"}
"""What the published client needs and the document does not have."""


@pytest.fixture(scope="module")
def text() -> str:
    return document(NAME)


@pytest.fixture(scope="module")
def running(shared: Api) -> Running:
    """A project with a workflow that has ended: one job has succeeded and the one that needs it has failed."""
    made = Running(shared)
    made.finish("sample", result={"patch": {"size": [2.0]}, "face_count": 1000, "name": "x"}, files={"volume": b"v"})
    made.finish("broken", failed=True)
    return made


def examples(text: str) -> list[Any]:
    """The JSON that follows each `Response examples (status)`."""
    found = []
    for part in text.split("Response examples (")[1:]:
        body = part.partition(")")[2].strip()
        found.append(json.JSONDecoder().raw_decode(body)[0])
    return found


def test_the_list_has_the_documented_keys_and_two_for_the_client(text: str, running: Running) -> None:
    (example,), *_ = examples(text)
    for job in running.get("/jobs").json:
        assert job.keys() - ADDED == example.keys() | {"error"}
        assert job.keys() > ADDED
        assert job["inputs"].keys() == job["outputs"].keys() == example["inputs"].keys()


def test_every_attribute_has_its_type(text: str, running: Running) -> None:
    schema = text.partition("Responses")[2].partition("• 400")[0]
    listed = re.findall(r"• (\w+) (string|object|array\[string\])( \| null)?", schema)
    top = [(name, kind, bool(null)) for name, kind, null in listed if name not in ("assets", "params")]
    assert len(top) == 13
    kinds = {"string": str, "object": dict, "array[string]": list}
    for job in running.get("/jobs").json:
        for name, kind, null in top:
            allowed = (kinds[kind], type(None)) if null else (kinds[kind],)
            if name in ("started", "finished"):  # required strings there, null until it has happened here
                allowed = (str, type(None))
            assert isinstance(job[name], allowed), name


def test_an_asset_has_the_documented_keys_and_two_for_the_client(text: str, running: Running) -> None:
    (example,), *_ = examples(text)
    asset = next(job for job in running.get("/jobs").json if job["name"] == "sample")["outputs"]["assets"]["volume"]
    assert asset.keys() == example["outputs"]["assets"]["volume"].keys() | {"project_id", "job_id"}
    assert {key: type(value) for key, value in asset.items()} == {
        **{key: type(value) for key, value in example["outputs"]["assets"]["volume"].items()},
        "project_id": str,
        "job_id": str,
    }
    assert re.fullmatch("sha256:[0-9a-f]{64}", asset["checksum"])


def test_values(running: Running) -> None:
    jobs = {job["name"]: job for job in running.get("/jobs").json}
    sample, broken, after = jobs["sample"], jobs["broken"], jobs["after"]
    assert (sample["type"], sample["state"], sample["error"]) == ("implicit/from-mesh", "success", None)
    assert sample["outputs"]["params"] == {"patch": '{"size": [2.0]}', "face_count": "1000", "name": "x"}
    assert sample["inputs"]["assets"]["mesh"]["filename"] == "part.stl"
    assert sample["inputs"]["params"] == {"resolution": "256"}
    assert (broken["state"], broken["needs"], broken["workflow_id"]) == ("failure", [sample["id"]], running.workflow)
    assert broken["inputs"]["params"] == {"faces": "1000"}
    assert broken["inputs"]["assets"]["volume"] == sample["outputs"]["assets"]["volume"]
    assert broken["error"]
    assert (after["state"], after["started"]) == ("canceled", None)
    assert "broken" in after["error"]
    assert after["inputs"] == {"assets": None, "params": None}
    assert all(job["project_id"] == running.project for job in jobs.values())
    for job in (sample, broken):
        assert job["created"] <= job["started"] <= job["finished"]
        assert datetime.fromisoformat(job["created"]).tzinfo is not None
        assert job["created"].endswith("+00:00")


def test_sort_and_q_take_the_documented_fields(text: str, running: Running) -> None:
    query = text.partition("Query parameters")[2].partition("Responses")[0]
    sorts = re.findall(r"\w+", re.search(r"field may be one of: (.*?)\. order", query, re.DOTALL)[1].replace("or ", ""))  # type: ignore[index]
    searches = re.findall(r"\w+", re.search(r"fields are: (.*?)\.", query, re.DOTALL)[1].replace("and ", ""))  # type: ignore[index]
    assert sorts == ["id", "name", "created", "started", "finished"]
    assert searches == ["id", "name", "type", "state"]
    for field in sorts:
        up = [job["id"] for job in running.get(f"/jobs?sort={field}%3A1").json]
        assert [job["id"] for job in running.get(f"/jobs?sort={field}:-1").json] == up[::-1]
    assert [job["name"] for job in running.get("/jobs").json] == ["after", "broken", "sample"]
    for field, pattern in zip(searches, (running.jobs["sample"], '"SAMPLE"', "implicit/from*", "succ*"), strict=True):
        assert [job["name"] for job in running.get(f"/jobs?q={field}%3A{pattern}").json] == ["sample"]
    assert [job["name"] for job in running.get("/jobs?q=name%3A*a*+AND+!state:success").json] == ["after"]


def test_states_are_those_of_the_document(text: str, running: Running) -> None:
    line = re.search(r"Values are (.*?)\.", text)
    assert line
    from app.rest.dialects.metafold.words import OF_JOB, OF_TASK

    documented = set(re.findall(r"\w+", line[1].replace("or ", "")))
    assert {*OF_TASK.values()} == documented
    assert {*OF_JOB.values()} == documented


@pytest.mark.parametrize(("status", "path", "as_"), [(400, "/jobs?sort=foo", "admin"), (401, "/jobs", None)])
def test_errors_have_the_documented_form(text: str, running: Running, status: int, path: str, as_: str | None) -> None:
    example = next(one for one in examples(text) if isinstance(one, dict) and one["code"] == status)
    answer = running.get(path, as_=as_)
    assert answer.status_code == status
    assert answer.json.keys() == example.keys()
    assert {key: type(value) for key, value in answer.json.items()} == {key: type(v) for key, v in example.items()}
    assert answer.json["code"] == status
    assert answer.json["name"] == {400: "Bad Request", 401: "Unauthorized"}[status]
