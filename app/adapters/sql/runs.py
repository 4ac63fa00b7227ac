"""Runs: rows of the table `runs`. Which of them are out, held, or offered too long ago is asked of partial indexes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from msgspec import structs
from sqlalchemy import bindparam, func, select, tuple_

from app.adapters.sql.changes import Columns, Saving
from app.adapters.sql.part import FAILURE, FIRST, Part, failure_of, failure_row
from app.adapters.sql.session import Row, dump, dump_or_none, load_or_none
from app.adapters.sql.statement import Insert, Statement, among, is_one_of, leaps
from app.adapters.sql.tables import runs, tasks
from app.domain.run import Run
from app.ports.records import Page
from app.wire.states import RunState
from app.wire.usage import Usage

_STATES = {state.value: state for state in RunState}
_queued = is_one_of(runs.c.state, RunState.QUEUED.value)
_running = is_one_of(runs.c.state, RunState.RUNNING.value)
_key = tuple_(runs.c.task_seq, runs.c.map_index, runs.c.number)
_after = tuple_(bindparam("a_task"), bindparam("a_map"), bindparam("a_number"))
_listed = (
    select(runs)
    .where(runs.c.job_seq == bindparam("job_seq"), _key > _after)
    .order_by(*_key.clauses)
    .limit(bindparam("most"))
)

_insert = Insert(runs)
_by_id = Statement(select(runs).where(runs.c.id == bindparam("id")))
_of_job = Statement(_listed)
_of_task = Statement(_listed.where(runs.c.task_seq.between(bindparam("first_seq"), bindparam("task_seq"))))
_locked = Statement(select(runs).where(among(runs.c.id, "ids")).order_by(runs.c.id).with_for_update())
_held = Statement(select(runs).where(_running, among(runs.c.node_id, "node_ids")).order_by(runs.c.id))
_of_claim = Statement(
    select(runs)
    .where(_running, runs.c.node_id == bindparam("node_id"), runs.c.claim_id == bindparam("claim_id"))
    .order_by(runs.c.id)
)
_unwanted = Statement(
    select(runs.c.id)
    .select_from(runs.join(tasks, tasks.c.seq == runs.c.task_seq))
    .where(_running, runs.c.node_id == bindparam("node_id"), tasks.c.cancel)
    .order_by(runs.c.id)
)
_of_route = Statement(
    select(runs)
    .where(_queued, runs.c.route == bindparam("route"), runs.c.offered_at_us < bindparam("before"))
    .order_by(runs.c.offered_at_us, runs.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_queued_routes = Statement(leaps(runs.c.route, _queued))
_queued_counts = Statement(
    select(runs.c.route, func.count()).where(_queued, among(runs.c.route, "routes")).group_by(runs.c.route)
)
_stale = Statement(
    select(runs)
    .where(_queued, runs.c.offered_at_us < bindparam("before"))
    .order_by(runs.c.offered_at_us, runs.c.id)
    .limit(bindparam("most"))
)


def usage_of(text: str | None) -> Usage | None:
    return None if text is None else Usage(**dict(zip(Usage.__struct_fields__, orjson.loads(text), strict=True)))


def usage_text(usage: Usage | None) -> str | None:
    """A list in the order of the fields: totals and samples are many."""
    return None if usage is None else dump(structs.astuple(usage))


def run_of(row: Row) -> Run:
    return Run(
        id=row[0],
        task_seq=row[1],
        job_seq=row[2],
        task_id=row[3],
        job_id=row[4],
        map_index=None if row[5] < 0 else row[5],
        number=row[6],
        fence=row[7],
        route=row[8],
        state=_STATES[row[9]],
        node_id=row[10],
        claim_id=row[11],
        created_at_us=row[12],
        offered_at_us=row[13],
        claimed_at_us=row[14],
        started_at_us=row[15],
        finished_at_us=row[16],
        progress=row[17],
        status_text=row[18],
        exit_code=row[19],
        signal=row[20],
        failure=failure_of(row[21], row[22]),
        result=load_or_none(row[23]),
        usage=usage_of(row[24]),
        sequence=row[25],
        follows=row[27],
    )


def _row(run: Run, now_us: int) -> Row:
    return (
        run.id,
        run.task_seq,
        run.job_seq,
        run.task_id,
        run.job_id,
        -1 if run.map_index is None else run.map_index,
        run.number,
        run.fence,
        run.route,
        run.state.value,
        run.node_id,
        run.claim_id,
        run.created_at_us,
        run.offered_at_us,
        run.claimed_at_us,
        run.started_at_us,
        run.finished_at_us,
        run.progress,
        run.status_text,
        run.exit_code,
        run.signal,
        run.failure.code if run.failure else None,
        run.failure.message if run.failure else None,
        dump_or_none(run.result),
        usage_text(run.usage),
        run.sequence,
        now_us,
        run.follows,
    )


_saving: Saving[Run] = Saving(
    runs,
    "id",
    plain=(
        *("node_id", "claim_id", "offered_at_us", "claimed_at_us", "started_at_us", "finished_at_us"),
        *("progress", "status_text", "exit_code", "signal", "sequence"),
    ),
    others={
        "state": Columns(("state",), lambda run: (run.state.value,)),
        "failure": Columns(FAILURE, failure_row),
        "result": Columns(("result",), lambda run: (dump_or_none(run.result),)),
        "usage": Columns(("usage",), lambda run: (usage_text(run.usage),)),
    },
)


class RunReads(Part):
    def run(self, run_id: str) -> Run | None:
        row = self._session.row(_by_id, id=run_id)
        return None if row is None else run_of(row)

    def runs(self, job_seq: int, page: Page, task_seq: int | None = None, *, first_seq: int | None = None) -> list[Run]:
        task, index, number = page.after or (FIRST, FIRST, FIRST)
        values = {"job_seq": job_seq, "a_task": task, "a_map": index, "a_number": number, "most": page.limit}
        if task_seq is None:
            return self._runs(_of_job, **values)
        first_seq = task_seq if first_seq is None else first_seq
        return self._runs(_of_task, task_seq=task_seq, first_seq=first_seq, **values)

    def held(self, node_ids: Collection[str]) -> list[Run]:
        return self._runs(_held, node_ids=self._session.listed(node_ids)) if node_ids else []

    def unwanted(self, node_id: str) -> list[str]:
        return [row[0] for row in self._session.rows(_unwanted, node_id=node_id)]

    def _runs(self, statement: Statement, **values: Any) -> list[Run]:
        return [run_of(row) for row in self._session.rows(statement, **values)]


class RunWrites(RunReads):
    def lock_runs(self, run_ids: Collection[str]) -> list[Run]:
        return self._kept(_locked, ids=self._session.listed(run_ids)) if run_ids else []

    def insert_runs(self, runs: Sequence[Run]) -> None:
        now_us = self.now_us if runs else 0
        self._session.insert(_insert, (_row(run, now_us) for run in runs), len(runs))

    def save_runs(self, runs: Sequence[Run]) -> None:
        if runs:
            _saving.save(self._session, runs, {"updated_at_us": self.now_us})

    def runs_of_claim(self, node_id: str, claim_id: str) -> list[Run]:
        return self._kept(_of_claim, node_id=node_id, claim_id=claim_id)

    def queued_routes(self) -> list[str]:
        return [row[0] for row in self._session.rows(_queued_routes)]

    def lock_queued(self, route: str, offered_before_us: int, limit: int) -> list[Run]:
        return self._kept(_of_route, route=route, before=offered_before_us, most=limit)

    def queued_counts(self, routes: Collection[str]) -> Mapping[str, int]:
        if not routes:
            return {}
        return {row[0]: row[1] for row in self._session.rows(_queued_counts, routes=self._session.listed(routes))}

    def _kept(self, statement: Statement, **values: Any) -> list[Run]:
        """Runs that this transaction may save."""
        found = self._runs(statement, **values)
        self._session.known.update((run.id, run) for run in found)
        return found

    def stale_offers(self, offered_before_us: int, limit: int) -> list[Run]:
        return self._runs(_stale, before=offered_before_us, most=limit)
