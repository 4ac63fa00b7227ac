"""Tasks: rows of the table `tasks`, and beside them what was asked for in `task_specs`."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import structs
from sqlalchemy import Select, bindparam, literal_column, select, update

from app.adapters.sql.by_state import IS_OPEN, made, moved, set_rank
from app.adapters.sql.changes import Columns, Saving
from app.adapters.sql.part import FAILURE, FIRST, Part, failure_of, failure_row
from app.adapters.sql.runs import run_of
from app.adapters.sql.session import Row, Session, load_or_none
from app.adapters.sql.specs import spec_of, spec_text
from app.adapters.sql.statement import Insert, Statement, among, is_one_of
from app.adapters.sql.tables import chord_parts, runs, task_specs, tasks
from app.domain.chords import RunWhen
from app.domain.task import NO_ROUTE, Task, TaskSpec
from app.ports.records import NeedResult, Page, TaskView
from app.ports.store import LARGEST_SEQ
from app.wire.states import TASK_TERMINAL, TaskState

_STATES = {state.value: state for state in TaskState}
_RUN_WHEN = {run_when.value: run_when for run_when in RunWhen}
TASK_WIDTH = len(tasks.columns)
PLAIN_TASK = tasks.c.map_index == literal_column("-1")
"""No value of a map. As in the indexes by job, id and name, which have only these."""

VIEWED: Select[Any] = (
    select(*tasks.columns, task_specs.c.spec, *runs.columns)
    .select_from(tasks.join(task_specs, task_specs.c.seq == tasks.c.seq).outerjoin(runs, runs.c.id == tasks.c.run_id))
    .where(PLAIN_TASK)
)
_paged = (
    VIEWED.where(tasks.c.job_seq == bindparam("job_seq"), tasks.c.position > bindparam("after"))
    .order_by(tasks.c.position)
    .limit(bindparam("most"))
)
_header, _body = tasks.alias("header"), tasks.alias("body")

_insert = Insert(tasks)
_insert_specs = Insert(task_specs)
_by_id = Statement(VIEWED.where(tasks.c.id == bindparam("id")))
_of_job = Statement(_paged)
_named = Statement(_paged.where(tasks.c.name == bindparam("name")))
_locked = Statement(select(tasks).where(among(tasks.c.seq, "seqs")).order_by(tasks.c.seq).with_for_update())
_in_states = (
    select(tasks)
    .where(
        tasks.c.job_seq == bindparam("job_seq"),
        among(tasks.c.state, "states"),
        tasks.c.seq > bindparam("after"),
        tasks.c.seq < bindparam("below"),
    )
    .order_by(tasks.c.seq)
    .limit(bindparam("most"))
    .with_for_update()
)
_in_any_states = Statement(_in_states.where(PLAIN_TASK))
_in_open_states = Statement(_in_states.where(IS_OPEN))
_not_yet_out = (
    select(tasks.c.seq)
    .where(
        tasks.c.job_seq == bindparam("k_job"),
        is_one_of(tasks.c.state, TaskState.WAITING.value, TaskState.READY.value),
        tasks.c.finished_at_us.is_(None),
    )
    .order_by(tasks.c.seq)
    .with_for_update()
)
_set_rank = Statement(
    update(tasks)
    .where(tasks.c.seq.in_(_not_yet_out), is_one_of(tasks.c.state, TaskState.WAITING.value, TaskState.READY.value))
    .values(rank=bindparam("rank"))
    .returning(tasks.c.seq)
)
_set_rank_of_maps = Statement(
    update(tasks)
    .where(
        tasks.c.job_seq == bindparam("k_job"),
        PLAIN_TASK,
        tasks.c.route == bindparam("no_route"),
    )
    .values(rank=bindparam("rank"))
)
_specs = Statement(select(task_specs).where(among(task_specs.c.seq, "seqs")))
_results = Statement(
    select(tasks.c.name, tasks.c.state, runs.c.result, tasks.c.seq, tasks.c.route)
    .select_from(tasks.outerjoin(runs, runs.c.id == tasks.c.run_id))
    .where(tasks.c.job_seq == bindparam("job_seq"), PLAIN_TASK, among(tasks.c.name, "names"))
)
_edges = Statement(
    select(_header.c.position, _body.c.position)
    .select_from(
        _header.join(chord_parts, chord_parts.c.header_seq == _header.c.seq).join(
            _body, _body.c.seq == chord_parts.c.body_seq
        )
    )
    .where(_header.c.job_seq == bindparam("job_seq"), _header.c.map_index == literal_column("-1"))
    .order_by(_body.c.position, chord_parts.c.part_index)
)


def task_of(row: Row) -> Task:
    return Task(
        seq=row[0],
        id=row[1],
        job_seq=row[2],
        job_id=row[3],
        position=row[4],
        name=row[5],
        state=_STATES[row[6]],
        route=row[7],
        run_when=_RUN_WHEN[row[8]],
        priority=-row[9],
        height=row[10],
        max_attempts=row[11],
        retry_delay_s=row[12],
        attempts=row[13],
        runs=row[14],
        crashes=row[15],
        run_id=row[16],
        due_at_us=row[17],
        cancel=bool(row[18]),
        created_at_us=row[19],
        started_at_us=row[20],
        finished_at_us=row[21],
        failure=failure_of(row[22], row[23]),
        map_index=None if row[24] < 0 else row[24],
        org_id=row[25],
    )


def _row(task: Task) -> Row:
    return (
        task.seq,
        task.id,
        task.job_seq,
        task.job_id,
        task.position,
        task.name,
        task.state.value,
        task.route,
        task.run_when.value,
        -task.priority,
        task.height,
        task.max_attempts,
        task.retry_delay_s,
        task.attempts,
        task.runs,
        task.crashes,
        task.run_id,
        task.due_at_us,
        task.cancel,
        task.created_at_us,
        task.started_at_us,
        task.finished_at_us,
        task.failure.code if task.failure else None,
        task.failure.message if task.failure else None,
        -1 if task.map_index is None else task.map_index,
        task.org_id,
    )


def insert_tasks(session: Session, tasks: Sequence[Task]) -> None:
    session.insert(_insert, map(_row, tasks), len(tasks))
    made(tasks).write(session)


_saving: Saving[Task] = Saving(
    tasks,
    "seq",
    plain=(
        *("route", "height", "attempts", "runs", "crashes", "run_id", "due_at_us", "cancel"),
        *("started_at_us", "finished_at_us"),
    ),
    others={
        "state": Columns(("state",), lambda task: (task.state.value,)),
        "priority": Columns(("rank",), lambda task: (-task.priority,)),
        "failure": Columns(FAILURE, failure_row),
    },
)


def locked(session: Session, rows: Iterable[Row]) -> list[Task]:
    """Tasks that were read with a lock, and so may be saved."""
    found = [task_of(row) for row in rows]
    session.known.update((task.seq, task) for task in found)
    return found


def view_of(row: Row) -> TaskView:
    run = row[TASK_WIDTH + 1 :]
    return TaskView(task=task_of(row), spec=spec_of(row[TASK_WIDTH]), run=None if run[0] is None else run_of(run))


class TaskReads(Part):
    def task(self, task_id: str) -> TaskView | None:
        row = self._session.row(_by_id, id=task_id)
        return None if row is None else view_of(row)

    def tasks(self, job_seq: int, page: Page, name: str | None = None) -> list[TaskView]:
        values = {"job_seq": job_seq, "after": page.after[0] if page.after else FIRST, "most": page.limit}
        if name is None:
            return [view_of(row) for row in self._session.rows(_of_job, **values)]
        return [view_of(row) for row in self._session.rows(_named, name=name, **values)]

    def edges(self, job_seq: int) -> list[tuple[int, int]]:
        return [(row[0], row[1]) for row in self._session.rows(_edges, job_seq=job_seq)]

    def results(self, job_seq: int, names: Collection[str]) -> Mapping[str, NeedResult]:
        if not names:
            return {}
        rows = self._session.rows(_results, job_seq=job_seq, names=self._session.listed(names))
        return {
            name: NeedResult(
                state=_STATES[state], result=load_or_none(result), map_seq=seq if route == NO_ROUTE else None
            )
            for name, state, result, seq, route in rows
        }


class TaskWrites(Part):
    def insert_tasks(self, tasks: Sequence[Task], specs: Sequence[TaskSpec]) -> None:
        kept = (
            structs.replace(spec, values=None) if spec.type == "map" else spec for spec in specs
        )  # they are in `maps.py`
        rows = ((task.seq, spec_text(spec)) for task, spec in zip(tasks, kept, strict=True))
        insert_tasks(self._session, tasks)
        self._session.insert(_insert_specs, rows, len(tasks))

    def lock_tasks(self, seqs: Collection[int]) -> list[Task]:
        """Those that this transaction has locked before are as they were saved last: they are not read again."""
        known = self._session.known
        if missing := [seq for seq in seqs if seq not in known]:
            locked(self._session, self._session.rows(_locked, seqs=self._session.listed(missing)))
        return [known[seq] for seq in sorted(set(seqs)) if seq in known]

    def lock_tasks_in(
        self,
        job_seq: int,
        states: Collection[TaskState],
        limit: int,
        after_seq: int = 0,
        *,
        below_seq: int = LARGEST_SEQ,
    ) -> list[Task]:
        statement = _in_any_states if TASK_TERMINAL.intersection(states) else _in_open_states
        listed = self._session.listed([state.value for state in states])
        between = {"after": after_seq, "below": below_seq}
        return locked(
            self._session, self._session.rows(statement, job_seq=job_seq, states=listed, most=limit, **between)
        )

    def set_task_priority(self, job_seq: int, priority: int) -> None:
        changed = [row[0] for row in self._session.rows(_set_rank, k_job=job_seq, rank=-priority)]
        self._session.run(_set_rank_of_maps, k_job=job_seq, rank=-priority, no_route=NO_ROUTE)
        set_rank(self._session, changed, -priority)
        self._session.known.clear()

    def save_tasks(self, tasks: Sequence[Task]) -> None:
        moves = moved(self._session.known, tasks)
        _saving.save(self._session, tasks)
        moves.write(self._session)

    def specs(self, seqs: Collection[int]) -> Mapping[int, TaskSpec]:
        return self.ask_specs(seqs)()

    def ask_specs(self, seqs: Collection[int]) -> Callable[[], Mapping[int, TaskSpec]]:
        if not seqs:
            return dict
        rows = self._session.ask(_specs, seqs=self._session.listed(seqs))
        return lambda: {row[0]: spec_of(row[1]) for row in rows()}
