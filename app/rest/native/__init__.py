"""The native API below /v1: what it is made of, and its OpenAPI text."""

from http import HTTPStatus

import orjson
from flask import Flask, Response
from flask_smorest import Api

from app.rest import auth, problems
from app.rest.native import account, fleet, jobs, runs, tasks
from app.rest.native.schemas.shown import ProblemShown

TEXT = """\
Jobs made of tasks that need each other, run by a fleet of nodes inside their cpu, memory and time limits.

Times are RFC 3339 in UTC, durations are seconds. Memory in requirements is in MB, and 1 MB is 2^20 bytes; measured
memory is in bytes. Ids are UUIDs. Lists come in pages: follow `nextCursor`. Errors are RFC 9457 problems.
"""

PARTS = (jobs.routes, tasks.routes, runs.routes, fleet.routes, account.routes)

_PROBLEM = "Problem"


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


def install(app: Flask, version: str) -> None:
    app.config.update(NATIVE_API_TITLE="Flotilla", NATIVE_API_VERSION=version, NATIVE_OPENAPI_VERSION="3.1.0")
    api = NativeApi(app, config_prefix="NATIVE_", spec_kwargs={"info": {"description": TEXT}})
    for part in PARTS:
        api.register_blueprint(part)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    api.spec.options["security"] = [{"bearer": []}]
    text = orjson.dumps(api.spec.to_dict())

    @auth.scope(auth.PUBLIC)
    def openapi() -> Response:
        return Response(text, mimetype="application/json")

    app.add_url_rule("/openapi/native.json", "openapi_native", openapi)
