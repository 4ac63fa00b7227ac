"""S2, the jobs: what there is by state, found by name, queue and project; many can be canceled or run again together.

`from` holds the first row while the page is kept fresh, so that rows do not jump: newer jobs are only counted.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, request

from app.domain.errors import FlotillaError, NotFound
from app.domain.job import Job
from app.ports.records import Page
from app.ports.views import SavedView
from app.services import control, query, queues, rerun, views
from app.services.overview import MOST_COUNTED, job_counts
from app.ui import guard, pages, shares
from app.ui.context import core, ui, who
from app.wire.states import JOB_TERMINAL, JobState, TaskState

routes = Blueprint("jobs", __name__)

_ROWS: Final = 50
_MOST_NEWER: Final = 99
_MOST_AT_ONCE: Final = 100
_STATES: Final = {state.value: state for state in JobState}
_ASKED: Final = ("state", "q", "queue", "project")
_SAVED_AS: Final = {"project": "projectId"}


@routes.get("/jobs")
@guard.needs("jobs:read")
def list_jobs() -> Response:
    asked = {name: value for name in _ASKED if (value := request.args.get(name, "").strip())}
    before, first = request.args.get("before", type=int), request.args.get("from", type=int)
    start = before if before is not None else None if first is None else first + 1
    found = _find(asked, Page(limit=_ROWS + 1, after=None if start is None else (start,)))
    newer = 0
    if first is not None and before is None:
        newer = sum(job.seq > first for job in _find(asked, Page(limit=_MOST_NEWER)))
    shown = found[:_ROWS]
    held = {"from": str(shown[0].seq)} if shown and before is None else {}
    counts = job_counts(core(), who())
    saved = views.listing(core(), who())
    return pages.page(
        "jobs.html",
        title="Jobs" + (f", {asked['state']}" if "state" in asked else ""),
        active="jobs",
        state=asked.get("state", ""),
        asked=asked,
        jobs=shown,
        newer=newer,
        most_newer=_MOST_NEWER,
        counts=counts,
        most=MOST_COUNTED,
        states=_STATES,
        queues=queues.names(core(), who()),
        projects={project.id: project.name for project in query.projects(core(), who()) if not project.removed},
        address=address(asked),
        fresh_address=address(asked | held | {"before": "" if before is None else str(before)}),
        next_address=address(asked | {"before": str(shown[-1].seq)}) if len(found) > _ROWS else "",
        views=[(view, address(_asked(view))) for view in saved],
        view=next((view for view in saved if _asked(view) == asked), None),
        api_address=_api_address(asked),
        with_state=lambda state: address({**asked, "state": state}),
        shares=shares,
    )


@routes.post("/ui/views")
@guard.needs(views.SCOPE)
def save_view() -> Response:
    """The filters of the page it is sent from, under a name."""
    filters = {_SAVED_AS.get(name, name): request.form.get(name, "") for name in _ASKED}
    view = views.save(core(), who(), request.form.get("name", "").strip(), filters)
    return pages.back(address(_asked(view)), f"Saved as {view.name}.")


@routes.post("/ui/views/<id:view_id>/delete")
@guard.needs(views.SCOPE)
def delete_view(view_id: str) -> Response:
    views.delete(core(), who(), view_id)
    return pages.back(request.form.get("to") or "/jobs", "The view is deleted, the jobs are as they were.")


@routes.get("/jobs/bulk")
@guard.needs("jobs:write")
def ask_bulk() -> Response:
    """Names the effect before it is had."""
    verb, jobs = request.args.get("do", ""), _chosen(request.args.getlist("id"))
    able = _able(verb, jobs)
    running = sum(job.counts.get(TaskState.RUNNING, 0) for job in able)
    return pages.page(
        "bulk.html",
        title=f"{verb.capitalize()} {len(able)} jobs",
        active="jobs",
        verb=verb,
        able=able,
        others=len(jobs) - len(able),
        running=running,
        waiting=sum(shares.open_tasks(job) for job in able),
        unsuccessful=sum(shares.ended(job) - job.counts.get(TaskState.SUCCEEDED, 0) for job in able),
        to=pages.own(request.args.get("to", "/jobs")),
    )


@routes.post("/ui/jobs/bulk")
@guard.needs("jobs:write")
def do_bulk() -> Response:
    verb, done, wrong = request.form.get("do", ""), 0, ""
    for job in _able(verb, _chosen(request.form.getlist("id"))):
        try:
            if verb == "cancel":
                control.cancel_job(core(), who(), job.id)
            else:
                rerun.retry_job(core(), who(), job.id)
            done += 1
        except FlotillaError as error:
            wrong = wrong or f" {job.name}: {ui().ways.explain(error).detail}."
    word = "Canceled" if verb == "cancel" else "Started again:"
    return pages.back(request.form.get("to", "/jobs"), f"{word} {done} jobs.{wrong}")


def address(asked: dict[str, str]) -> str:
    given = {name: value for name, value in asked.items() if value}
    return "/jobs" + (f"?{urlencode(given)}" if given else "")


def _api_address(asked: Mapping[str, str]) -> str:
    """The same list of the API's."""
    where = f"/v1/queues/{quote(asked['queue'], safe='@')}/jobs" if "queue" in asked else "/v1/jobs"
    given = {_SAVED_AS.get(name, name): value for name, value in asked.items() if name != "queue"}
    return where + (f"?{urlencode(given)}" if given else "")


def _asked(view: SavedView) -> dict[str, str]:
    """Its filters, as they are in the address."""
    return {name: view.filters[key] for name in _ASKED if (key := _SAVED_AS.get(name, name)) in view.filters}


def _find(asked: dict[str, str], page: Page) -> list[Job]:
    state = asked.get("state")
    if state is not None and state not in _STATES:
        raise NotFound(f"there is no such state; jobs are {', '.join(_STATES)}")
    return query.jobs(
        core(),
        who(),
        page,
        state=_STATES[state] if state else None,
        text=asked.get("q"),
        queue=asked.get("queue"),
        project_id=asked.get("project"),
    )


def _chosen(ids: Sequence[str]) -> list[Job]:
    return [query.job(core(), who(), each) for each in dict.fromkeys(ids[:_MOST_AT_ONCE])]


def _able(verb: str, jobs: Sequence[Job]) -> list[Job]:
    """Those that it would do something to."""
    if verb == "cancel":
        return [job for job in jobs if shares.stoppable(job)]
    if verb == "retry":
        return [job for job in jobs if job.state in JOB_TERMINAL and job.state is not JobState.SUCCEEDED]
    raise NotFound("jobs can be told to cancel or retry")
