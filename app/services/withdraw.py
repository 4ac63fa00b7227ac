"""Offers are taken back: the runs end unclaimed, and their tasks are ready again until they may be offered anew.

A queued run counts only while its task is queued with that very run: a claim checks both. So the tasks of a job may
change first and the runs follow in a transaction of their own, as the order of locks wants it (runs before tasks); a
run that a crash leaves behind in between cannot be claimed, and the sweep withdraws it.
"""

from collections.abc import Collection, Sequence

from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.run import Run
from app.domain.task import Task
from app.ports.store import Writer
from app.services.core import Core
from app.services.ledger import Ledger
from app.wire.states import RunState, TaskState

_SLICE = 2000


def withdraw_job(core: Core, job_seq: int) -> None:
    """All that is out of this job, slice by slice."""
    after_seq = 0
    while True:
        start = after_seq
        tasks = core.store.write(lambda tx: _slice(tx, job_seq, start))  # noqa: B023  # runs within the turn
        withdraw_runs(core, [task.run_id for task in tasks if task.run_id is not None])
        if len(tasks) < _SLICE:
            return
        after_seq = tasks[-1].seq


def _slice(tx: Writer, job_seq: int, after_seq: int) -> list[Task]:
    tasks = tx.lock_tasks_in(job_seq, {TaskState.QUEUED}, _SLICE, after_seq)
    ledger = Ledger()
    _ready_again(tx, tasks, ledger)
    ledger.write(tx)
    return tasks


def withdraw_runs(core: Core, run_ids: Collection[str]) -> list[Run]:
    """Those of these runs that are queued, once their tasks are not. The running ones."""

    def work(tx: Writer) -> list[Run]:
        runs = tx.lock_runs(run_ids)
        tx.save_runs([runs_.withdraw(run, tx.now_us) for run in runs if run.state is RunState.QUEUED])
        return [run for run in runs if run.state is RunState.RUNNING]

    return core.store.write(work) if run_ids else []


def withdraw(tx: Writer, queued: Sequence[Run], ledger: Ledger) -> None:
    """Of locked, queued runs, in the caller's transaction."""
    if not queued:
        return
    tx.save_runs([runs_.withdraw(run, tx.now_us) for run in queued])
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in queued])}
    _ready_again(tx, [tasks[run.task_seq] for run in queued if is_out(run, tasks[run.task_seq])], ledger)


def is_out(run: Run, task: Task) -> bool:
    """Whether this queued run is the one that its task waits for."""
    return task.state is TaskState.QUEUED and task.run_id == run.id


def _ready_again(tx: Writer, tasks: Sequence[Task], ledger: Ledger) -> None:
    tx.save_tasks([tasks_.withdrawn(task) for task in tasks])
    for task in tasks:
        ledger.moved(task, TaskState.READY)
