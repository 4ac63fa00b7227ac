"""Queues: rows of the table `queues`, the limits of a few of them, and counts of what is under way in each."""

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.runs import run_of
from app.adapters.sql.session import Row
from app.adapters.sql.statement import Statement, among, is_one_of
from app.adapters.sql.tables import (
    COUNT_COLUMNS,
    OPEN_JOBS,
    jobs,
    maps,
    queue_limits,
    queue_minutes,
    queues,
    runs,
    tasks,
)
from app.domain.run import Run
from app.ports.queues import Occupancy
from app.ports.records import Queue
from app.wire.states import RunState, TaskState

_EMPTY: ColumnElement[Any] = literal_column("''")
_ZERO: ColumnElement[Any] = literal_column("0")
_LIMITS = (queue_limits.c.max_running, queue_limits.c.max_starts, queue_limits.c.next_start_us)

_FIRST_LOOKS = (100, 1000)
"""Newest jobs looked at, as long as all of them are new enough."""

_queued = is_one_of(runs.c.state, RunState.QUEUED.value)
_held = and_(is_one_of(runs.c.state, RunState.RUNNING.value), runs.c.node_id > _EMPTY)  # the index of held runs
_of_org = jobs.c.org_id == bindparam("org_id")
_with_limits = and_(queue_limits.c.name == queues.c.name, queue_limits.c.org_id == queues.c.org_id)
_all = (
    select(*queues.columns, *_LIMITS)
    .select_from(queues.outerjoin(queue_limits, _with_limits))
    .where(queues.c.org_id == bindparam("org_id"))
)
_put_queue, _put_limits, _put_ended = insert(queues), insert(queue_limits), insert(queue_minutes)

_listed = Statement(_all.order_by(queues.c.name))
_by_name = Statement(_all.where(queues.c.name == bindparam("name")))
_limited = Statement(
    select(*queues.columns, *_LIMITS)
    .select_from(queue_limits.join(queues, _with_limits))
    .where(among(queue_limits.c.name, "names"))
    .order_by(queue_limits.c.name, queue_limits.c.org_id)
    .with_for_update(of=queue_limits)
)
_save = Statement(
    _put_queue.on_conflict_do_update(index_elements=["org_id", "name"], set_=dict(_put_queue.excluded)),
    sets=[column.name for column in queues.columns],
)
_save_limits = Statement(
    _put_limits.on_conflict_do_update(index_elements=["name", "org_id"], set_=dict(_put_limits.excluded)),
    sets=[column.name for column in queue_limits.columns],
)
_drop_limits = Statement(
    delete(queue_limits).where(queue_limits.c.org_id == bindparam("org_id"), queue_limits.c.name == bindparam("name"))
)
# The jobs are asked for one by one: a join would be begun at all jobs of the queue, those that have ended too.
_queue_of_run = select(jobs.c.queue).where(jobs.c.seq == runs.c.job_seq, _of_org).scalar_subquery()
_held_runs = select(_queue_of_run.label("queue"), runs.c.map_index).where(_held).subquery()
_running = Statement(
    select(
        _held_runs.c.queue,
        func.count(),
        func.sum(case((_held_runs.c.map_index >= _ZERO, literal_column("1")), else_=_ZERO)),
    )
    .where(_held_runs.c.queue.is_not(None))
    .group_by(_held_runs.c.queue)
)
_is_of_queue = _queue_of_run == bindparam("name")
_left = maps.c.total - maps.c.succeeded - maps.c.failed - maps.c.canceled
_values = Statement(
    select(jobs.c.queue, func.sum(_left), func.min(jobs.c.created_at_us))
    .select_from(jobs.join(maps, maps.c.job_seq == jobs.c.seq).join(tasks, tasks.c.seq == maps.c.task_seq))
    .where(_of_org, is_one_of(jobs.c.state, *OPEN_JOBS), is_one_of(tasks.c.state, TaskState.RUNNING.value))
    .where(~maps.c.closing, _left > _ZERO)
    .group_by(jobs.c.queue)
)
_out = (
    Statement(select(func.count()).select_from(runs).where(_held, _is_of_queue)),
    Statement(select(func.count()).select_from(runs).where(_queued, runs.c.route > _EMPTY, _is_of_queue)),
)
_offered = Statement(
    select(runs)
    .where(_queued, _is_of_queue)
    .order_by(runs.c.offered_at_us, runs.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_newest = (
    select(
        jobs.c.seq,
        jobs.c.queue,
        jobs.c.created_at_us,
        reduce(operator.add, (jobs.c[n] for n in COUNT_COLUMNS.values())).label("tasks"),
    )
    .where(_of_org)
    .order_by(jobs.c.seq.desc())
    .limit(bindparam("most"))
    .subquery()
)
_since = _newest.c.created_at_us >= bindparam("since_us")
_submitted = Statement(
    select(_newest.c.queue, func.count(), func.sum(_newest.c.tasks), func.min(_newest.c.created_at_us))
    .where(_since)
    .group_by(_newest.c.queue)
)
_submitted_values = Statement(
    select(_newest.c.queue, func.sum(maps.c.total))
    .select_from(_newest.join(maps, maps.c.job_seq == _newest.c.seq))
    .where(_since, maps.c.total.is_not(None))
    .group_by(_newest.c.queue)
)
_ended = Statement(
    select(queue_minutes.c.queue, func.sum(queue_minutes.c.ended))
    .where(queue_minutes.c.org_id == bindparam("org_id"), queue_minutes.c.at_us >= bindparam("since_us"))
    .group_by(queue_minutes.c.queue)
)
_add_ended = Statement(
    _put_ended.on_conflict_do_update(
        index_elements=["org_id", "at_us", "queue"],
        set_={"ended": queue_minutes.c.ended + _put_ended.excluded.ended},
    ),
    sets=["org_id", "at_us", "queue", "ended"],
)
_forget = Statement(
    delete(queue_minutes).where(
        queue_minutes.c.org_id == bindparam("org_id"), queue_minutes.c.at_us < bindparam("before")
    )
)


def _queue_of(row: Row) -> Queue:
    return Queue(
        org_id=row[0],
        name=row[1],
        created_at_us=row[2],
        paused=bool(row[3]),
        max_running=row[4],
        max_starts=row[5],
        next_start_us=row[6] or 0,
    )


class QueueReads(Part):
    def queues(self, org_id: str) -> list[Queue]:
        return [_queue_of(row) for row in self._session.rows(_listed, org_id=org_id)]

    def queue(self, org_id: str, name: str) -> Queue | None:
        return self.ask_queue(org_id, name)()

    def ask_queue(self, org_id: str, name: str) -> Callable[[], Queue | None]:
        found = self._session.ask(_by_name, org_id=org_id, name=name)
        return lambda: next(map(_queue_of, found()), None)

    def limited_queues(self, names: Collection[str]) -> Callable[[], list[Queue]]:
        found = self._session.ask(_limited, names=self._session.listed(names))
        return lambda: [_queue_of(row) for row in found()]

    def occupancies(self, org_id: str) -> Mapping[str, Occupancy]:
        found: dict[str, Occupancy] = {}
        values = {row[0]: (int(row[1]), row[2]) for row in self._session.rows(_values, org_id=org_id)}
        running = {row[0]: (row[1], int(row[2])) for row in self._session.rows(_running, org_id=org_id)}
        for queue in values.keys() | running.keys():
            left, oldest_us = values.get(queue, (0, None))
            held, held_values = running.get(queue, (0, 0))
            found[queue] = Occupancy(running=held, values=max(0, left - held_values), oldest_us=oldest_us)
        return found

    def out_of_queue(self, org_id: str, name: str) -> int:
        rows = [self._session.row(each, org_id=org_id, name=name) for each in _out]
        return sum(int(row[0]) for row in rows if row)

    def tasks_since(self, org_id: str, since_us: int, most: int) -> tuple[Mapping[str, int], int]:
        for looked_at in (*(size for size in _FIRST_LOOKS if size < most), most):
            asked = {"org_id": org_id, "since_us": since_us, "most": looked_at}
            rows = self._session.rows(_submitted, **asked)
            full = sum(row[1] for row in rows) >= looked_at
            if not full:
                break
        counts = {row[0]: int(row[2]) for row in rows}
        for queue, values in self._session.rows(_submitted_values, **asked):
            counts[queue] += int(values)
        return counts, max(since_us, min(row[3] for row in rows)) if full else since_us

    def ended_since(self, org_id: str, since_us: int) -> Mapping[str, int]:
        return {row[0]: int(row[1]) for row in self._session.rows(_ended, org_id=org_id, since_us=since_us)}


class QueueWrites(QueueReads):
    def save_queue(self, queue: Queue) -> None:
        self._session.run(
            _save, org_id=queue.org_id, name=queue.name, created_at_us=queue.created_at_us, paused=queue.paused
        )

    def save_limits(self, queue: Queue) -> None:
        if not queue.limited:
            self._session.run(_drop_limits, org_id=queue.org_id, name=queue.name)
            return
        self._session.run(
            _save_limits,
            name=queue.name,
            org_id=queue.org_id,
            max_running=queue.max_running,
            max_starts=queue.max_starts,
            next_start_us=queue.next_start_us,
        )

    def lock_offered(self, org_id: str, name: str, limit: int) -> list[Run]:
        return [run_of(row) for row in self._session.rows(_offered, org_id=org_id, name=name, most=limit)]

    def add_ended(self, minute_us: int, ended: Sequence[tuple[str, str, int]], before_us: int) -> None:
        """In one order, so that two processes never wait for each other's rows."""
        rows = [
            {"org_id": org, "at_us": minute_us, "queue": name, "ended": count} for org, name, count in sorted(ended)
        ]
        self._session.each(_add_ended, rows)
        for org_id in sorted({org_id for org_id, _, _ in ended}):
            self._session.run(_forget, org_id=org_id, before=before_us)
