"""Which scope does each route ask for? The table that `test_access_matrix.py` holds every route against.

A new route needs an entry here or in `matrix_dialects.py`: its scope, and where it is needed a body that is good (so
that nothing but the caller is wrong) and headers. The fixture of the test has what each name in an address stands for.
"""

from collections.abc import Mapping
from typing import Final

from app.rest.auth import PUBLIC
from tests.rest.matrix_dialects import DIALECTS
from tests.rest.routes import ADMIN, FILE, FLEET, FORM, LISTEN, NODE, READ, SELF, SYSTEM, WRITE, Route, route

TASK = {"name": "a", "executor": "python", "payload": {"callable": "noop"}}
JOB = {"name": "j", "tasks": [TASK]}
MISSING = "01a1fa7f-297b-774b-8000-0000000000ff"
MISSING_NUMBER = "999999"
ROOM = {"cpuMilli": 4000, "memoryMib": 4096}
REGISTRATION = {
    "nodeId": "01a1fa7f-297b-774b-8000-033985f36d12", "name": "n", "pid": 1, "total": ROOM, "queues": ["*"],
    "tags": [], "executors": ["python"], "version": "1",
}  # fmt: skip
BEAT = {"free": ROOM, "held": [], "draining": False, "cpuPercent": 1, "usedMemoryBytes": 5, "idleS": 0.5}
BYTES = {"Content-Type": "application/octet-stream"}
ANY = {"If-Match": "*"}

ROUTES: Final[Mapping[str, Route]] = {
    "GET /healthz": route(PUBLIC),
    "GET /readyz": route(PUBLIC),
    "GET /metrics": route("metrics:read"),
    "GET /openapi/native.json": route(PUBLIC),
    # jobs, tasks, runs
    "POST /v1/queues/<queue>/jobs": route(WRITE, JOB),
    "GET /v1/queues/<queue>/jobs": route(READ),
    "GET /v1/jobs": route(READ),
    "GET /v1/jobs/<id:job_id>": route(READ),
    "PATCH /v1/jobs/<id:job_id>": route(WRITE, {"name": "x"}, headers=ANY),
    "DELETE /v1/jobs/<id:job_id>": route(WRITE),
    **{f"POST /v1/jobs/<id:job_id>/{verb}": route(WRITE) for verb in ("cancel", "pause", "resume", "retry")},
    **{f"GET /v1/jobs/<id:job_id>/{part}": route(READ) for part in ("events", "graph", "outputs", "runs", "tasks")},
    "GET /v1/jobs/<id:job_id>/messages": route(LISTEN),
    "GET /v1/tasks/<id:task_id>": route(READ),
    "PATCH /v1/tasks/<id:task_id>": route(WRITE, {"priority": 1}),
    **{f"POST /v1/tasks/<id:task_id>/{verb}": route(WRITE) for verb in ("cancel", "pause", "resume", "retry")},
    **{f"GET /v1/tasks/<id:task_id>/{part}": route(READ) for part in ("explain", "outputs", "runs", "values")},
    "GET /v1/tasks/<id:task_id>/messages": route(LISTEN),
    "GET /v1/runs/<id:run_id>": route(READ),
    "GET /v1/runs/<id:run_id>/messages": route(LISTEN),
    "GET /v1/runs/<id:run_id>/log": route(LISTEN),
    "GET /v1/runs/<id:run_id>/outputs": route(READ),
    "GET /v1/runs/<id:run_id>/usage": route(READ),
    "PUT /v1/runs/<id:run_id>/outputs/<path:name>": route(SELF, raw=b"hi", headers=BYTES),
    "POST /v1/runs/<id:run_id>/progress": route(SELF, {"progress": 0.5}),
    "POST /v1/runs/<id:run_id>/messages": route(SELF, {"messages": [{"text": "x"}]}),
    "POST /v1/runs/<id:run_id>/result": route(SELF, {"result": 1}),
    "GET /v1/events": route(READ),
    "POST /v1/events/tickets": route(READ),
    "GET /v1/jobs/<id:job_id>/deliveries": route(READ),
    "POST /v1/jobs/<id:job_id>/deliveries/<id:delivery_id>/redeliver": route(WRITE),
    "GET /v1/webhooks/secret": route(ADMIN),
    # the fleet
    "GET /v1/nodes": route(READ),
    "GET /v1/nodes/<key:node_id>": route(READ),
    "POST /v1/nodes/<key:node_id>/drain": route(FLEET),
    "POST /v1/nodes/<key:node_id>/undrain": route(FLEET),
    "GET /v1/queues": route(READ),
    "GET /v1/queues/<queue>": route(READ),
    "PATCH /v1/queues/<queue>": route(ADMIN, {"maxRunning": 3}),
    **{f"POST /v1/queues/<queue>/{verb}": route(ADMIN) for verb in ("pause", "resume")},
    "GET /v1/executors": route(READ),
    "POST /v1/nodes/join": route("nodes:join", {"nodeId": "new"}),
    "POST /v1/nodes": route(NODE, REGISTRATION),
    "POST /v1/nodes/<key:node_id>/claims": route(NODE, {"claimId": "c", "runIds": [], "free": ROOM}),
    "POST /v1/nodes/<key:node_id>/reports": route(NODE, {"free": ROOM, "reports": []}),
    "POST /v1/nodes/<key:node_id>/heartbeat": route(NODE, BEAT),
    # the organization
    "GET /v1/projects": route(READ),
    "POST /v1/projects": route(WRITE, {"name": "p"}),
    "GET /v1/secrets": route(ADMIN),
    "PUT /v1/secrets/<name>": route(ADMIN, {"value": "hidden"}),
    "DELETE /v1/secrets/<name>": route(ADMIN),
    "GET /v1/tokens": route(ADMIN),
    "POST /v1/tokens": route(ADMIN, {"name": "t"}),
    "POST /v1/tokens/<key:token_id>/rotate": route(ADMIN),
    "DELETE /v1/tokens/<key:token_id>": route(ADMIN),
    "GET /v1/users": route(ADMIN),
    "POST /v1/users": route(ADMIN, {"name": "u"}),
    "PATCH /v1/users/<id:user_id>": route(ADMIN, {"role": "viewer"}),
    "DELETE /v1/users/<id:user_id>": route(ADMIN),
    "GET /v1/audit": route(ADMIN),
    "GET /v1/organizations": route(SYSTEM),
    "POST /v1/organizations": route(SYSTEM, {"name": "o"}),
    "POST /v1/organizations/<id:org_id>/tokens": route(SYSTEM, {"name": "t"}),
    "GET /v1/views": route(READ),
    "POST /v1/views": route(READ, {"name": "v", "filters": {"state": "failed"}}),
    "DELETE /v1/views/<id:view_id>": route(READ),
    # files
    "POST /v1/assets": route(WRITE, raw=FORM, headers=FILE),
    "GET /v1/assets": route(READ),
    "GET /v1/assets/<id:asset_id>": route(READ),
    "DELETE /v1/assets/<id:asset_id>": route(WRITE),
    "GET /v1/assets/<id:asset_id>/content": route(READ),
    "GET /v1/links/<signed>": route(PUBLIC),
    "POST /v1/uploads": route(WRITE, {"filename": "x"}),
    "POST /v1/uploads/complete": route(WRITE, {"upload": "nothing", "parts": []}),
    "PUT /v1/uploads/parts/<signed>": route(PUBLIC, raw=b"hi", headers=BYTES),
    # templates
    "GET /v1/templates": route(READ),
    "POST /v1/templates": route(WRITE, {"name": "t", "job": JOB}),
    "GET /v1/templates/<id:template_id>": route(READ),
    "DELETE /v1/templates/<id:template_id>": route(WRITE),
    "POST /v1/templates/<id:template_id>/jobs": route(WRITE, {}),
    "GET /v1/templates/<id:template_id>/versions": route(READ),
    "POST /v1/templates/<id:template_id>/versions": route(WRITE, {"job": JOB}),
    **DIALECTS,
}
