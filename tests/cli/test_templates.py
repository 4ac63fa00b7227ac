"""`flotilla template`: what it asks the server, and what it shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Flotilla
from tests.cli.fake_server import FakeServer
from tests.cli.shapes import job

JOB = {"name": "mesh", "tasks": []}
QUESTIONS = [
    {"name": "who", "type": "text", "choices": [], "default": None, "required": True, "multiple": False},
    {"name": "size", "type": "integer", "choices": [], "default": 64, "required": False, "multiple": False},
    {"name": "parts", "type": "choice", "choices": ["a", "b"], "default": None, "required": False, "multiple": True},
]
TEMPLATE: dict[str, Any] = {
    "id": "t1",
    "name": "mesher",
    "description": "makes meshes",
    "kind": "app",
    "version": 2,
    "runs": 7,
    "createdAt": "2026-01-01T00:00:00Z",
    "createdBy": "ann",
    "job": JOB,
    "questions": [{**each, "description": ""} for each in QUESTIONS],
}


def test_a_job_alone_is_saved_as_a_template(server: FakeServer, flotilla: Flotilla, tmp_path: Path) -> None:
    server.on("POST", "/v1/templates", TEMPLATE, status=201)
    document = tmp_path / "job.json"
    document.write_text(json.dumps(JOB))
    assert flotilla("template", "save", str(document), "--name", "mine", "-o", "id").out == "t1\n"
    assert server.bodies("POST", "/v1/templates") == [{"name": "mine", "job": JOB}]


def test_a_template_is_saved_as_a_version(server: FakeServer, flotilla: Flotilla, tmp_path: Path) -> None:
    server.on("POST", "/v1/templates/t1/versions", TEMPLATE, status=201)
    document = tmp_path / "template.json"
    document.write_text(json.dumps({"job": JOB, "questions": QUESTIONS}))
    assert flotilla("template", "save", str(document), "--as-version-of", "t1").code == 0
    assert server.bodies("POST", "/v1/templates/t1/versions") == [{"job": JOB, "questions": QUESTIONS}]


def test_templates_are_listed_and_shown(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/templates", {"items": [TEMPLATE]})
    server.on("GET", "/v1/templates/t1", TEMPLATE)
    listed = flotilla("template", "list", "--name", "mesher")
    assert "mesher" in listed.out
    assert server.asked[-1].query["name"] == "mesher"
    shown = flotilla("template", "show", "t1").out
    for word in ("makes meshes", "who", "a, b", "64"):
        assert word in shown


def test_answers_are_of_their_questions_types(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("GET", "/v1/templates/t1", TEMPLATE)
    server.on("POST", "/v1/templates/t1/jobs", job(id="j1"), status=201)
    answers = ("who=12", "size=128", "parts=a", 'fixed={"a": 1}', "plain=word")
    done = flotilla("template", "run", "t1", *answers, "--priority", "9", "--tag", "gpu", "-o", "id")
    assert (done.code, done.out) == (0, "j1\n")
    parameters = {"who": "12", "size": 128, "parts": ["a"], "fixed": {"a": 1}, "plain": "word"}
    assert server.bodies("POST", "/v1/templates/t1/jobs") == [{"parameters": parameters, "priority": 9, "tag": "gpu"}]


@pytest.mark.parametrize("answer", ["who", "size"])
def test_an_answer_has_a_name_and_a_value(server: FakeServer, flotilla: Flotilla, answer: str) -> None:
    server.on("GET", "/v1/templates/t1", TEMPLATE)
    assert flotilla("template", "run", "t1", answer).code == 2
    assert server.bodies("POST", "/v1/templates/t1/jobs") == []


def test_templates_are_deleted(server: FakeServer, flotilla: Flotilla) -> None:
    server.on("DELETE", "/v1/templates/t1", None)
    server.on("DELETE", "/v1/templates/t2", None)
    assert flotilla("template", "delete", "t1", "t2").code == 0
    assert [asked.path for asked in server.asked] == ["/v1/templates/t1", "/v1/templates/t2"]
