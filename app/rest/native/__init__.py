"""The native API below /v1: schemas by noun, views that are sentences, and its OpenAPI text."""

import orjson
from flask import Response

from app.rest import auth
from app.rest.auth import GuardedFlask
from app.rest.native import account, fleet, jobs, openapi, runs, tasks

PARTS = (jobs.routes, tasks.routes, runs.routes, fleet.routes, account.routes)


def install(app: GuardedFlask, version: str) -> None:
    """After the routes that the OpenAPI text describes as well."""
    api = openapi.open_api(app, version)
    for part in PARTS:
        api.register_blueprint(part)
    text = orjson.dumps(openapi.write(app, api))

    @auth.scope(auth.PUBLIC)
    def openapi_native() -> Response:
        return Response(text, mimetype="application/json")

    app.add_url_rule("/openapi/native.json", view_func=openapi_native)
