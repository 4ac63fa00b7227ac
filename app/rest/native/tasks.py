"""Tasks: of a job, alone, why they wait, and run again."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from app.ports.records import TaskView
from app.rest import auth, entity
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.queries import PageQuery, TasksQuery
from app.rest.native.schemas.task_in import TaskChange
from app.rest.native.schemas.task_out import ExplanationShown, TaskShown
from app.rest.native.schemas.value_out import ValueShown
from app.rest.paging import Listing, window
from app.services import control, hold, map_list, query, rerun
from app.services.explain import Explanation, explain
from app.services.map_list import OneValue

routes = NativeBlueprint("tasks", __name__, description="Nodes of a job's graph")

READ, WRITE = auth.scope("jobs:read"), auth.scope("jobs:write")


@routes.get("/v1/jobs/<id:job_id>/tasks")
@READ
@routes.arguments(TasksQuery, location="query")
@routes.listing(TaskShown)
def list_tasks(asked: Mapping[str, Any], job_id: str) -> Listing[TaskView]:
    """A job's tasks in order of submission"""
    return window(
        asked,
        lambda page: query.tasks(core(), who(), job_id, page, asked.get("name")),
        key=lambda view: (view.task.position,),
    )


@routes.get("/v1/tasks/<id:task_id>")
@READ
@routes.response(200, TaskShown)
def read_task(task_id: str) -> Response:
    """One task"""
    return entity.polled(TaskShown.show(query.task(core(), who(), task_id)))


@routes.get("/v1/tasks/<id:task_id>/explain")
@READ
@routes.response(200, ExplanationShown)
def explain_task(task_id: str) -> Explanation:
    """Why a task does not run, and what would change it"""
    return explain(core(), who(), task_id)


@routes.get("/v1/tasks/<id:task_id>/values")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(ValueShown)
def list_values(asked: Mapping[str, Any], task_id: str) -> Listing[OneValue]:
    """The values of a map that have been opened, in order, with their results"""
    return window(asked, lambda page: map_list.values(core(), who(), task_id, page), key=lambda one: (one.index,))


@routes.post("/v1/tasks/<id:task_id>/cancel")
@WRITE
@routes.response(200, TaskShown)
def cancel_task(task_id: str) -> TaskView:
    """End one task; what needs it is skipped"""
    return control.cancel_task(core(), who(), task_id)


@routes.post("/v1/tasks/<id:task_id>/retry")
@WRITE
@routes.response(200, TaskShown)
def retry_task(task_id: str) -> TaskView:
    """Run one task that has ended again, and what ended below it"""
    return rerun.retry_task(core(), who(), task_id)


@routes.post("/v1/tasks/<id:task_id>/pause")
@WRITE
@routes.response(200, TaskShown)
def pause_task(task_id: str) -> TaskView:
    """Start no new run of one task; one that runs goes on"""
    return hold.pause_task(core(), who(), task_id)


@routes.post("/v1/tasks/<id:task_id>/resume")
@WRITE
@routes.response(200, TaskShown)
def resume_task(task_id: str) -> TaskView:
    """Go on with a paused task"""
    return hold.resume_task(core(), who(), task_id)


@routes.patch("/v1/tasks/<id:task_id>")
@WRITE
@routes.arguments(TaskChange)
@routes.response(200, TaskShown)
def change_task(change: Mapping[str, Any], task_id: str) -> TaskView:
    """Change a task's priority"""
    return hold.change_task(core(), who(), task_id, change["priority"])
