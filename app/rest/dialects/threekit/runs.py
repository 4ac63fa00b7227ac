"""Runs: listed, read, and those that are made here fed by whoever made them."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import fields

from app.domain.errors import Invalid, NotFound, Problem
from app.rest.context import core, who
from app.rest.dialects.threekit import bodies, pages
from app.rest.dialects.threekit.blueprint import READ, WRITE, ThreekitBlueprint
from app.rest.dialects.threekit.bodies import RunChange, RunIn
from app.rest.dialects.threekit.caller import check_org
from app.rest.dialects.threekit.errors import BASE
from app.rest.dialects.threekit.jobs import OrgQuery
from app.rest.dialects.threekit.lists import RunList
from app.rest.dialects.threekit.pages import UnpagedQuery
from app.rest.dialects.threekit.run_shown import RunShown, read_results
from app.rest.dialects.threekit.words import RESULTS
from app.services import numbered, outside
from app.services.outside import News
from app.services.told import RunTold

routes = ThreekitBlueprint("threekit_runs", __name__, description="Runs of tasks")

_NEVER: Final = 1 << 62
_USAGE: Final[Mapping[str, tuple[str, type]]] = {
    "CPUTime": ("cpu_user_s", float),
    "GPUTime": ("gpu_s", float),
    "RAMUsage": ("peak_rss_bytes", int),
    "wallClockTime": ("wall_s", float),
}


class RunsQuery(UnpagedQuery):
    jobId = fields.String(metadata={"description": "What is no id matches nothing. Neither id: all runs (ours)."})
    taskId = fields.String(metadata={"description": "With jobId: of that task, if it is that job's (ours)."})


@routes.get(f"{BASE}/runs")
@READ
@routes.arguments(RunsQuery, location="query")
@routes.response(200, RunList)
def list_runs(given: Mapping[str, Any]) -> pages.Window[RunTold]:
    """Runs, of a job, of a task, or of all"""
    wanted = pages.asked(given, unpaged=True)
    job_id, no_job = pages.filter_id(given, "jobId")
    task_id, no_task = pages.filter_id(given, "taskId")
    return pages.window(
        wanted,
        lambda spot: numbered.runs(core(), who(), spot, job_id=job_id, task_id=task_id),
        nothing=no_job or no_task,
    )


@routes.post(f"{BASE}/runs")
@WRITE
@routes.arguments(RunIn)
@routes.response(200, RunShown)
def create_run(given: Mapping[str, Any]) -> RunTold:
    """Run a task yourself: no node is offered it, and you say how it goes by PUT until it has stopped"""
    check_org(given.get("orgId"))
    job_id = given.get("jobId")
    try:
        run = outside.start(
            core(),
            who(),
            given["taskId"].lower(),
            _news(given, bodies.digest()),
            job_id=job_id.lower() if job_id else None,
            run_id=given.get("id"),
        )
    except NotFound:
        raise Invalid([Problem("/taskId", "there is no such task")]) from None
    return numbered.run(core(), who(), run.id)


@routes.get(f"{BASE}/runs/<id:run_id>")
@READ
@routes.arguments(OrgQuery, location="query")
@routes.response(200, RunShown)
def read_run(given: Mapping[str, Any], run_id: str) -> RunTold:
    """One run"""
    check_org(pages.filter_id(given, "orgId")[0])
    return numbered.run(core(), who(), run_id)


@routes.put(f"{BASE}/runs/<id:run_id>")
@WRITE
@routes.arguments(RunChange)
@routes.response(200, RunShown)
def change_run(given: Mapping[str, Any], run_id: str) -> RunTold:
    """Say how a run goes that you made: only while it has not stopped"""
    known = numbered.run(core(), who(), run_id)
    if given.get("stoppedAt", _NEVER) < given.get("startedAt", (known.said or {}).get("startedAt", 0)):
        raise Invalid([Problem("/stoppedAt", "must not be before startedAt")])
    outside.feed(core(), who(), run_id, _news(given, {}))
    return numbered.run(core(), who(), run_id)


def _news(given: Mapping[str, Any], digest: Mapping[str, str]) -> News:
    results = read_results(given.get("results"))
    said = {**bodies.said(given), **digest}
    if results is not None:
        said["results"] = results
    return News(
        said=said,
        progress=given.get("progress"),
        started_at_us=given.get("startedAt"),
        usage={name: kind(given[key]) for key, (name, kind) in _USAGE.items() if key in given},
        succeeded=_verdict(given),
        stopped_at_us=given.get("stoppedAt"),
        error=given.get("error"),
        result=results,
    )


def _verdict(given: Mapping[str, Any]) -> bool | None:
    """None while it goes on. Whoever says only when it stopped has succeeded, unless there is an error."""
    if "resultCode" in given:
        return RESULTS[given["resultCode"]]
    return not given.get("error") if "stoppedAt" in given else None
