"""Threekit's jobs, tasks, runs and reports below /api/jobs."""

from app.rest.dialects.threekit import caller, errors, files, jobs, reports, runs, tasks
from app.rest.surface import Surface

TEXT = """\
The Jobs API of Threekit, served by Flotilla: the same jobs as below /v1, under the same ids.

The token goes into the `Authorization` header or into the query as `bearer_token`. A single job is shown as an array of
one, and to the published client as an object with `runs`. Where the document says nothing it is ours: which fields are
needed, the words of `schedulerState`, who runs a task, what ends a run, the units of measured values, and that lists
are counted and paged up to 100,000 entries.

A job made here has no tasks, and takes some until all that it has have stopped. A task is run by a node that offers an
executor named like its `type`, or by whoever posts a run of it, who then says by PUT how it goes and ends.
"""

SURFACE = Surface(
    name="threekit",
    title="Flotilla as Threekit jobs",
    text=TEXT,
    parts=(jobs.routes, tasks.routes, runs.routes, reports.routes, files.routes),
    error=errors.ErrorShown,
    prefixes=("/api/",),
    render=errors.render,
    reader=caller.token,
)
