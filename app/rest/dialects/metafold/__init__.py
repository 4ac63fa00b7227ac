"""The dialect of Metafold: projects, assets, jobs and workflows below /projects.

A workflow is a job of ours and a job a task of ours; an id is the row's growing number.
"""

from app.rest.dialects.metafold import assets, errors, jobs, projects, user, workflows
from app.rest.surface import Surface

TEXT = """\
Flotilla in the words of the Metafold API, so that its published clients work unchanged.

A project's workflows are Flotilla's jobs, and jobs are its tasks; an id is a growing number as text. A job's type is
the name of an executor. What its document leaves open is our choice: how errors are worded, that what runs is canceled
when it is deleted, and that lists have no end but `limit` and `cursor` give pages of them.
"""

SURFACE = Surface(
    name="metafold",
    title="Flotilla as Metafold",
    text=TEXT,
    parts=(projects.routes, assets.routes, jobs.routes, workflows.routes, user.routes),
    prefixes=("/projects", "/user/"),
    render=errors.render,
    error=errors.ErrorShown,
)
