"""S5, a job's timeline: a bar a run in the lane of its node. The address has the time that is shown (`from`, `to`)."""

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, Response, request

from app.domain.run import Run
from app.ports.records import Page, TaskView
from app.ports.store import Reader
from app.services import query
from app.ui import guard
from app.ui.context import core, moment, who
from app.ui.job_page import find, job_page
from app.ui.lanes import Span, lanes, program_ended_us, ticks, whole

routes = Blueprint("timeline", __name__)

MOST: Final = 2000
"""Runs in one picture; the next ones are a page away."""


@routes.get("/jobs/<id:job_id>/timeline")
@guard.needs("jobs:read")
def show_timeline(job_id: str) -> Response:
    job, after = find(job_id), request.args.get("after", "")
    key = tuple(int(part) for part in after.split(".")) if after.replace(".", "").replace("-", "").isdigit() else None
    runs = query.runs(core(), who(), Page(limit=MOST + 1, after=key if key and len(key) == 3 else None), job_id=job.id)
    shown = runs[:MOST]
    now_us = moment().now_us
    everything = whole(shown, now_us)
    span = _asked(everything)
    names = {view.node.id: view.node.name for view in query.nodes(core(), who())}
    tasks = core().store.read(lambda tx: _tasks(tx, shown))
    storing = {task_id for task_id, view in tasks.items() if view.spec.outputs}
    last = shown[-1] if len(runs) > MOST else None
    return job_page(
        "job_timeline.html",
        job,
        "timeline",
        lanes=lanes(shown, names, span, now_us, storing),
        names=names,
        tasks={task_id: view.task.name for task_id, view in tasks.items()},
        runs=shown,
        span=span,
        is_zoomed=span != everything,
        closer=_zoomed(span, 0.5),
        wider=_zoomed(span, 2),
        ticks=ticks(span),
        ended=lambda run: program_ended_us(run) if run.task_id in storing else None,
        zero_us=span.from_us - everything.from_us,
        now=span.share(now_us) if not job.finished_at_us and span.meets(now_us, now_us) else None,
        next_after=f"{last.task_seq}.{-1 if last.map_index is None else last.map_index}.{last.number}" if last else "",
    )


def _asked(everything: Span) -> Span:
    from_us, to_us = request.args.get("from", type=int), request.args.get("to", type=int)
    if from_us is None or to_us is None or not 0 <= from_us < to_us < 1 << 60:
        return everything
    return Span(from_us=from_us, to_us=to_us)


def _zoomed(span: Span, times: float) -> Span:
    middle, half = (span.from_us + span.to_us) // 2, int((span.to_us - span.from_us) * times / 2)
    return Span(from_us=max(0, middle - half), to_us=middle + max(half, 500))


def _tasks(tx: Reader, runs: Sequence[Run]) -> dict[str, TaskView]:
    """The runs are in the order of their tasks, so that those lie next to each other."""
    first = tx.task(runs[0].task_id) if runs else None
    if first is None:
        return {}
    views = tx.tasks(first.task.job_seq, Page(limit=MOST, after=(first.task.position - 1,)))
    return {view.task.id: view for view in views}
