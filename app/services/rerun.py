"""Run again what has ended: the failed part of a job, all of it, or one task with what it skipped.

The tasks are reset, the chords below them wait for them anew, and those whose needs still stand are ready at once; what
would be skipped by the needs it still has is skipped again. Runs stay as history; their numbers go on.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain import task as tasks_
from app.domain.chords import Verdict, judge
from app.domain.errors import Conflict
from app.domain.job import Desired, Job
from app.domain.map import restarted
from app.domain.task import Task
from app.ports.records import TaskView
from app.ports.store import Writer
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.ledger import Ledger
from app.services.release import Offers, publish, release
from app.services.settle import decide, settle_below
from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, TaskState

_ALL = 1_000_000
UNSUCCESSFUL = TASK_TERMINAL - {TaskState.SUCCEEDED}


def retry_job(core: Core, who: Principal, job_id: str, scope: str = "failed") -> Job:
    """`failed`: what failed, was canceled or skipped; `all`: everything. Raises Conflict when there is nothing."""
    who.require("jobs:write")

    def work(tx: Writer) -> Offers:
        job = query.find_job(tx, who, job_id)
        if job.state not in JOB_TERMINAL:
            raise Conflict(f"the job is {job.state.value}; only a job that has ended can be run again")
        states = TASK_TERMINAL if scope == "all" else UNSUCCESSFUL
        tasks = tx.lock_tasks_in(job.seq, states, _ALL)
        if not tasks:
            raise Conflict("no task of the job failed, was canceled or was skipped; scope `all` runs all of it again")
        return _again(core, tx, tasks, everything=scope == "all")

    publish(core, core.store.write(work))
    return query.job(core, who, job_id)


def retry_task(core: Core, who: Principal, task_id: str) -> TaskView:
    """The task and whatever ended below it. Raises Conflict when it has not ended or its needs do not stand."""
    who.require("jobs:write")

    def work(tx: Writer) -> Offers:
        task = query.find_task(tx, who, task_id).task
        if not task.ended:
            raise Conflict(f"the task is {task.state.value}; only a task that has ended can be run again")
        below = _below(tx, task)
        running = [other for other in below if not other.ended and other.state is not TaskState.WAITING]
        if running:
            raise Conflict(f"task {running[0].name!r} below it is {running[0].state.value}; cancel it or wait for it")
        return _again(core, tx, [other for other in below if other.ended])

    publish(core, core.store.write(work))
    return query.task(core, who, task_id)


def _below(tx: Writer, task: Task) -> list[Task]:
    """The task and everything that needs it, directly or not, locked."""
    bodies: dict[int, list[int]] = {}
    for header, body in tx.edges(task.job_seq):
        bodies.setdefault(header, []).append(body)
    found, walk = {task.position}, [task.position]
    for position in walk:  # grows while it is walked
        fresh = [body for body in bodies.get(position, ()) if body not in found]
        found.update(fresh)
        walk += fresh
    seqs = tx.task_seqs(task.job_seq)
    return tx.lock_tasks([seqs[position] for position in found])


def _again(core: Core, tx: Writer, tasks: Sequence[Task], *, everything: bool = False) -> Offers:
    ledger = Ledger()
    waiting = [tasks_.reset(task) for task in tasks]
    for task in tasks:
        ledger.moved(task, TaskState.WAITING)
    tx.reopen_parts([task.seq for task in tasks])
    tx.save_tasks(waiting)
    _restart_maps(tx, tasks, everything)
    verdicts = dict.fromkeys((task.seq for task in tasks), Verdict.RELEASE)
    verdicts |= {chord.body_seq: judge(chord.run_when, chord.count) for chord in tx.chord_states(verdicts)}
    ready, skipped = decide(tx, waiting, verdicts, ledger)
    ready += settle_below(tx, skipped, ledger)
    if not ready and not any(task.is_map and verdicts[task.seq] is Verdict.RELEASE for task in waiting):
        raise Conflict("nothing would run: what it needs still stands as it did; scope `all` runs all of the job again")
    _wanted_again(tx, tasks[0].job_seq)
    offers = release(core, tx, {task.route for task in ready}, ledger)
    ledger.write(tx)
    return offers


def _restart_maps(tx: Writer, tasks: Sequence[Task], everything: bool) -> None:
    """A map that ended with values that did not succeed runs those again, unless what it needs runs again, too."""
    maps = [task for task in tasks if task.is_map]
    if not maps:
        return
    again = {task.position for task in tasks}
    anew = {body for header, body in tx.edges(maps[0].job_seq) if header in again}
    kept = {task.seq for task in maps if not everything and task.position not in anew}
    tx.save_maps(
        [
            restarted(each, keep=each.task_seq in kept and each.total is not None and each.failed + each.canceled > 0)
            for each in tx.lock_maps([task.seq for task in maps])
        ]
    )


def _wanted_again(tx: Writer, job_seq: int) -> None:
    """A job that has ended runs again; one that is paused stays so."""
    job = tx.lock_jobs([job_seq])[0]
    if job.desired is Desired.CANCEL and job.state not in JOB_TERMINAL:
        raise Conflict("the job is being canceled; run it again when it has ended")
    desired = Desired.RUN if job.state in JOB_TERMINAL else job.desired
    tx.save_jobs([replace(job, desired=desired, version=job.version + 1)])
