"""S4, a job's graph: drawn by `static/js/graph/`, and in words for who cannot see it or has no JavaScript.

The address has the chosen task (`task`), whose panel is part of the page.
"""

from typing import Final

from flask import Blueprint, Response, request

from app.domain.errors import NotFound
from app.domain.task import Task
from app.ports.records import TaskView
from app.services import query
from app.services.explain import explain
from app.ui import guard, pages, words
from app.ui.context import core, moment, who
from app.ui.job_page import find, job_page
from app.ui.outline import steps
from app.wire.states import TaskState

routes = Blueprint("graph", __name__)

IN_WORDS: Final = 300
"""Tasks that the outline has; the tab Tasks has all of them."""
DRAWN: Final = 20_000
_STATES: Final = tuple(state.value for state in TaskState)


@routes.get("/jobs/<id:job_id>")
@guard.needs("jobs:read")
def show_graph(job_id: str) -> Response:
    job = find(job_id)
    task_id = request.args.get("task", "")
    return job_page(
        "job_graph.html",
        job,
        "graph",
        steps=steps(query.graph(core(), who(), job.id, IN_WORDS)),
        more=max(0, job.total - IN_WORDS),
        is_drawn=job.total <= DRAWN,
        chosen=_chosen(job.id, task_id) if task_id else None,
        reasons=explain(core(), who(), task_id).reasons if task_id else (),
    )


@routes.get("/ui/jobs/<id:job_id>/graph")
@guard.needs("jobs:read")
def draw(job_id: str) -> Response:
    """What is drawn. `tasks` in order of submission as [id, name, number of the state, a map's values by state or null,
    milliseconds that it took or null]; `edges` as positions, two by two, in a row.
    """
    job = find(job_id)
    if job.total > DRAWN:
        raise NotFound(f"graphs of up to {DRAWN} tasks are drawn; this job has {job.total}")
    seen = query.graph(core(), who(), job.id, DRAWN)
    places = {view.task.position: place for place, view in enumerate(seen.tasks)}
    return pages.fragment(
        {
            "seq": moment().seq,
            "states": _STATES,
            "tones": [words.tone(state) for state in _STATES],
            "tasks": [
                [view.task.id, view.task.name, _STATES.index(view.task.state), _map(view), _took_ms(view.task)]
                for view in seen.tasks
            ],
            "edges": [places[end] for edge in seen.edges for end in edge],
        }
    )


def _map(view: TaskView) -> dict[str, int] | None:
    return None if view.map is None else {state.value: count for state, count in view.map.counts.items() if count}


def _took_ms(task: Task) -> int | None:
    if task.started_at_us is None or task.finished_at_us is None:
        return None
    return (task.finished_at_us - task.started_at_us) // 1000


def _chosen(job_id: str, task_id: str) -> TaskView:
    view = query.task(core(), who(), task_id)
    if view.task.job_id != job_id:
        raise NotFound("there is no such task in this job")
    return view
