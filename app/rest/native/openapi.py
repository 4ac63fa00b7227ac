"""The OpenAPI text of the native API: flask-smorest's from the schemas, plus the routes that have none."""

import re
from http import HTTPStatus
from typing import Any, Final

from flask import Flask
from flask_smorest import Api
from werkzeug.routing import Rule

from app.rest import auth, problems
from app.rest.auth import GuardedFlask
from app.rest.native.schemas.shown import ProblemShown

TEXT: Final = """\
Jobs made of tasks that need each other, run by a fleet of nodes inside their cpu, memory and time limits.

Times are RFC 3339 in UTC, durations are seconds. Memory in requirements is in MB, and 1 MB is 2^20 bytes; measured
memory is in bytes. Ids are UUIDs. Lists come in pages: follow `nextCursor`. Errors are RFC 9457 problems.
"""

PLAIN: Final = ("protocol", "health")
"""Blueprints without schemas: the protocol of `app.wire`, and health."""

_PROBLEM: Final = "Problem"
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")

Text = dict[str, Any]  # JSON


class NativeApi(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest for documents only: errors are answered by `app.rest.problems`."""

    DEFAULT_ERROR_RESPONSE_NAME = _PROBLEM

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        self.spec.components.schema(_PROBLEM, schema=ProblemShown)
        content = {problems.MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{_PROBLEM}"}}}
        for name in (_PROBLEM, HTTPStatus(400).name, HTTPStatus(422).name):
            self.spec.components.response(name, {"description": "A problem as of RFC 9457", "content": content})


def open_api(app: Flask, version: str) -> NativeApi:
    app.config.update(NATIVE_API_TITLE="Flotilla", NATIVE_API_VERSION=version, NATIVE_OPENAPI_VERSION="3.1.0")
    return NativeApi(app, config_prefix="NATIVE_", spec_kwargs={"info": {"description": TEXT}})


def write(app: GuardedFlask, api: NativeApi) -> Text:
    """Once all routes are registered."""
    text: Text = api.spec.to_dict()
    text["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for rule in app.url_map.iter_rules():
        path = text["paths"].setdefault(_PARAMETER.sub(r"{\1}", rule.rule), {})
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if rule.endpoint.partition(".")[0] in PLAIN:
                path[method.lower()] = _plain(app, rule)
            if operation := path.get(method.lower()):
                operation["operationId"] = rule.endpoint.rpartition(".")[2]
                scope = app.scopes[rule.endpoint]
                operation["security"] = [] if scope == auth.PUBLIC else [{"bearer": [scope]}]
    return text


def _plain(app: Flask, rule: Rule) -> Text:
    blueprint, _, _ = rule.endpoint.partition(".")
    operation: Text = {
        "summary": (app.view_functions[rule.endpoint].__doc__ or "").partition("\n")[0],
        "tags": [blueprint],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}},
            "default": {"$ref": f"#/components/responses/{_PROBLEM}"},
        },
        "parameters": [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(rule.rule)
        ],
    }
    if "POST" in (rule.methods or ()):
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return operation
