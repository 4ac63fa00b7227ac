"""Autodesk Flow Compute below /flow/compute/v1, with the token and storage routes that its clients begin with."""

from app.rest.dialects.flow import errors, executions, jobs, logs, outputs, storage, tasks, token
from app.rest.surface import Surface

TEXT = """\
The Flow Compute API of Autodesk Platform Services, served by Flotilla: the same jobs as below /v1, under the same ids.

The document describes the list of a job's tasks and says how the others look in part. What it leaves open is ours: the
answer of a POST (201 with the job), the whole of a job and of an execution, QUEUED and RUNNING, and the meaning of a
map's `values.source`: a JSON array, a string that holds one, the URI of one, or a reference. A task may also have the
native `needs`, `outputs`, `runWhen`, `priority` and `tag`. Memory is in MB, and 1 MB is 2^20 bytes.
"""

SURFACE = Surface(
    name="flow",
    title="Flotilla as Flow Compute",
    text=TEXT,
    parts=(
        jobs.routes,
        tasks.routes,
        executions.routes,
        outputs.routes,
        storage.routes,
        logs.routes,
        token.routes,
    ),
    error=errors.ErrorShown,
    prefixes=("/flow/", "/authentication/v2/"),
    render=errors.render,
)
