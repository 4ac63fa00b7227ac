"""Cancel: what was answered as canceled starts nothing new, and what runs is dead within seconds.

1. The job's desired state is set and committed: from then on no claim and no hand-off gives out its tasks.
2. Its open tasks are walked in slices: what does not run is canceled at once; what runs is marked.
3. Their runs follow (`withdraw.py`): queued ones are withdrawn, and the nodes of running ones are nudged to send a
   heartbeat now, whose answer names what to end; those fed from outside end here.
4. The sweep walks jobs that are being canceled again, for whatever slipped in between or was cut off; and maps whose
   rest is to end, because somebody canceled them or too many of their values have failed.
"""

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from app.domain import task as tasks_
from app.domain.errors import Conflict
from app.domain.job import Desired, Job, settle
from app.domain.map import first_seq
from app.domain.task import Task
from app.ports.records import Part, TaskView
from app.ports.store import Writer
from app.services import hooks, outside, query
from app.services.access import Principal
from app.services.core import Core
from app.services.finish import CANCELED
from app.services.ledger import Ledger, job_event
from app.services.maps import close, settle_values
from app.services.release import Offers, publish, release
from app.services.settle import settle_below
from app.services.withdraw import withdraw_runs
from app.wire.states import JOB_TERMINAL, TASK_OPEN, TaskState

_SLICE = 500
"""Tasks canceled in one transaction: others write in between."""


def cancel_job(core: Core, who: Principal, job_id: str) -> Job:
    """The job as it is now. Canceling a canceled job changes nothing. Raises NotFound, Conflict when it has ended."""
    who.require("jobs:write")
    job = core.store.write(lambda tx: _want_canceled(tx, who, job_id))
    _walk(core, job)
    return core.store.read(lambda tx: tx.job(job_id)) or job


def _want_canceled(tx: Writer, who: Principal, job_id: str) -> Job:
    job = tx.lock_jobs([query.find_job(tx, who, job_id).seq])[0]
    if job.desired is Desired.CANCEL:
        return job
    if job.state in JOB_TERMINAL:
        raise Conflict(f"the job has already ended: it is {job.state.value}")
    wanted = settle(replace(job, desired=Desired.CANCEL, version=job.version + 1), tx.now_us)
    tx.save_jobs([wanted])
    if wanted.state is not job.state:
        tx.add_events([job_event(wanted, tx.now_us)])
        hooks.note_job(tx, wanted)
    return wanted


def _walk(core: Core, job: Job) -> int:
    """Cancel the job's open tasks, slice by slice; how many were changed."""
    after_seq, count = 0, 0
    while True:
        start = after_seq
        tasks = core.store.write(lambda tx: _slice(tx, job.seq, start))  # noqa: B023  # runs within the turn
        _follow_up(core, tasks)
        count += len(tasks)
        if len(tasks) < _SLICE:
            return count
        after_seq = tasks[-1].seq


def _slice(tx: Writer, job_seq: int, after_seq: int) -> list[Task]:
    tasks = tx.lock_tasks_in(job_seq, TASK_OPEN, _SLICE, after_seq)
    ledger = Ledger()
    ended = _cancel_tasks(tx, tasks, ledger)
    _, over = settle_values(tx, ended, ledger, {})
    over += close(tx, [task.seq for task in tasks if task.is_map], ledger)
    # Everything below is canceled by the same walk: parts are counted, bodies are not judged.
    tx.return_parts([Part(header_seq=task.seq, succeeded=task.state is TaskState.SUCCEEDED) for task in over])
    ledger.write(tx)
    return tasks


def _cancel_tasks(tx: Writer, tasks: Sequence[Task], ledger: Ledger) -> list[Task]:
    """Cancel locked, open tasks: those that ended by it. The others are marked."""
    running = [task for task in tasks if task.state is TaskState.RUNNING]
    idle = [task for task in tasks if task.state is not TaskState.RUNNING]
    ended = [tasks_.canceled(task, CANCELED, now_us=tx.now_us) for task in idle]
    tx.save_tasks(ended + [structs.replace(task, cancel=True) for task in running if not task.cancel])
    for task in idle:
        ledger.moved(task, TaskState.CANCELED)
    return ended


def _follow_up(core: Core, tasks: Sequence[Task]) -> None:
    """What their cancel means for the runs of these tasks, as they were before it."""
    running = withdraw_runs(core, [task.run_id for task in tasks if task.run_id is not None])
    if nodes := {run.node_id for run in running if run.node_id is not None}:
        core.broker.nudge(nodes)
    if fed := [run.id for run in running if run.outside]:
        outside.end_canceled(core, fed)


def cancel_task(core: Core, who: Principal, task_id: str) -> TaskView:
    """As for a job; what needs the task is skipped or run as its `runWhen` says."""
    who.require("jobs:write")

    def work(tx: Writer) -> tuple[list[Task], Offers]:
        view = query.find_task(tx, who, task_id)
        tasks = [task for task in tx.lock_tasks([view.task.seq]) if not task.ended]
        if not tasks:
            raise Conflict(f"the task has already ended: it is {view.task.state.value}")
        ledger = Ledger()
        ended = _cancel_tasks(tx, tasks, ledger)
        over = close(tx, [task.seq for task in tasks if task.is_map], ledger)
        ready = settle_below(tx, ended + over, ledger)
        offers = release(core, tx, {task.route for task in ready}, ledger)
        ledger.write(tx)
        return tasks, offers

    tasks, offers = core.store.write(work)
    publish(core, offers)
    _follow_up(core, tasks)
    for task in tasks:
        if task.is_map:
            cancel_values(core, task.job_seq, task.seq)
    return query.task(core, who, task_id)


def cancel_values(core: Core, job_seq: int, map_seq: int) -> int:
    """Cancel what is open of a map of which nothing more is opened, slice by slice; how many were changed."""
    after_seq, count = first_seq(map_seq) - 1, 0
    while True:
        start = after_seq
        values, offers = core.store.write(lambda tx: _value_slice(core, tx, job_seq, start, map_seq))  # noqa: B023
        publish(core, offers)
        _follow_up(core, values)
        count += len(values)
        if len(values) < _SLICE:
            return count
        after_seq = values[-1].seq


def _value_slice(core: Core, tx: Writer, job_seq: int, after_seq: int, map_seq: int) -> tuple[list[Task], Offers]:
    values = tx.lock_tasks_in(job_seq, TASK_OPEN, _SLICE, after_seq, below_seq=map_seq)
    ledger = Ledger()
    ready = settle_below(tx, _cancel_tasks(tx, values, ledger), ledger)
    offers = release(core, tx, {task.route for task in ready}, ledger)
    ledger.write(tx)
    return values, offers


def sweep(core: Core) -> int:
    """Jobs whose cancel was cut off: their tasks that are still open; how many were changed. And maps likewise."""
    jobs = core.store.write(lambda tx: tx.lock_canceling_jobs(_SLICE))
    closing = core.store.read(lambda tx: [each for each in tx.lagging_maps(_SLICE) if each.closing])
    changed = sum(_walk(core, job) for job in jobs)
    return changed + sum(cancel_values(core, each.job_seq, each.task_seq) for each in closing)
