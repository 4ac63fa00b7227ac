"""Measurements of the whole: what is under way, by indexes that hold nothing else, and the tallies."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column, select, union_all
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.ready import JOB_RUNS
from app.adapters.sql.statement import Statement, is_one_of
from app.adapters.sql.tables import COUNT_COLUMNS, OPEN_JOBS, jobs, ready_tasks, runs, tallies
from app.ports.gauges import Backlog, TallyKey, Work
from app.wire.states import JobState, RunState, TaskState

_EMPTY: ColumnElement[Any] = literal_column("''")
_ZERO: ColumnElement[Any] = literal_column("0")

# Counted by job in the index alone; only then is it asked which of the jobs run.
_of_job = (
    select(ready_tasks.c.route, ready_tasks.c.job_seq, func.count().label("count"))
    .group_by(ready_tasks.c.route, ready_tasks.c.job_seq)
    .subquery()
)
_phase = case((JOB_RUNS, literal_column("'ready'")), else_=literal_column("'held'"))
_ready = Statement(
    select(_of_job.c.route, _phase.label("phase"), func.sum(_of_job.c.count), func.min(jobs.c.created_at_us))
    .select_from(_of_job.join(jobs, jobs.c.seq == _of_job.c.job_seq))
    .group_by(_of_job.c.route, _phase)
)
# The second conditions hold for all of these; they lead the planner to the partial indexes.
_queued = Statement(
    select(runs.c.route, func.count())
    .where(is_one_of(runs.c.state, RunState.QUEUED.value), runs.c.route > _EMPTY)
    .group_by(runs.c.route)
)
_running = Statement(
    select(runs.c.route, func.count())
    .where(is_one_of(runs.c.state, RunState.RUNNING.value), runs.c.node_id > _EMPTY)
    .group_by(runs.c.route)
)
_out = select(runs.c.job_seq, runs.c.route).where(is_one_of(runs.c.state, RunState.QUEUED.value), runs.c.route > _EMPTY)
_on_nodes = select(runs.c.job_seq, runs.c.route).where(
    is_one_of(runs.c.state, RunState.RUNNING.value), runs.c.node_id > _EMPTY
)
_flying = union_all(_out, _on_nodes).subquery()
_in_flight = Statement(
    select(jobs.c.org_id, _flying.c.route, func.count())
    .select_from(_flying.join(jobs, jobs.c.seq == _flying.c.job_seq))
    .group_by(jobs.c.org_id, _flying.c.route)
)
_count = {state: jobs.c[name] for state, name in COUNT_COLUMNS.items()}
_waits = _count[TaskState.READY] + _count[TaskState.QUEUED] > _ZERO
_backlogs = Statement(
    select(
        jobs.c.queue,
        jobs.c.state,
        func.count(),
        func.sum(_count[TaskState.WAITING]),
        func.min(case((_waits, jobs.c.created_at_us))),
    )
    .where(is_one_of(jobs.c.state, *OPEN_JOBS), jobs.c.org_id > _EMPTY)
    .group_by(jobs.c.queue, jobs.c.state)
)
_tallies = Statement(select(tallies))
_put = insert(tallies)
_add = Statement(
    _put.on_conflict_do_update(
        index_elements=["name", "one", "two"], set_={"value": tallies.c.value + _put.excluded.value}
    ),
    sets=["name", "one", "two", "value"],
)


class GaugeReads(Part):
    def work(self) -> list[Work]:
        ready = [
            Work(route=row[0], phase=row[1], count=int(row[2]), oldest_us=row[3] if row[1] == "ready" else None)
            for row in self._session.rows(_ready)
        ]
        queued = [Work(route=row[0], phase="queued", count=row[1]) for row in self._session.rows(_queued)]
        running = [Work(route=row[0], phase="running", count=row[1]) for row in self._session.rows(_running)]
        return sorted(ready + queued + running, key=lambda one: (one.route, one.phase))

    def in_flight(self) -> list[tuple[str, str, int]]:
        return [(row[0], row[1], row[2]) for row in self._session.rows(_in_flight)]

    def backlogs(self) -> list[Backlog]:
        found: dict[str, Backlog] = {}
        for queue, state, count, waiting, oldest_us in self._session.rows(_backlogs):
            known = found.get(queue) or Backlog(queue=queue, jobs={}, waiting=0, oldest_us=None)
            times = [at_us for at_us in (known.oldest_us, oldest_us) if at_us is not None]
            found[queue] = Backlog(
                queue=queue,
                jobs={**known.jobs, JobState(state): count},
                waiting=known.waiting + int(waiting),
                oldest_us=min(times, default=None),
            )
        return [found[queue] for queue in sorted(found)]

    def tallies(self) -> Mapping[TallyKey, int]:
        return {(row[0], row[1], row[2]): row[3] for row in self._session.rows(_tallies)}


class TallyWrites(Part):
    def add_tallies(self, added: Sequence[tuple[TallyKey, int]]) -> None:
        """In one order, so that two processes never wait for each other's rows."""
        rows = [{"name": key[0], "one": key[1], "two": key[2], "value": value} for key, value in sorted(added)]
        self._session.each(_add, rows)
