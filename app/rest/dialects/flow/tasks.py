"""The tasks of a job, as they were submitted."""

from collections.abc import Mapping
from typing import Any

from app.domain import limits
from app.ports.records import TaskView
from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow import pages
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.rest.dialects.flow.jobs import BASE, FlowPageQuery, find_job
from app.rest.dialects.flow.schemas import FlowTaskShown
from app.rest.native.fields import Text
from app.services import query

routes = FlowBlueprint("flow_tasks", __name__, description="Tasks of a job")

READ = auth.scope("jobs:read")


class FlowTasksQuery(FlowPageQuery):
    name = Text(limits.MAX_TASK_NAME, data_key="filter[name]", metadata={"description": "Exactly this name."})


@routes.get(f"{BASE}/jobs/<id:job_id>/tasks")
@READ
@routes.arguments(FlowTasksQuery, location="query")
@routes.listing(FlowTaskShown)
def list_tasks(asked: Mapping[str, Any], queue: str, job_id: str) -> pages.Window[TaskView]:
    """Get the list of tasks in a job"""
    job, name = find_job(queue, job_id), asked.get("name")

    def read(page: Any) -> list[TaskView]:
        return query.tasks(core(), who(), job.id, page, name)

    return pages.window(
        asked,
        read,
        key=lambda view: (view.task.position,),
        count=lambda: job.total if name is None else len(read(pages.FIRST)),
    )
