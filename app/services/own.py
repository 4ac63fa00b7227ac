"""What is a caller's own, for dialects that show nobody the jobs of others: but who sees all messages sees all jobs.

Another one's job answers exactly as an absent one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.errors import NotFound
from app.domain.job import Job
from app.domain.task import Task
from app.ports.records import Asset, Page, StoredLine
from app.ports.store import Reader
from app.ports.templates import JobsWanted, Order
from app.services import cancel, query
from app.services.access import Principal
from app.services.core import Core
from app.wire.resources import Route
from app.wire.states import JobState

EVERYBODYS = "messages:admin"
MESSAGES = "messages:read"
MOST_LINES = 10_000
MOST_FAILURES = 100
MOST_OUTPUTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A line of a run, or why a task has failed. `place` is the task's position in the job."""

    place: int
    text: str
    line: StoredLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job with the tag of its first task; and where it is asked for, its output files and what was said in it."""

    job: Job
    tag: str
    outputs: Sequence[Asset] = ()
    said: Sequence[Said] = ()


def listing(
    core: Core,
    who: Principal,
    *,
    template_id: str | None = None,
    states: frozenset[JobState] | None = None,
    order: Order = "created",
    descending: bool = True,
    offset: int = 0,
    limit: int,
) -> list[JobView]:
    """By place and not by key; all that is given must hold."""
    who.require("jobs:read")
    wanted = JobsWanted(
        org_id=who.org_id,
        template_id=template_id,
        created_by=None if EVERYBODYS in who.scopes else who.name,
        states=states,
        order=order,
        descending=descending,
        offset=offset,
        limit=limit,
    )

    def work(tx: Reader) -> list[JobView]:
        jobs = tx.jobs_wanted(wanted)
        routes = tx.first_routes([job.seq for job in jobs])
        return [JobView(job=job, tag=_tag(tx, job, routes.get(job.seq, ""))) for job in jobs]

    return core.store.read(work)


def job(core: Core, who: Principal, job_id: str, *, messages: bool = False) -> JobView:
    """With its outputs, and with `messages` with what was said, where the caller may read that. Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> JobView:
        found = find(tx, who, job_id)
        view = _view(tx, found)
        return replace(view, said=_said(tx, found)) if messages and MESSAGES in who.scopes else view

    return core.store.read(work)


def messages(core: Core, who: Principal, job_id: str) -> list[Said]:
    """The first lines of the job in order of arrival, and then why tasks have failed."""
    who.require(EVERYBODYS)
    return core.store.read(lambda tx: _said(tx, find(tx, who, job_id)))


def output(core: Core, who: Principal, job_id: str, asset_id: str) -> Asset:
    """Raises NotFound, also for a file that is no output of this job."""
    who.require("jobs:read")

    def work(tx: Reader) -> Asset:
        found, asset = find(tx, who, job_id), tx.asset(asset_id)
        if asset is not None:
            shown = tx.outputs(Page(limit=1, after=(asset.seq - 1,)), job_seq=found.seq)
            if [each.id for each in shown] == [asset_id]:
                return asset
        raise NotFound("the job has no such output")

    return core.store.read(work)


def cancel_job(core: Core, who: Principal, job_id: str) -> JobView:
    """Raises NotFound, Conflict when it has ended."""
    who.require("jobs:write")
    core.store.read(lambda tx: find(tx, who, job_id))
    canceled = cancel.cancel_job(core, who, job_id)
    return core.store.read(lambda tx: _view(tx, canceled))


def find(tx: Reader, who: Principal, job_id: str) -> Job:
    """Raises NotFound."""
    found = query.find_job(tx, who, job_id)
    if found.created_by != who.name and EVERYBODYS not in who.scopes:
        raise NotFound("there is no such job")
    return found


def _view(tx: Reader, found: Job) -> JobView:
    tag = _tag(tx, found, tx.first_routes([found.seq]).get(found.seq, ""))
    return JobView(job=found, tag=tag, outputs=tx.outputs(Page(limit=MOST_OUTPUTS), job_seq=found.seq))


def _tag(tx: Reader, found: Job, route: str) -> str:
    """A map has no route, its values have."""
    if route:
        return Route.parse(route).tag
    first = tx.tasks(found.seq, Page(limit=1))
    return first[0].spec.tag if first else ""


def _said(tx: Reader, found: Job) -> list[Said]:
    lines = tx.lines(Page(limit=MOST_LINES), job_seq=found.seq)
    places = tx.places({line.task_seq for line in lines})
    said = [Said(place=places.get(line.task_seq, 0), text=line.line.text, line=line) for line in lines]
    return said + [Said(place=task.position, text=_why(task)) for task in _failed(tx, found)]


def _failed(tx: Reader, found: Job) -> Sequence[Task]:
    page = Page(limit=MOST_FAILURES)
    return list({each.task.seq: each.task for each in tx.executions(found.seq, "failed", page)}.values())


def _why(task: Task) -> str:
    return f"{task.name}: {task.failure.message}" if task.failure else f"{task.name} has failed"
