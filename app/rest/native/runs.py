"""Runs, and what they used."""

from collections.abc import Mapping
from typing import Any

from flask import Response

from app.domain.run import Run
from app.rest import auth, entity
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.queries import PageQuery
from app.rest.native.schemas.run_out import RunShown, SampleShown
from app.rest.paging import Listing, window
from app.services import query
from app.wire.usage import Sample

routes = NativeBlueprint("runs", __name__, description="Attempts at tasks, and what became of them")

READ = auth.scope("jobs:read")


@routes.get("/v1/jobs/<id:job_id>/runs")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(RunShown)
def list_job_runs(asked: Mapping[str, Any], job_id: str) -> Listing[Run]:
    """A job's runs by task, then number"""
    return window(asked, lambda page: query.runs(core(), who(), page, job_id=job_id), _run_key)


@routes.get("/v1/tasks/<id:task_id>/runs")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(RunShown)
def list_task_runs(asked: Mapping[str, Any], task_id: str) -> Listing[Run]:
    """A task's runs by number"""
    return window(asked, lambda page: query.runs(core(), who(), page, task_id=task_id), _run_key)


@routes.get("/v1/runs/<id:run_id>")
@READ
@routes.response(200, RunShown)
def read_run(run_id: str) -> Response:
    """One run"""
    return entity.polled(RunShown.show(query.run(core(), who(), run_id)))


@routes.get("/v1/runs/<id:run_id>/usage")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(SampleShown)
def list_samples(asked: Mapping[str, Any], run_id: str) -> Listing[Sample]:
    """What a run had used, over time"""
    return window(asked, lambda page: query.samples(core(), who(), run_id, page), key=lambda sample: (sample.at_us,))


def _run_key(run: Run) -> tuple[int, int, int]:
    return run.task_seq, -1 if run.map_index is None else run.map_index, run.number
