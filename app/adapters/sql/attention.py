"""What needs somebody: tasks that wait, and tasks that failed for a reason, found by the indexes of open jobs, failed
jobs, and what each job has that has not ended or has failed.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, literal_column, select

from app.adapters.sql.by_state import IS_OPEN
from app.adapters.sql.part import Part
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Statement, among, is_one_of
from app.adapters.sql.tables import COUNT_COLUMNS, OPEN_JOBS, failed_tasks, jobs, tasks
from app.adapters.sql.tasks import task_of
from app.domain.task import Task
from app.wire.states import JobState, TaskState

_of_org = jobs.c.org_id == bindparam("org_id")
_waiting = jobs.c[COUNT_COLUMNS[TaskState.READY]] + jobs.c[COUNT_COLUMNS[TaskState.QUEUED]]
_waiting_jobs = Statement(
    select(jobs.c.seq)
    .where(_of_org, ~jobs.c.removed, is_one_of(jobs.c.state, *OPEN_JOBS), _waiting > literal_column("0"))
    .order_by(jobs.c.seq + literal_column("0"))  # the open ones, sorted, and not all in their order
    .limit(bindparam("most"))
)
_failed_jobs = Statement(
    select(jobs.c.seq)
    .where(_of_org, ~jobs.c.removed, is_one_of(jobs.c.state, JobState.FAILED.value))
    .order_by(jobs.c.seq.desc())
    .limit(bindparam("most"))
)
_open = (
    select(tasks.c.seq, tasks.c.route, tasks.c.state)
    .where(tasks.c.job_seq == bindparam("job_seq"), IS_OPEN)
    .order_by(tasks.c.seq)
    .limit(bindparam("most"))
    .subquery()
)
_is_out = is_one_of(_open.c.state, TaskState.READY.value, TaskState.QUEUED.value)
_first_of_routes = Statement(select(func.min(_open.c.seq)).where(_is_out).group_by(_open.c.route))
_failed = (
    select(tasks.c.seq, tasks.c.failure_code)
    .select_from(failed_tasks.join(tasks, tasks.c.seq == failed_tasks.c.seq))
    .where(failed_tasks.c.job_seq == bindparam("job_seq"))
    .order_by(failed_tasks.c.seq)
    .limit(bindparam("most"))
    .subquery()
)
_failed_for = Statement(select(_failed.c.seq).where(_failed.c.failure_code == bindparam("code")))
_of_seqs = Statement(select(tasks).where(among(tasks.c.seq, "seqs")).order_by(tasks.c.seq))


class AttentionReads(Part):
    def stuck(self, org_id: str, jobs: int, tasks: int) -> list[Task]:
        found: list[Task] = []
        for (job_seq,) in self._session.rows(_waiting_jobs, org_id=org_id, most=jobs):
            found += self._tasks(self._session.rows(_first_of_routes, job_seq=job_seq, most=tasks))
        return found

    def failed_with(self, org_id: str, code: str, jobs: int, tasks: int) -> list[Task]:
        found: list[Task] = []
        for (job_seq,) in self._session.rows(_failed_jobs, org_id=org_id, most=jobs):
            found += self._tasks(self._session.rows(_failed_for, job_seq=job_seq, most=tasks, code=code))
        return found

    def _tasks(self, found: Sequence[Row]) -> list[Task]:
        seqs = self._session.listed([row[0] for row in found])
        return [task_of(row) for row in self._session.rows(_of_seqs, seqs=seqs)] if found else []
