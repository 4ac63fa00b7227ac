"""Jobs: rows of the table `jobs`, with the numbers of their tasks by state."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, and_, bindparam, case, func, literal_column, select, tuple_, update

from app.adapters.sql.labels import has_label, holds_text
from app.adapters.sql.part import LAST, Part, failure_of
from app.adapters.sql.session import Row, dump
from app.adapters.sql.statement import Insert, Statement, among, holds, is_one_of
from app.adapters.sql.tables import COUNT_COLUMNS, ENDED_JOBS, OPEN_JOBS, jobs, queues
from app.domain.job import Desired, Job
from app.ports.records import JobFilter, Page
from app.wire.states import JobState, TaskState

_STATES = {state.value: state for state in JobState}
_DESIRED = {desired.value: desired for desired in Desired}
_COUNTS = tuple(jobs.c[name] for name in COUNT_COLUMNS.values())
_FIRST_COUNT = len(jobs.columns) - len(_COUNTS)
_TEMPLATE = list(jobs.columns.keys()).index("template_id")
_OPEN = list(jobs.columns.keys()).index("open")
_SAVED = (
    *("project_id", "name", "name_folded", "state", "desired", "priority", "started_at_us", "finished_at_us"),
    *("failure_code", "failure_message", "parameters", "labels", "max_failed_tasks", "continue_on_failure"),
    *("webhooks", "version", "removed", "updated_at_us", "submitted"),
)


def removed_of_org() -> ColumnElement[bool]:
    """The organization's removed jobs, found among all removed ones: there are few, as they go when they have ended."""
    return and_(holds(jobs.c.removed), jobs.c.org_id.concat(literal_column("''")) == bindparam("org_id"))


_insert = Insert(jobs)
_by_id = Statement(select(jobs).where(jobs.c.id == bindparam("id")))
_locked = Statement(select(jobs).where(among(jobs.c.seq, "seqs")).order_by(jobs.c.seq).with_for_update())
_canceling = Statement(
    select(jobs)
    .where(is_one_of(jobs.c.desired, Desired.CANCEL.value), is_one_of(jobs.c.state, *OPEN_JOBS))
    .order_by(jobs.c.seq)
    .limit(bindparam("most"))
    .with_for_update()
)
_removed = Statement(
    select(jobs)
    .where(holds(jobs.c.removed), is_one_of(jobs.c.state, *ENDED_JOBS))
    .order_by(jobs.c.seq)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_add = update(jobs).where(jobs.c.seq == bindparam("k_seq")).values({c: c + bindparam(f"d_{c.name}") for c in _COUNTS})
_add_to_many = Statement(_add)
_add_to_one = Statement(_add.returning(jobs))
_save = Statement(update(jobs).where(jobs.c.seq == bindparam("k_seq")), sets=_SAVED)
_in_paused = and_(
    is_one_of(jobs.c.desired, Desired.RUN.value),
    tuple_(jobs.c.org_id, jobs.c.queue).in_(select(queues.c.org_id, queues.c.name).where(queues.c.paused)),
)
_wanted = case((_in_paused, literal_column(f"'{Desired.PAUSE.value}'")), else_=jobs.c.desired)
_desired = Statement(select(jobs.c.seq, _wanted).where(among(jobs.c.seq, "seqs")))
_queue_counts = Statement(
    select(jobs.c.queue, *map(func.sum, _COUNTS))
    .where(jobs.c.org_id == bindparam("org_id"), is_one_of(jobs.c.state, *OPEN_JOBS))
    .group_by(jobs.c.queue)
)
_number = select(func.count()).select_from(jobs).where(jobs.c.org_id == bindparam("org_id")).scalar_subquery()
_number_removed = select(func.count()).select_from(jobs).where(removed_of_org()).scalar_subquery()
NUMBER_OF_JOBS = _number - _number_removed
"""Of an organization, without removed ones: two counts that read nothing but indexes."""

_pages: dict[tuple[bool, bool, bool, bool, int], Statement] = {}


def job_of(row: Row) -> Job:
    return Job(
        seq=row[0],
        id=row[1],
        org_id=row[2],
        project_id=row[3],
        queue=row[4],
        name=row[5],
        state=_STATES[row[7]],
        desired=_DESIRED[row[8]],
        priority=row[9],
        created_by=row[10],
        created_at_us=row[11],
        started_at_us=row[12],
        finished_at_us=row[13],
        failure=failure_of(row[14], row[15]),
        parameters=orjson.loads(row[16]),
        labels=orjson.loads(row[17]),
        max_failed_tasks=row[18],
        continue_on_failure=bool(row[19]),
        webhooks=tuple(orjson.loads(row[20])),
        version=row[21],
        removed=bool(row[22]),
        template_id=row[_TEMPLATE],
        template_version=row[_TEMPLATE + 1],
        open=bool(row[_OPEN]),
        submitted=orjson.loads(row[_OPEN + 1]),
        traceparent=row[_OPEN + 2],
        counts=dict(zip(COUNT_COLUMNS, row[_FIRST_COUNT:], strict=True)),
    )


def _values(job: Job) -> dict[str, Any]:
    return {
        "k_seq": job.seq,
        "seq": job.seq,
        "id": job.id,
        "org_id": job.org_id,
        "project_id": job.project_id,
        "queue": job.queue,
        "name": job.name,
        "name_folded": job.name.casefold(),
        "state": job.state.value,
        "desired": job.desired.value,
        "priority": job.priority,
        "created_by": job.created_by,
        "created_at_us": job.created_at_us,
        "started_at_us": job.started_at_us,
        "finished_at_us": job.finished_at_us,
        "failure_code": job.failure.code if job.failure else None,
        "failure_message": job.failure.message if job.failure else None,
        "parameters": dump(job.parameters),
        "labels": dump(job.labels),
        "max_failed_tasks": job.max_failed_tasks,
        "continue_on_failure": job.continue_on_failure,
        "webhooks": dump(job.webhooks),
        "version": job.version,
        "removed": job.removed,
        "open": job.open,
        "submitted": dump(job.submitted),
        "traceparent": job.traceparent,
        "template_id": job.template_id,
        "template_version": job.template_version,
    }


def _page(wanted: JobFilter) -> Statement:
    """One statement for each set of things that can be asked for together."""
    shape = (bool(wanted.queue), bool(wanted.state), bool(wanted.project_id), bool(wanted.text), len(wanted.labels))
    found = _pages.get(shape)
    if found is None:
        conditions: list[ColumnElement[bool]] = [jobs.c.org_id == bindparam("org_id"), jobs.c.seq < bindparam("before")]
        conditions.append(~jobs.c.removed)
        if wanted.queue:
            conditions.append(jobs.c.queue == bindparam("queue"))
        if wanted.state:
            conditions.append(jobs.c.state == bindparam("state"))
        if wanted.project_id:
            conditions.append(jobs.c.project_id == bindparam("project_id"))
        if wanted.text:
            conditions.append(holds_text(jobs.c.name_folded, "text"))
        conditions += [has_label(jobs.c.labels, f"label_{index}", f"value_{index}") for index in range(shape[-1])]
        page = select(jobs).where(*conditions).order_by(jobs.c.seq.desc()).limit(bindparam("most"))
        found = _pages[shape] = Statement(page)
    return found


class JobReads(Part):
    def job(self, job_id: str) -> Job | None:
        row = self._session.row(_by_id, id=job_id)
        return None if row is None else job_of(row)

    def jobs(self, wanted: JobFilter, page: Page) -> list[Job]:
        values: dict[str, Any] = {"before": page.after[0] if page.after else LAST, "most": page.limit}
        values |= {"org_id": wanted.org_id, "queue": wanted.queue, "project_id": wanted.project_id}
        values |= {"state": wanted.state and wanted.state.value, "text": wanted.text and wanted.text.casefold()}
        for index, (label, value) in enumerate(wanted.labels.items()):
            values |= {f"label_{index}": label, f"value_{index}": value}
        return [job_of(row) for row in self._session.rows(_page(wanted), **values)]

    def queue_counts(self, org_id: str) -> Mapping[str, Mapping[TaskState, int]]:
        rows = self._session.rows(_queue_counts, org_id=org_id)
        return {row[0]: dict(zip(COUNT_COLUMNS, map(int, row[1:]), strict=True)) for row in rows}


class JobWrites(Part):
    def insert_job(self, job: Job) -> None:
        values = _values(job) | {"updated_at_us": self.now_us}
        values |= {name: job.counts.get(state, 0) for state, name in COUNT_COLUMNS.items()}
        self._session.insert(_insert, [tuple(values[name] for name in _insert.columns)], 1)

    def lock_jobs(self, seqs: Collection[int]) -> list[Job]:
        if not seqs:
            return []
        return [job_of(row) for row in self._session.rows(_locked, seqs=self._session.listed(seqs))]

    def lock_canceling_jobs(self, limit: int) -> list[Job]:
        return [job_of(row) for row in self._session.rows(_canceling, most=limit)]

    def lock_removed_jobs(self, limit: int) -> list[Job]:
        return [job_of(row) for row in self._session.rows(_removed, most=limit)]

    def add_counts(self, deltas: Mapping[int, Mapping[TaskState, int]]) -> list[Job]:
        changes = [
            {"k_seq": seq, **{f"d_{name}": deltas[seq].get(state, 0) for state, name in COUNT_COLUMNS.items()}}
            for seq in sorted(deltas)
        ]
        if len(changes) == 1:
            return [job_of(row) for row in self._session.rows(_add_to_one, **changes[0])]
        self._session.each(_add_to_many, changes)
        return self.lock_jobs(deltas)

    def save_jobs(self, jobs: Sequence[Job]) -> None:
        now = {"updated_at_us": self.now_us} if jobs else {}
        self._session.each(_save, [_values(job) | now for job in sorted(jobs, key=_seq)])

    def desired(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        if not job_seqs:
            return {}
        rows = self._session.rows(_desired, seqs=self._session.listed(job_seqs))
        return {row[0]: _DESIRED[row[1]] for row in rows}


def _seq(job: Job) -> int:
    return job.seq
