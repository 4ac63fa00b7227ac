"""Lists in pages by number, with how many there are.

A page is reached by counting up to it. So that no question grows with the history, nothing is counted beyond `MOST`,
and no page begins behind it: who wants more begins at the other end, or asks for less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from app.domain.job import Job
from app.ports.numbered import Phase, Spot, Wanted
from app.ports.records import Page, TaskView
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.told import RunTold, tell_runs

T = TypeVar("T")

MOST: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Generic[T]):
    items: Sequence[T]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTold:
    """`progress` is that of its tasks, also of those that run. `runs` are the newest of its first tasks, where they are
    asked for.
    """

    job: Job
    updated_at_us: int
    progress: float
    runs: Sequence[RunTold] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTold:
    view: TaskView
    job: Job
    updated_at_us: int


def jobs(core: Core, who: Principal, spot: Spot, phase: Phase | None = None) -> Numbered[JobTold]:
    who.require("jobs:read")
    wanted = Wanted(org_id=who.org_id, phase=phase)

    def work(tx: Reader) -> Numbered[JobTold]:
        found = tx.jobs_by_number(wanted, spot)
        return Numbered(items=_tell_jobs(tx, found), count=tx.number_of_jobs(wanted, MOST))

    return core.store.read(work)


def job(core: Core, who: Principal, job_id: str, runs_of: int = 0) -> JobTold:
    """With the newest run of each of its first so many tasks."""
    who.require("jobs:read")

    def work(tx: Reader) -> JobTold:
        found = query.find_job(tx, who, job_id)
        views = tx.tasks(found.seq, Page(limit=runs_of)) if runs_of else []
        newest = tell_runs(core, tx, who, [view.run for view in views if view.run is not None])
        return replace(_tell_jobs(tx, [found])[0], runs=newest)

    return core.store.read(work)


def _tell_jobs(tx: Reader, found: Sequence[Job]) -> list[JobTold]:
    seqs = [job.seq for job in found]
    times, running = tx.job_times(seqs), tx.running_progress(seqs)
    return [
        JobTold(
            job=job,
            updated_at_us=times.get(job.seq, job.created_at_us),
            progress=min(1.0, job.progress + running.get(job.seq, 0.0) / max(job.total, 1)),
        )
        for job in found
    ]


def tasks(
    core: Core, who: Principal, spot: Spot, *, job_id: str | None = None, phase: Phase | None = None
) -> Numbered[TaskTold]:
    """Of a job, or of all. A job that is not there has none."""
    who.require("jobs:read")

    def work(tx: Reader) -> Numbered[TaskTold]:
        of_job = _visible_job(tx, who, job_id)
        if job_id is not None and of_job is None:
            return Numbered(items=(), count=0)
        wanted = Wanted(org_id=who.org_id, phase=phase, job_seq=of_job.seq if of_job else None)
        found = tx.tasks_by_number(wanted, spot)
        owners = tx.jobs_by_seq({view.task.job_seq for view in found})
        told = _tell_tasks(tx, found, owners)
        return Numbered(items=told, count=tx.number_of_tasks(wanted, MOST))

    return core.store.read(work)


def task(core: Core, who: Principal, task_id: str) -> TaskTold:
    who.require("jobs:read")

    def work(tx: Reader) -> TaskTold:
        view = query.find_task(tx, who, task_id)
        return _tell_tasks(tx, [view], {view.task.job_seq: query.find_job(tx, who, view.task.job_id)})[0]

    return core.store.read(work)


def _visible_job(tx: Reader, who: Principal, job_id: str | None) -> Job | None:
    found = tx.job(job_id) if job_id is not None else None
    return found if found is not None and found.org_id == who.org_id and not found.removed else None


def _tell_tasks(tx: Reader, views: Sequence[TaskView], owners: Mapping[int, Job]) -> list[TaskTold]:
    times = tx.run_times([view.run.id for view in views if view.run])
    return [
        TaskTold(
            view=view,
            job=owners[view.task.job_seq],
            updated_at_us=max(
                view.task.created_at_us,
                view.task.finished_at_us or 0,
                times.get(view.run.id, 0) if view.run else 0,
            ),
        )
        for view in views
    ]


def runs(
    core: Core, who: Principal, spot: Spot, *, job_id: str | None = None, task_id: str | None = None
) -> Numbered[RunTold]:
    """Of a task, of a job, of a task of that job, or of all. What is not there has none."""
    who.require("jobs:read")

    def work(tx: Reader) -> Numbered[RunTold]:
        wanted = _runs_wanted(tx, who, job_id, task_id)
        if wanted is None:
            return Numbered(items=(), count=0)
        found = tx.runs_by_number(wanted, spot)
        return Numbered(items=tell_runs(core, tx, who, found), count=tx.number_of_runs(wanted, MOST))

    return core.store.read(work)


def _runs_wanted(tx: Reader, who: Principal, job_id: str | None, task_id: str | None) -> Wanted | None:
    if task_id is None and job_id is None:
        return Wanted(org_id=who.org_id)
    view = tx.task(task_id) if task_id is not None else None
    if task_id is not None and (view is None or job_id not in (None, view.task.job_id)):
        return None
    of_job = _visible_job(tx, who, view.task.job_id if view else job_id)
    if of_job is None:
        return None
    wanted = Wanted(org_id=who.org_id, job_seq=of_job.seq)
    return replace(wanted, task_seq=view.task.seq, first_seq=view.task.first_seq) if view else wanted


def run(core: Core, who: Principal, run_id: str) -> RunTold:
    who.require("jobs:read")
    return core.store.read(lambda tx: tell_runs(core, tx, who, [query.find_run(tx, who, run_id)])[0])
