"""Runs beside their tasks, and what has changed since: questions over `jobs`, `tasks` and `runs`."""

from typing import Any

from sqlalchemy import Select, and_, bindparam, func, literal_column, select, tuple_

from app.adapters.sql.jobs import job_of
from app.adapters.sql.part import FIRST, Part
from app.adapters.sql.runs import run_of
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Statement, is_one_of
from app.adapters.sql.tables import Whole, failed_tasks, jobs, runs, tasks
from app.adapters.sql.tasks import task_of
from app.domain.job import Job
from app.ports.executions import Execution, Which, Window
from app.ports.records import Page
from app.wire.states import TaskState

_WIDTH = len(tasks.columns)
_BOTH = (*tasks.columns, *runs.columns)

_NO_MAP, _NO_RUN = literal_column("-1", Whole), literal_column("0", Whole)
_after = tuple_(bindparam("a_task"), bindparam("a_map"), bindparam("a_number"))
_run_key = tuple_(runs.c.task_seq, runs.c.map_index, runs.c.number)
_maybe_key = tuple_(tasks.c.seq, func.coalesce(runs.c.map_index, _NO_MAP), func.coalesce(runs.c.number, _NO_RUN))
_has_failed = is_one_of(tasks.c.state, TaskState.FAILED.value)
_of_task = and_(runs.c.job_seq == tasks.c.job_seq, runs.c.task_seq == tasks.c.seq)
_of_job = runs.c.job_seq == bindparam("job_seq")
_changed = runs.c.updated_at_us > bindparam("since_us")


def _failed(*columns: Any) -> Select[Any]:
    found = failed_tasks.join(tasks, tasks.c.seq == failed_tasks.c.seq).outerjoin(runs, _of_task)
    return select(*columns).select_from(found).where(failed_tasks.c.job_seq == bindparam("job_seq"))


def _ran(*columns: Any) -> Select[Any]:
    return select(*columns).select_from(runs.join(tasks, tasks.c.seq == runs.c.task_seq)).where(_of_job)


_LISTS = {
    "failed": Statement(
        _failed(*_BOTH)
        .where(failed_tasks.c.seq >= bindparam("a_task"), _maybe_key > _after)
        .order_by(failed_tasks.c.seq, runs.c.map_index, runs.c.number)
        .limit(bindparam("most"))
    ),
    "others": Statement(
        _ran(*_BOTH).where(~_has_failed, _run_key > _after).order_by(*_run_key.clauses).limit(bindparam("most"))
    ),
    "claimed": Statement(
        _ran(*_BOTH)
        .where(runs.c.claimed_at_us.is_not(None), _run_key > _after)
        .order_by(*_run_key.clauses)
        .limit(bindparam("most"))
    ),
    "changed": Statement(
        _ran(*_BOTH).where(_changed, _run_key > _after).order_by(*_run_key.clauses).limit(bindparam("most"))
    ),
}
_COUNTS = {
    "failed": Statement(_failed(func.count())),
    "others": Statement(_ran(func.count()).where(~_has_failed)),
    "claimed": Statement(select(func.count()).where(_of_job, runs.c.claimed_at_us.is_not(None))),
    "changed": Statement(select(func.count()).where(_of_job, _changed)),
}
_in_queue = (jobs.c.org_id == bindparam("org_id"), jobs.c.queue == bindparam("queue"), ~jobs.c.removed)
_in_window = (
    *_in_queue,
    jobs.c.updated_at_us > bindparam("after_us"),
    jobs.c.updated_at_us < bindparam("before_us"),
)
_changed_jobs = Statement(
    select(*jobs.columns)
    .where(
        *_in_window,
        jobs.c.updated_at_us >= bindparam("a_time"),
        tuple_(jobs.c.updated_at_us, jobs.c.seq) > tuple_(bindparam("a_time"), bindparam("a_seq")),
    )
    .order_by(jobs.c.updated_at_us, jobs.c.seq)
    .limit(bindparam("most"))
)
_count_jobs = Statement(select(func.count()).where(*_in_queue))
_count_changed_jobs = Statement(select(func.count()).where(*_in_window))
_UPDATED_AT = list(jobs.columns).index(jobs.c.updated_at_us)


class ExecutionReads(Part):
    def executions(self, job_seq: int, which: Which, page: Page) -> list[Execution]:
        return self._list(which, page, job_seq=job_seq)

    def changed_executions(self, job_seq: int, after_us: int, page: Page) -> list[Execution]:
        return self._list("changed", page, job_seq=job_seq, since_us=after_us)

    def _list(self, name: str, page: Page, **values: int) -> list[Execution]:
        task, index, number = page.after or (FIRST, FIRST, FIRST)
        start = {"a_task": task, "a_map": index, "a_number": number, "most": page.limit}
        return [_execution(row) for row in self._session.rows(_LISTS[name], **values, **start)]

    def changed_jobs(self, org_id: str, queue: str, window: Window, page: Page) -> list[tuple[int, Job]]:
        time, seq = page.after or (FIRST, FIRST)
        values = {"org_id": org_id, "queue": queue, "after_us": window.after_us, "before_us": window.before_us}
        rows = self._session.rows(_changed_jobs, **values, a_time=time, a_seq=seq, most=page.limit)
        return [(row[_UPDATED_AT], job_of(row)) for row in rows]

    def count_jobs(self, org_id: str, queue: str) -> int:
        return self._how_many(_count_jobs, org_id=org_id, queue=queue)

    def count_changed_jobs(self, org_id: str, queue: str, window: Window) -> int:
        times = {"after_us": window.after_us, "before_us": window.before_us}
        return self._how_many(_count_changed_jobs, org_id=org_id, queue=queue, **times)

    def count_executions(self, job_seq: int, which: Which) -> int:
        return self._how_many(_COUNTS[which], job_seq=job_seq)

    def count_changed_executions(self, job_seq: int, after_us: int) -> int:
        return self._how_many(_COUNTS["changed"], job_seq=job_seq, since_us=after_us)

    def _how_many(self, statement: Statement, **values: Any) -> int:
        row = self._session.row(statement, **values)
        return int(row[0]) if row else 0


def _execution(row: Row) -> Execution:
    run = row[_WIDTH:]
    return Execution(task=task_of(row), run=None if run[0] is None else run_of(run))
