"""S6, a task and its runs: how it stands and why, every attempt, what it used of what it asked for, its command, its
files, and the values of a map.
"""

from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, Response, request

from app.domain.run import Run
from app.ports.records import Page
from app.services import map_list, strips
from app.services.links import link
from app.services.map_list import OneValue
from app.services.task_page import Attempt, TaskPage, run_page, task_page
from app.ui import guard, pages, usage, words
from app.ui.ansi import pieces
from app.ui.asked import asked
from app.ui.context import core, who
from app.ui.history import history
from app.ui.outcome import around, outcome
from app.ui.strip import Strip, drawn
from app.wire.states import RUN_ACTIVE

routes = Blueprint("task", __name__)

_LINK_S: Final = 3600
_VALUES: Final = 50


@routes.get("/tasks/<id:task_id>")
@guard.needs("jobs:read")
def show_task(task_id: str) -> Response:
    seen = task_page(core(), who(), task_id)
    task = seen.view.task
    values: dict[str, Any] = {}
    if seen.view.map is not None:
        values = _values(task_id)
    return _show(seen, f"{task.name} · {seen.job.name}", task.state.value, is_task=True, **values)


@routes.get("/runs/<id:run_id>")
@guard.needs("jobs:read")
def show_run(run_id: str) -> Response:
    seen = run_page(core(), who(), run_id)
    run = seen.shown.run if seen.shown else None
    state = run.state.value if run else ""
    number = f"attempt {run.number}" if run else ""
    return _show(seen, f"{seen.view.task.name} · {number} · {seen.job.name}", state, is_task=False)


def _show(seen: TaskPage, title: str, state: str, *, is_task: bool, **values: Any) -> Response:
    shown = seen.shown
    return pages.page(
        "task.html",
        title=title,
        active="jobs",
        state=state,
        seen=seen,
        job=seen.job,
        task=seen.view.task,
        spec=seen.view.spec,
        map=seen.view.map,
        is_task=is_task,
        run=shown.run if shown else None,
        run_words=outcome(shown.run, seen.view.spec) if shown else "",
        is_active=shown is not None and shown.run.state in RUN_ACTIVE,
        asked=asked(seen.view.spec),
        plots=usage.plots(shown.run, seen.view.spec, shown.samples) if shown else [],
        wasted=list(usage.wasted(shown.run, seen.view.spec)) if shown else [],
        tail=[(each, pieces(each.line.text)) for each in shown.tail] if shown else [],
        files=_files(shown),
        steps=history(seen.view.task, seen.attempts, seen.nodes) if seen.view.map is None else [],
        around=around(seen.attempts, shown.run) if shown else {},
        took=took,
        **{"strip": None, "rows": [], "from_index": 0, "only_failed": False, "next_index": None} | values,
    )


def _files(shown: Attempt | None) -> list[tuple[Any, str]]:
    return [(each, link(core(), each, _LINK_S)) for each in shown.outputs] if shown else []


def took(run: Run, now_us: int) -> str:
    """How long it ran, or has run."""
    if run.started_at_us is None:
        return ""
    return words.duration(max(0, (run.finished_at_us or now_us) - run.started_at_us))


def _values(task_id: str) -> dict[str, Any]:
    """One page of a map's values, all of them or those that failed; and the map as a whole."""
    first, only_failed = max(0, request.args.get("from", 0, type=int)), "failed" in request.args
    page = Page(limit=_VALUES + 1, after=(first - 1,) if first else None)
    listed = strips.failed_values if only_failed else map_list.values
    rows: Sequence[OneValue] = listed(core(), who(), task_id, page)
    return {
        "strip": _strip(task_id),
        "rows": rows[:_VALUES],
        "from_index": first,
        "only_failed": only_failed,
        "next_index": rows[_VALUES].index if len(rows) > _VALUES else None,
    }


def _strip(task_id: str) -> Strip | None:
    parts = strips.strip(core(), who(), task_id)
    return drawn(parts) if parts else None
