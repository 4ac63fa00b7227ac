"""S3, a job: its tasks, its files, its events, and how a program asks for all of it.

Graph and timeline have files of their own.
"""

from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, Response, redirect, request

from app.domain.errors import NotFound
from app.domain.job import Job
from app.ports.records import Event, Page, TaskView
from app.ports.store import Reader
from app.services import outputs, query
from app.services.links import link
from app.ui import guard
from app.ui.context import core, who
from app.ui.job_page import find, job_page
from app.wire.states import TaskState

routes = Blueprint("job", __name__)

_ROWS: Final = 100
_STATES: Final = tuple(state.value for state in TaskState)
_LOOKED_AT: Final = 5000
"""Tasks that one page looks through for those of a state."""
_AT_ONCE: Final = 1000
_LINK_S: Final = 3600
_NAMED: Final = 3


@routes.get("/j/<id:job_id>")
@guard.needs("jobs:read")
def short(job_id: str) -> Response:
    return redirect(f"/jobs/{find(job_id).id}", 301)  # type: ignore[return-value]  # werkzeug's base class


@routes.get("/jobs/<id:job_id>/tasks")
@guard.needs("jobs:read")
def show_tasks(job_id: str) -> Response:
    job, state = find(job_id), request.args.get("state", "")
    if state and state not in _STATES:
        raise NotFound(f"there is no such state; tasks are {', '.join(_STATES)}")
    after = request.args.get("after", type=int)
    shown, next_after = _tasks(job, state, after)
    return job_page(
        "job_tasks.html", job, "tasks", tasks=shown, wanted=state, states=_STATES, after=after, next_after=next_after
    )


@routes.get("/jobs/<id:job_id>/files")
@guard.needs("jobs:read")
def show_files(job_id: str) -> Response:
    job = find(job_id)
    sent = outputs.outputs(core(), who(), Page(limit=_ROWS + 1), job_id=job.id)
    views = query.tasks(core(), who(), job.id, Page(limit=_AT_ONCE))
    taken = [(view, one) for view in views for one in view.spec.inputs][: _ROWS + 1]
    return job_page(
        "job_files.html",
        job,
        "files",
        outputs=[(one, link(core(), one, _LINK_S)) for one in sent[:_ROWS]],
        more_outputs=len(sent) > _ROWS,
        inputs=[(view, _source(one), _target(one)) for view, one in taken[:_ROWS]],
        more_inputs=len(taken) > _ROWS,
        results=[view for view in views if view.run and view.run.result is not None][:_ROWS],
    )


@routes.get("/jobs/<id:job_id>/events")
@guard.needs("jobs:read")
def show_events(job_id: str) -> Response:
    job, after = find(job_id), request.args.get("after", type=int)
    page = Page(limit=_ROWS + 1, after=None if after is None else (after,))
    events = query.events(core(), who(), page, job.id)
    names = core().store.read(lambda tx: _names(tx, events))
    return job_page(
        "job_events.html",
        job,
        "events",
        events=events[:_ROWS],
        names=names,
        named=_NAMED,
        next_after=events[_ROWS - 1].seq if len(events) > _ROWS else None,
    )


@routes.get("/jobs/<id:job_id>/api")
@guard.needs("jobs:read")
def show_api(job_id: str) -> Response:
    return job_page("job_api.html", find(job_id), "api")


def _tasks(job: Job, state: str, after: int | None) -> tuple[list[TaskView], int | None]:
    """The next rows, and where the rows after them begin; None on the last page."""
    if not state:
        page = Page(limit=_ROWS + 1, after=None if after is None else (after,))
        views = query.tasks(core(), who(), job.id, page)
        return views[:_ROWS], views[_ROWS - 1].task.position if len(views) > _ROWS else None
    found: list[TaskView] = []
    for _ in range(_LOOKED_AT // _AT_ONCE):
        page = Page(limit=_AT_ONCE, after=None if after is None else (after,))
        views = query.tasks(core(), who(), job.id, page)
        found += [view for view in views if view.task.state == state]
        if len(found) > _ROWS:
            return found[:_ROWS], found[_ROWS - 1].task.position
        if len(views) < _AT_ONCE:
            return found, None
        after = views[-1].task.position
    return found, after


def _names(tx: Reader, events: Sequence[Event]) -> dict[str, str]:
    """Of the first tasks of each event."""
    ids = {change[0] for event in events if event.kind == "tasks" for change in event.data[:_NAMED]}
    found = {task_id: tx.task(task_id) for task_id in ids}
    return {task_id: view.task.name for task_id, view in found.items() if view is not None}


def _source(one: Any) -> str:
    """Of an input as submitted, which was checked then."""
    source = one.get("source", {})
    return str(source.get("uri") or f"{source.get('spaceId', '')}/{source.get('key', '')}")


def _target(one: Any) -> str:
    return str(one.get("target", {}).get("path", ""))
