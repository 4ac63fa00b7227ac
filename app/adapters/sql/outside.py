"""Runs that are fed from outside of the fleet: what was said of them, and the tasks that no node need serve."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.ready import JOB_RUNS
from app.adapters.sql.session import dump
from app.adapters.sql.specs import spec_text
from app.adapters.sql.statement import ONE, Statement, among, found_by, still
from app.adapters.sql.tables import jobs, outside_runs, ready_tasks, task_specs, tasks
from app.adapters.sql.tasks import task_of
from app.domain.task import Task, TaskSpec
from app.wire.states import TaskState

_put = insert(outside_runs)

_said = Statement(select(outside_runs).where(among(outside_runs.c.run_id, "ids")))
_say = Statement(
    _put.on_conflict_do_update(index_elements=["run_id"], set_={"said": _put.excluded.said}), sets=["run_id", "said"]
)
_save_spec = Statement(update(task_specs).where(task_specs.c.seq == bindparam("k_seq")), sets=["spec"])
_may_go = (
    select(ready_tasks.c.seq)
    .select_from(ready_tasks.join(jobs, jobs.c.seq == ready_tasks.c.job_seq))
    .where(
        ready_tasks.c.route == bindparam("route"),
        ready_tasks.c.due_at_us <= bindparam("now_us"),
        JOB_RUNS,
        ~jobs.c.open,
    )
    .order_by(ready_tasks.c.seq)
    .limit(bindparam("most"))
)
_unserved = Statement(
    select(tasks)
    .where(
        found_by(tasks.c.seq, _may_go),
        still(tasks.c.state, TaskState.READY.value),
        tasks.c.due_at_us <= bindparam("now_us"),
    )
    .order_by(tasks.c.seq)
    .with_for_update(skip_locked=True)
)

# Of two numbers, so that no other lock has the same. Two names may share one: they wait for each other in vain.
_hold = Statement(select(func.pg_advisory_xact_lock(ONE, func.hashtext(bindparam("name")))))


class OutsideReads(Part):
    def said_outside(self, run_ids: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        rows = self._session.rows(_said, ids=self._session.listed(run_ids)) if run_ids else []
        return {row[0]: orjson.loads(row[1]) for row in rows}


class OutsideWrites(Part):
    def say_outside(self, run_id: str, said: Mapping[str, Any]) -> None:
        self._session.run(_say, run_id=run_id, said=dump(said))

    def save_spec(self, seq: int, spec: TaskSpec) -> None:
        self._session.run(_save_spec, k_seq=seq, spec=spec_text(spec))

    def lock_unserved(self, route: str, limit: int) -> list[Task]:
        rows = self._session.rows(_unserved, route=route, now_us=self.now_us, most=limit)
        return [task_of(row) for row in rows]

    def hold_name(self, name: str) -> None:
        if self._session.kind == "postgresql":  # SQLite has one writer at a time
            self._session.run(_hold, name=name)
