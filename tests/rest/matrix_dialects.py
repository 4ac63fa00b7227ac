"""The dialects' part of the table in `matrix.py`: one mapping each."""

from collections.abc import Mapping
from typing import Final

from app.rest.auth import PUBLIC
from tests.rest.routes import FILE, FORM, LISTEN, READ, WRITE, Route, route

_QUEUE: Final = "/flow/compute/v1/queues/<queue>"
_SPACE: Final = "/flow/storage/v1/spaces/<space>"

FLOW: Final[Mapping[str, Route]] = {
    "GET /openapi/flow.json": route(PUBLIC),
    "POST /authentication/v2/token": route(PUBLIC),
    f"GET {_QUEUE}/jobs": route(READ),
    f"POST {_QUEUE}/jobs": route(WRITE, {"name": "j", "tasks": []}),
    f"GET {_QUEUE}/jobs/<id:job_id>": route(READ),
    f"DELETE {_QUEUE}/jobs/<id:job_id>": route(WRITE),
    **{f"GET {_QUEUE}/jobs/<id:job_id>/{part}": route(READ) for part in ("executions", "outputs", "tasks")},
    f"GET {_QUEUE}/jobs/<id:job_id>/executions:updates": route(READ),
    f"GET {_QUEUE}/jobs/<id:job_id>/logs": route(LISTEN),
    f"POST {_QUEUE}/jobs:cancel": route(WRITE, {}),
    f"GET {_QUEUE}/jobs:updates": route(READ),
    "GET /flow/storage/v1/logs/<signed>": route(PUBLIC),
    f"GET {_SPACE}/resources/<path:resource>/download-url": route(READ),
    f"GET {_SPACE}/resources/<path:resource>/upload-urls": route(WRITE),
    f"POST {_SPACE}/resources:batch-get-download-urls": route(READ, {}),
    f"POST {_SPACE}/uploads:complete": route(WRITE, {}),
}

_JOB: Final = "/webapi/v3/jobs/<id:job_id>"
_WORKFLOW: Final = "/webapi/v3/workflows/<id:workflow_id>"

ALTERYX: Final[Mapping[str, Route]] = {
    "GET /openapi/alteryx.json": route(PUBLIC),
    "POST /webapi/oauth2/token": route(PUBLIC),
    "GET /webapi/v1/jobs/<id:job_id>/output/<id:output_id>": route(READ),
    "GET /webapi/v3/jobs": route(READ),
    f"GET {_JOB}": route(READ),
    f"DELETE {_JOB}": route(WRITE),
    f"GET {_JOB}/messages": route("messages:admin"),
    f"GET {_JOB}/output/<id:output_id>": route(READ),
    "GET /webapi/v3/workflows": route(READ),
    f"GET {_WORKFLOW}": route(READ),
    f"GET {_WORKFLOW}/jobs": route(READ),
    f"POST {_WORKFLOW}/jobs": route(WRITE, {"questions": []}),
    f"GET {_WORKFLOW}/questions": route(READ),
}

_RUN: Final = "/api/jobs/runs"

THREEKIT: Final[Mapping[str, Route]] = {
    "GET /openapi/threekit.json": route(PUBLIC),
    "GET /api/jobs": route(READ),
    "POST /api/jobs": route(WRITE, {}),
    "GET /api/jobs/<id:job_id>": route(READ),
    "PUT /api/jobs/<id:job_id>": route(WRITE, {}),
    "GET /api/jobs/reports": route(READ),
    f"GET {_RUN}": route(READ),
    f"POST {_RUN}": route(WRITE, {}),
    f"GET {_RUN}/<id:run_id>": route(READ),
    f"PUT {_RUN}/<id:run_id>": route(WRITE, {}),
    f"GET {_RUN}/streams/<signed>": route(PUBLIC),
    "GET /api/jobs/tasks": route(READ),
    "POST /api/jobs/tasks": route(WRITE, {}),
    "GET /api/jobs/tasks/<id:task_id>": route(READ),
    "PUT /api/jobs/tasks/<id:task_id>": route(WRITE, {}),
}

_PROJECT: Final = "/projects/<project_id>"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}

METAFOLD: Final[Mapping[str, Route]] = {
    "GET /openapi/metafold.json": route(PUBLIC),
    "GET /projects": route(READ),
    "POST /projects": route(WRITE, {"name": "p"}),
    f"GET {_PROJECT}": route(READ),
    f"PATCH {_PROJECT}": route(WRITE, {"name": "p"}),
    f"DELETE {_PROJECT}": route(WRITE),
    f"GET {_PROJECT}/assets": route(READ),
    f"POST {_PROJECT}/assets": route(WRITE, raw=FORM, headers=FILE),
    f"GET {_PROJECT}/assets/<asset_id>": route(READ),
    f"PATCH {_PROJECT}/assets/<asset_id>": route(WRITE, raw=FORM, headers=FILE),
    f"DELETE {_PROJECT}/assets/<asset_id>": route(WRITE),
    f"GET {_PROJECT}/jobs": route(READ),
    f"POST {_PROJECT}/jobs": route(WRITE, {"type": "command", "parameters": {"argv": '["true"]'}}),
    f"GET {_PROJECT}/jobs/<job_id>": route(READ),
    f"PATCH {_PROJECT}/jobs/<job_id>": route(WRITE, raw=b"name=x", headers=_FORM),
    f"DELETE {_PROJECT}/jobs/<job_id>": route(WRITE),
    f"GET {_PROJECT}/jobs/<job_id>/status": route(READ),
    f"GET {_PROJECT}/workflows": route(READ),
    f"POST {_PROJECT}/workflows": route(WRITE, {"definition": "jobs: {a: {type: command}}"}),
    f"GET {_PROJECT}/workflows/<workflow_id>": route(READ),
    f"DELETE {_PROJECT}/workflows/<workflow_id>": route(WRITE),
    f"POST {_PROJECT}/workflows/<workflow_id>/cancel": route(WRITE),
    f"GET {_PROJECT}/workflows/<workflow_id>/status": route(READ),
    "GET /user/license": route(READ),
    "GET /user/quota": route(READ),
    "GET /user/usage": route(READ),
}

DIALECTS: Final[Mapping[str, Route]] = {**FLOW, **ALTERYX, **THREEKIT, **METAFOLD}
