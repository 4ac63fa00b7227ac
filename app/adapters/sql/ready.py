"""What may be released next, in release order, however much is held back before it.

The index of `ready_tasks` has an organization's ready tasks of a route in release order, with those that may not go: of
jobs that are paused or canceled or in a paused queue, or waiting for a retry. Two ways through it:

window  one statement over the first few entries: just as many as are wanted, then four times as many and more
groups  else: leap from one (priority, job) to the next, an index lookup each, and take from those whose job runs
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, bindparam, func, select, true, tuple_

from app.adapters.sql.part import FIRST, LAST, Part
from app.adapters.sql.session import Row
from app.adapters.sql.statement import ONE, Statement, found_by, is_one_of, leaps, still
from app.adapters.sql.tables import jobs, queues, ready_tasks, tasks
from app.adapters.sql.tasks import locked
from app.domain.job import Desired
from app.domain.task import Task
from app.wire.states import TaskState

_WINDOW = 64
"""Entries looked at beyond four for each that is wanted."""

_AT_ONCE = 16

_on_route = ready_tasks.c.route == bindparam("route")
_of_route = and_(_on_route, ready_tasks.c.org_id == bindparam("org_id"))
_of_group = and_(
    _of_route,
    ready_tasks.c.rank == bindparam("rank"),
    ready_tasks.c.job_seq == bindparam("job_seq"),
    ready_tasks.c.due_at_us <= bindparam("now_us"),
)
_paused = select(queues.c.org_id, queues.c.name).where(queues.c.paused)
JOB_RUNS = and_(is_one_of(jobs.c.desired, Desired.RUN.value), tuple_(jobs.c.org_id, jobs.c.queue).not_in(_paused))
# Of a row that others have changed meanwhile these are looked at again when its lock is had.
_due = tasks.c.due_at_us <= bindparam("now_us")
_still_ready = still(tasks.c.state, TaskState.READY.value)


def _in_order(table: Any) -> tuple[ColumnElement[Any], ...]:  # Any: a table or an alias of one
    return table.c.rank, table.c.job_seq, table.c.height.desc(), table.c.seq


def _head() -> CTE:
    ordered = select(ready_tasks.c.seq).where(_of_route).order_by(*_in_order(ready_tasks))
    return ordered.limit(bindparam("window")).cte("head")


def _window() -> Select[Any]:
    """The tasks, and in the last column how many entries were looked at."""
    head = _head()
    size = select(func.count()).select_from(head).scalar_subquery()
    return (
        select(*tasks.columns, size)
        .select_from(tasks.join(jobs, jobs.c.seq == tasks.c.job_seq))
        .where(found_by(tasks.c.seq, select(head.c.seq)), _still_ready, _due, JOB_RUNS)
        .order_by(*_in_order(tasks))
        .limit(bindparam("most"))
        .with_for_update(of=tasks, skip_locked=True)
    )


def _groups() -> Select[Any]:
    """(rank, job seq) of jobs that run, after a given one. A group is named by its first task, since SQLite has no
    LATERAL.
    """
    start = tuple_(ready_tasks.c.rank, ready_tasks.c.job_seq) > tuple_(bindparam("a_rank"), bindparam("a_job"))
    ordered = select(ready_tasks.c.seq).where(_of_route, start).order_by(*_in_order(ready_tasks))
    first = ordered.limit(ONE).scalar_subquery()
    walk = select(first.label("seq")).cte("walk", recursive=True)
    here, there = ready_tasks.alias("here"), ready_tasks.alias("there")
    others = select(there.c.seq).where(there.c.route == bindparam("route"), there.c.org_id == bindparam("org_id"))
    # Two searches and not one by (rank, job_seq): SQLite would walk through all that has the same rank.
    same_rank = others.where(there.c.rank == here.c.rank, there.c.job_seq > here.c.job_seq)
    next_rank = others.where(there.c.rank > here.c.rank)
    firsts = (found.order_by(*_in_order(there)).limit(ONE) for found in (same_rank, next_rank))
    following = func.coalesce(*(first.correlate(here).scalar_subquery() for first in firsts))
    walk = walk.union_all(select(following).select_from(walk.join(here, here.c.seq == walk.c.seq)))
    # From `walk` alone, so that its order is that of the answer and the limit ends it.
    task = ready_tasks.alias("task")
    of_task = task.c.seq == walk.c.seq
    rank = select(task.c.rank).where(of_task).correlate(walk).scalar_subquery()
    job_seq = select(task.c.job_seq).where(of_task).correlate(walk).scalar_subquery()
    # Not EXISTS: PostgreSQL would make a join of it, and begin that at the wrong side.
    runs = select(jobs.c.seq).where(jobs.c.seq == job_seq, JOB_RUNS).scalar_subquery()
    groups = select(rank.label("rank"), job_seq.label("job_seq")).select_from(walk)
    return groups.where(runs.is_not(None)).limit(bindparam("most"))


def _orgs() -> Select[Any]:
    """Organizations and the best rank of each, an index lookup or two for each of them."""
    walk = leaps(ready_tasks.c.org_id, _on_route).subquery()
    task = ready_tasks.alias("task")
    of_org = select(task.c.rank).where(task.c.route == bindparam("route"), task.c.org_id == walk.c.value)
    best = of_org.order_by(task.c.rank).limit(ONE)
    return select(walk.c.value, best.correlate(walk).scalar_subquery())


_ready_orgs = Statement(_orgs())
_first_tasks = Statement(_window())
_window_size = Statement(select(func.count()).select_from(_head()))
_runnable_groups = Statement(_groups())
_ready_routes = Statement(leaps(ready_tasks.c.route, true()))
_first_of_group = select(ready_tasks.c.seq).where(_of_group).order_by(*_in_order(ready_tasks))
_tasks_of_group = Statement(
    select(tasks)
    .where(found_by(tasks.c.seq, _first_of_group.limit(bindparam("window"))), _still_ready, _due)
    .order_by(*_in_order(tasks))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_one_of_group = Statement(select(ONE).where(_of_group).limit(ONE))


class ReadyWrites(Part):
    def ready_routes(self) -> list[str]:
        routes = [row[0] for row in self._session.rows(_ready_routes)]
        return [route for route in routes if self._has_ready(route)]

    def ready_orgs(self, route: str) -> list[tuple[str, int]]:
        return [(org_id, -rank) for org_id, rank in self._session.rows(_ready_orgs, route=route)]

    def lock_ready(self, route: str, limit: int, org_id: str) -> list[Task]:
        values = {"route": route, "org_id": org_id, "now_us": self.now_us}
        for window in (limit, 4 * limit + _WINDOW):
            rows = self._session.rows(_first_tasks, window=window, most=limit, **values)
            # Fewer may be held back, or be locked by others: then there are more behind them.
            if len(rows) == limit or self._looked_at(rows, route, org_id, window) < window:
                return locked(self._session, rows)
        return self._from_groups(route, limit, org_id)

    def _looked_at(self, rows: Sequence[Row], route: str, org_id: str, window: int) -> int:
        if rows:
            return int(rows[0][-1])
        return int(self._session.rows(_window_size, route=route, org_id=org_id, window=window)[0][0])

    def _from_groups(self, route: str, limit: int, org_id: str) -> list[Task]:
        found: list[Task] = []
        of_org = {"route": route, "org_id": org_id, "now_us": self.now_us}
        for rank, job_seq in self._groups_of(route, org_id, limit):
            values = {"rank": rank, "job_seq": job_seq, **of_org}
            most = limit - len(found)
            rows = self._session.rows(_tasks_of_group, most=most, window=4 * most + _WINDOW, **values)
            if len(rows) < most and self._session.kind == "postgresql":  # others may have locked all of the window
                rows = self._session.rows(_tasks_of_group, most=most, window=LAST, **values)
            found += locked(self._session, rows)
            if len(found) == limit:
                break
        return found

    def _has_ready(self, route: str) -> bool:
        for org_id, _ in self.ready_orgs(route):
            for rank, job_seq in self._groups_of(route, org_id, _AT_ONCE):
                values = {"route": route, "org_id": org_id, "rank": rank, "job_seq": job_seq, "now_us": self.now_us}
                if self._session.row(_one_of_group, **values):
                    return True
        return False

    def _groups_of(self, route: str, org_id: str, at_once: int) -> Iterator[Row]:
        rank, job_seq = FIRST, FIRST
        of_org = {"route": route, "org_id": org_id}
        while True:
            groups = self._session.rows(_runnable_groups, a_rank=rank, a_job=job_seq, most=at_once, **of_org)
            yield from groups
            if len(groups) < at_once:
                return
            rank, job_seq = groups[-1]
