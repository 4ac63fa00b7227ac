"""An organization as a whole: questions over `jobs` and `events` that an index answers."""

import operator
from collections.abc import Mapping
from functools import reduce

from sqlalchemy import bindparam, func, literal_column, select

from app.adapters.sql.jobs import removed_of_org
from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement, is_one_of
from app.adapters.sql.tables import COUNT_COLUMNS, OPEN_JOBS, events, jobs
from app.ports.overview import Slice
from app.wire.states import TASK_TERMINAL, JobState, TaskState

_of_org = jobs.c.org_id == bindparam("org_id")
_count = {state: jobs.c[name] for state, name in COUNT_COLUMNS.items()}
_ended = reduce(operator.add, (_count[state] for state in sorted(TASK_TERMINAL)))

_newest_event = Statement(select(func.max(events.c.seq)).where(events.c.org_id == bindparam("org_id")))
_of_state = select(jobs.c.seq).where(_of_org, jobs.c.state == bindparam("state")).limit(bindparam("most")).subquery()
_how_many = Statement(select(func.count()).select_from(_of_state))
# Few: they go as soon as they have ended. Taken off here, so that the count above reads nothing but its index.
_removed = Statement(select(jobs.c.state, func.count()).where(removed_of_org()).group_by(jobs.c.state))
_oldest = Statement(
    select(jobs.c.queue, func.min(jobs.c.created_at_us))
    .where(_of_org, ~jobs.c.removed, is_one_of(jobs.c.state, *OPEN_JOBS))
    .where(_count[TaskState.READY] + _count[TaskState.QUEUED] > literal_column("0"))
    .group_by(jobs.c.queue)
)
_newest = (
    select(
        (jobs.c.created_at_us.op("/")(bindparam("slice_us"))).label("slot"),
        jobs.c.created_at_us,
        jobs.c.state,
        _ended.label("ended"),
    )
    .where(_of_org, ~jobs.c.removed)
    .order_by(jobs.c.seq.desc())
    .limit(bindparam("most"))
    .subquery()
)
_activity = Statement(
    select(_newest.c.slot, _newest.c.state, func.count(), func.sum(_newest.c.ended))
    .where(_newest.c.created_at_us >= bindparam("since_us"))
    .group_by(_newest.c.slot, _newest.c.state)
    .order_by(_newest.c.slot, _newest.c.state)
)


class OverviewReads(Part):
    def newest_event(self, org_id: str) -> int:
        row = self._session.row(_newest_event, org_id=org_id)
        return (row[0] if row else None) or 0

    def job_counts(self, org_id: str, most: int) -> Mapping[JobState, int]:
        found = {}
        for state in JobState:
            rows = self._session.rows(_how_many, org_id=org_id, state=state.value, most=most)
            found[state] = int(rows[0][0])
        for state, count in self._session.rows(_removed, org_id=org_id):
            found[JobState(state)] -= count
        return {state: count for state, count in found.items() if count > 0}

    def oldest_waiting(self, org_id: str) -> Mapping[str, int]:
        return {row[0]: row[1] for row in self._session.rows(_oldest, org_id=org_id)}

    def activity(self, org_id: str, since_us: int, slice_us: int, most: int) -> list[Slice]:
        rows = self._session.rows(_activity, org_id=org_id, since_us=since_us, slice_us=slice_us, most=most)
        return [
            Slice(at_us=int(slot) * slice_us, state=JobState(state), jobs=int(count), tasks=int(ended))
            for slot, state, count, ended in rows
        ]
