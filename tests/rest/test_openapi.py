"""The OpenAPI text: well formed, whole, and about this server."""

import re
from typing import Any

import pytest

from app.rest import application
from app.rest.dialects import SURFACES
from tests.rest.conftest import Api


@pytest.fixture(scope="module")
def text(shared: Api) -> Any:
    answer = shared.get("/openapi/native.json", as_=None)
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.json


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_it_is_openapi_3_1_and_says_what_a_megabyte_is(text: Any) -> None:
    assert text["openapi"] == "3.1.0"
    assert "2^20" in text["info"]["description"]
    assert text["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_reference_leads_somewhere(text: Any) -> None:
    for reference in references(text):
        here = text
        for step in reference.removeprefix("#/").split("/"):
            here = here[step]


def test_every_route_is_in_one_text_and_no_other_is(shared: Api) -> None:
    described = [
        (method.upper(), path)
        for name in ("native", *(surface.name for surface in SURFACES))
        for path, item in shared.get(f"/openapi/{name}.json", as_=None).json["paths"].items()
        for method in item
        if method != "parameters"
    ]
    mounted = [
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule))
        for method, rule in application.mounted(shared.app)
        if not rule.startswith("/openapi/")
    ]
    assert sorted(described) == sorted(mounted)


def test_every_operation_has_words_an_id_and_its_errors(text: Any) -> None:
    ids = []
    for path, item in text["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert operation["summary"], (method, path)
            assert "default" in operation["responses"], (method, path)
            ids.append(operation["operationId"])
    assert len(ids) == len(set(ids))


def test_path_parameters_are_declared(text: Any) -> None:
    for path, item in text["paths"].items():
        declared = {each["name"] for each in item.get("parameters", []) if each.get("in") == "path"}
        for method in set(item) - {"parameters"}:
            own = {each["name"] for each in item[method].get("parameters", []) if each.get("in") == "path"}
            assert declared | own == set(re.findall(r"{(\w+)}", path)), path


def test_limits_are_in_the_text(text: Any) -> None:
    requirements = text["components"]["schemas"]["Requirements"]["properties"]
    assert (requirements["cpu"]["minimum"], requirements["cpu"]["maximum"]) == (1, 16)
    assert requirements["memory"]["maximum"] == 122_880
