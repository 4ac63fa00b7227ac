"""Pages by number: the same rows as elsewhere, by an index in the order that is asked for, from a place on.

What is open is found by indexes that hold only that; what has ended is nearly everything, and is found by walking.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select

from app.adapters.sql.jobs import job_of
from app.adapters.sql.part import Part
from app.adapters.sql.runs import run_of
from app.adapters.sql.specs import spec_of
from app.adapters.sql.statement import ONE, Statement, among, is_one_of
from app.adapters.sql.tables import OPEN_JOBS, OPEN_TASKS, jobs, runs, task_specs, tasks
from app.adapters.sql.tasks import PLAIN_TASK, VIEWED, view_of
from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ports.numbered import Phase, Spot, Wanted
from app.ports.records import TaskView
from app.wire.states import JobState, TaskState

_PENDING_JOB = (JobState.PENDING.value, JobState.PAUSED.value)
_PENDING_TASK = (TaskState.WAITING.value, TaskState.READY.value, TaskState.QUEUED.value)
_VISIBLE = (jobs.c.org_id == bindparam("org_id"), ~jobs.c.removed)

_by_seq = Statement(select(jobs).where(among(jobs.c.seq, "seqs")))
_specs = Statement(select(task_specs).where(among(task_specs.c.seq, "seqs")))
_job_times = Statement(select(jobs.c.seq, jobs.c.updated_at_us).where(among(jobs.c.seq, "seqs")))
_progress = Statement(
    select(tasks.c.job_seq, func.sum(runs.c.progress))
    .select_from(tasks.join(runs, runs.c.id == tasks.c.run_id))
    .where(
        among(tasks.c.job_seq, "seqs"),
        tasks.c.finished_at_us.is_(None),
        is_one_of(tasks.c.state, TaskState.RUNNING.value),
        tasks.c.map_index < literal_column("0"),  # in other words than those of the indexes of plain tasks
    )
    .group_by(tasks.c.job_seq)
)
_run_times = Statement(select(runs.c.id, runs.c.updated_at_us).where(among(runs.c.id, "ids")))


def _in_phase(
    state: ColumnElement[Any], phase: Phase | None, open_: tuple[str, ...], pending: tuple[str, ...]
) -> list[ColumnElement[bool]]:
    if phase is None:
        return []
    if phase is Phase.ENDED:
        return [~is_one_of(state, *open_)]
    return [is_one_of(state, *open_), is_one_of(state, *(pending if phase is Phase.PENDING else ("running",)))]


def _jobs(phase: Phase | None, *columns: Any) -> tuple[Select[Any], tuple[Any, ...]]:
    return select(*columns or jobs.columns).where(*_seen(phase)), (jobs.c.seq,)


def _seen(phase: Phase | None) -> list[ColumnElement[bool]]:
    """Open jobs are found first and ordered then: in the order of all jobs they lie far apart."""
    conditions = _in_phase(jobs.c.state, phase, OPEN_JOBS, _PENDING_JOB)
    if phase in (None, Phase.ENDED):
        return [*_VISIBLE, *conditions]
    inner = jobs.alias("open_jobs")
    states = _in_phase(inner.c.state, phase, OPEN_JOBS, _PENDING_JOB)
    found = select(inner.c.seq).where(inner.c.org_id == bindparam("org_id"), ~inner.c.removed, *states)
    return [jobs.c.seq.in_(found)]


def _of(wanted: str, joined: Any, column: ColumnElement[Any]) -> tuple[Select[Any], ColumnElement[Any]]:
    """All rows of an organization, by job, or those of one job: the part that tasks and runs have in common."""
    if wanted == "org":
        return select().select_from(joined.join(jobs, jobs.c.seq == column)).where(*_VISIBLE), jobs.c.seq
    return select().select_from(joined).where(column == bindparam("job_seq")), column


def _tasks(whose: str, phase: Phase | None, *columns: Any) -> tuple[Select[Any], tuple[Any, ...]]:
    found, job_seq = _of(whose, tasks if columns else VIEWED.get_final_froms()[0], tasks.c.job_seq)
    if whose == "org" and phase in (Phase.PENDING, Phase.RUNNING):
        open_ = jobs.alias("open_jobs")
        live = select(open_.c.seq).where(open_.c.org_id == bindparam("org_id"), is_one_of(open_.c.state, *OPEN_JOBS))
        found = found.where(tasks.c.job_seq.in_(live))
    found = found.where(PLAIN_TASK, *_in_phase(tasks.c.state, phase, OPEN_TASKS, _PENDING_TASK))
    if phase in (Phase.PENDING, Phase.RUNNING):
        found = found.where(tasks.c.finished_at_us.is_(None))
    return found.add_columns(*columns or VIEWED.selected_columns), (job_seq, tasks.c.position)


def _runs(whose: str, *columns: Any) -> tuple[Select[Any], tuple[Any, ...]]:
    found, job_seq = _of(whose, runs, runs.c.job_seq)
    if whose == "task":
        found = found.where(runs.c.task_seq.between(bindparam("first_seq"), bindparam("task_seq")))
    order = (job_seq, runs.c.task_seq, runs.c.map_index, runs.c.number)
    return found.add_columns(*columns or runs.columns), order


_KINDS: Mapping[str, Callable[..., tuple[Select[Any], tuple[Any, ...]]]] = {
    "jobs": _jobs,
    "tasks": _tasks,
    "runs": _runs,
}


@cache
def _page(kind: str, newest_first: bool, *which: Any) -> Statement:
    found, order = _KINDS[kind](*which)
    keys = [key.desc() for key in order] if newest_first else order
    return Statement(found.order_by(*keys).limit(bindparam("most")).offset(bindparam("skip")))


@cache
def _count(kind: str, *which: Any) -> Statement:
    found, _ = _KINDS[kind](*which, ONE.label("one"))
    return Statement(select(func.count()).select_from(found.limit(bindparam("most")).subquery()))


def _whose(wanted: Wanted) -> str:
    return "task" if wanted.task_seq is not None else "org" if wanted.job_seq is None else "job"


class NumberedReads(Part):
    def jobs_by_number(self, wanted: Wanted, spot: Spot) -> list[Job]:
        return [job_of(row) for row in self._rows(wanted, spot, "jobs", wanted.phase)]

    def tasks_by_number(self, wanted: Wanted, spot: Spot) -> list[TaskView]:
        return [view_of(row) for row in self._rows(wanted, spot, "tasks", _whose(wanted), wanted.phase)]

    def runs_by_number(self, wanted: Wanted, spot: Spot) -> list[Run]:
        return [run_of(row) for row in self._rows(wanted, spot, "runs", _whose(wanted))]

    def number_of_jobs(self, wanted: Wanted, most: int) -> int:
        return self._number(wanted, most, "jobs", wanted.phase)

    def number_of_tasks(self, wanted: Wanted, most: int) -> int:
        return self._number(wanted, most, "tasks", _whose(wanted), wanted.phase)

    def number_of_runs(self, wanted: Wanted, most: int) -> int:
        return self._number(wanted, most, "runs", _whose(wanted))

    def jobs_by_seq(self, job_seqs: Collection[int]) -> Mapping[int, Job]:
        rows = self._session.rows(_by_seq, seqs=self._session.listed(job_seqs)) if job_seqs else []
        return {job.seq: job for job in map(job_of, rows)}

    def specs_by_seq(self, task_seqs: Collection[int]) -> Mapping[int, TaskSpec]:
        rows = self._session.rows(_specs, seqs=self._session.listed(task_seqs)) if task_seqs else []
        return {row[0]: spec_of(row[1]) for row in rows}

    def job_times(self, job_seqs: Collection[int]) -> Mapping[int, int]:
        return dict(self._session.rows(_job_times, seqs=self._session.listed(job_seqs))) if job_seqs else {}

    def running_progress(self, job_seqs: Collection[int]) -> Mapping[int, float]:
        return dict(self._session.rows(_progress, seqs=self._session.listed(job_seqs))) if job_seqs else {}

    def run_times(self, run_ids: Collection[str]) -> Mapping[str, int]:
        return dict(self._session.rows(_run_times, ids=self._session.listed(run_ids))) if run_ids else {}

    def _rows(self, wanted: Wanted, spot: Spot, kind: str, *which: Any) -> list[Any]:
        statement = _page(kind, spot.newest_first, *which)
        return self._session.rows(statement, **_values(wanted), most=spot.limit, skip=spot.offset)

    def _number(self, wanted: Wanted, most: int, kind: str, *which: Any) -> int:
        row = self._session.row(_count(kind, *which), **_values(wanted), most=most)
        return int(row[0]) if row else 0


def _values(wanted: Wanted) -> dict[str, Any]:
    seqs = {"job_seq": wanted.job_seq, "first_seq": wanted.first_seq, "task_seq": wanted.task_seq}
    return {"org_id": wanted.org_id, **seqs}
