"""The jobs of Alteryx Server's API V3 below /webapi, with what its clients ask for before and after a run.

A workflow is a template, its questions are the template's, a worker tag is a tag. Job ids are those of the native API.
"""

from app.rest.dialects.alteryx import errors, jobs, messages, token, workflows
from app.rest.surface import Surface

TEXT = """\
Jobs as in Alteryx Server's API V3. A workflow is a template of `/v1/templates`: each counts as an app, but those marked
as module or macro, which cannot be run. Callers see their own jobs, Curators (scope `messages:admin`) all of them.

Neither the document nor the clients say these, and they are our choice: the words of `disposition` (None, Success,
Error, Cancelled); that `includeMessages=false` leaves out `messages` and nothing else; the numbers of a message's
`status` (1 information, 2 warning, 3 error) and its `toolId`, the task's position in the job; the words of
`questionType`. Times are in milliseconds and UTC. A job paused here is shown as Queued.
"""

SURFACE = Surface(
    name="alteryx",
    title="Flotilla as Alteryx Server V3",
    text=TEXT,
    parts=(token.routes, workflows.routes, jobs.routes, messages.routes),
    error=errors.ErrorShown,
    prefixes=("/webapi",),
    render=errors.render,
)
