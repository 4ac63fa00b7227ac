"""The native API below /v1: schemas by noun, views that are sentences, and its OpenAPI text."""

from app.rest import problems
from app.rest.native import (
    account,
    assets,
    deliveries,
    events,
    fleet,
    jobs,
    messages,
    outputs,
    people,
    queues,
    runs,
    secrets,
    tasks,
    tell,
    templates,
    views,
)
from app.rest.native.schemas.shown import ProblemShown
from app.rest.surface import Surface

TEXT = """\
Jobs made of tasks that need each other, run by a fleet of nodes inside their cpu, memory and time limits.

Times are RFC 3339 in UTC, durations are seconds. Memory in requirements is in MB, and 1 MB is 2^20 bytes; measured
memory is in bytes. Ids are UUIDs. Lists come in pages: follow `nextCursor`. Errors are RFC 9457 problems.
"""

SURFACE = Surface(
    name="native",
    title="Flotilla",
    text=TEXT,
    parts=(
        jobs.routes,
        tasks.routes,
        runs.routes,
        events.routes,
        deliveries.routes,
        messages.routes,
        fleet.routes,
        queues.routes,
        account.routes,
        people.routes,
        secrets.routes,
        tell.routes,
        templates.routes,
        views.routes,
        assets.routes,
        outputs.routes,
    ),
    plain=("protocol", "health", "metrics"),
    error=ProblemShown,
    error_type=problems.MEDIA_TYPE,
)
