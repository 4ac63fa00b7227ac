"""Which tasks are ready, and which failed: tables of their own, kept in step with `tasks` by whoever writes a state.

Only who has locked a task, or all of a job that goes, writes its rows here, so that these need no locks of their own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.session import Session
from app.adapters.sql.statement import Insert, Statement, among, is_one_of
from app.adapters.sql.tables import OPEN_TASKS, failed_tasks, ready_tasks, tasks
from app.domain.task import Task
from app.wire.states import TaskState

_READY, _FAILED = TaskState.READY, TaskState.FAILED
_place = attrgetter("route", "org_id", "priority", "height", "due_at_us")
"""What else of a ready task stands in its row."""

_columns = [tasks.c[column.name] for column in ready_tasks.columns]
_are_ready = insert(ready_tasks).from_select(
    [column.name for column in ready_tasks.columns], select(*_columns).where(among(tasks.c.seq, "seqs"))
)
_enter = Statement(_are_ready.on_conflict_do_nothing())
LEAVE = Statement(delete(ready_tasks).where(among(ready_tasks.c.seq, "keys")))
_fail = Insert(failed_tasks, unless_there=True)
UNFAIL = Statement(
    delete(failed_tasks).where(failed_tasks.c.job_seq == bindparam("job_seq"), among(failed_tasks.c.seq, "keys"))
)
_set_rank = Statement(update(ready_tasks).where(among(ready_tasks.c.seq, "seqs")).values(rank=bindparam("rank")))

IS_OPEN = and_(tasks.c.finished_at_us.is_(None), is_one_of(tasks.c.state, *OPEN_TASKS))
"""Found by the index of what has not ended, whose words are the first of these."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What a transaction changes of these tables: `fail` has (job seq, seq), `unfail` the seqs of each job."""

    enter: list[int] = field(default_factory=list)
    leave: list[int] = field(default_factory=list)
    fail: list[tuple[int, int]] = field(default_factory=list)
    unfail: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def write(self, session: Session) -> None:
        """After the tasks are written, since ready ones are copied from there."""
        if self.leave:
            session.run(LEAVE, keys=session.listed(self.leave))
        if self.enter:
            session.run(_enter, seqs=session.listed(self.enter))
        for job_seq, seqs in self.unfail.items():
            session.run(UNFAIL, job_seq=job_seq, keys=session.listed(seqs))
        session.insert(_fail, self.fail, len(self.fail))


def made(tasks: Iterable[Task]) -> Moves:
    """Of tasks that are new."""
    found = Moves()
    for task in tasks:
        if task.state is _READY:
            found.enter.append(task.seq)
        elif task.state is _FAILED:
            found.fail.append((task.job_seq, task.seq))
    return found


def moved(known: Mapping[int, Any], tasks: Iterable[Task]) -> Moves:
    """Of tasks that are about to be saved. One that was not read in this transaction may have been in any state."""
    found = Moves()
    for task in tasks:
        before, now = known.get(task.seq), task.state
        was = before.state if before is not None else None
        if was is now and (now is not _READY or _place(before) == _place(task)):
            continue
        if was is _READY or was is None:
            found.leave.append(task.seq)
        if now is _READY:
            found.enter.append(task.seq)
        if now is _FAILED:
            found.fail.append((task.job_seq, task.seq))
        elif was is _FAILED or was is None:
            found.unfail[task.job_seq].append(task.seq)
    return found


def set_rank(session: Session, seqs: Collection[int], rank: int) -> None:
    """Of those of these that are ready: tasks that have this rank since this transaction, and no others. What became
    ready meanwhile has the rank of before in its own row too.
    """
    session.run(_set_rank, seqs=session.listed(seqs), rank=rank)
