"""Cancel: what was answered as canceled starts nothing new, and what runs is dead within seconds.

1. The job's desired state is set and committed: from then on no claim and no hand-off gives out its tasks.
2. Its open tasks are walked in slices: what does not run is canceled at once, with its queued run withdrawn; what runs
   is marked, and its node is told with the answer to its next heartbeat, which it is nudged to send now.
3. The sweep walks jobs that are being canceled again, for whatever slipped in between or was cut off.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.errors import Conflict
from app.domain.job import Desired, Job, settle
from app.domain.task import Task
from app.ports.records import Part, TaskView
from app.ports.store import Writer
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.finish import CANCELED
from app.services.ledger import Ledger
from app.services.release import Offers, publish, release
from app.services.settle import settle_below
from app.wire.states import JOB_TERMINAL, TASK_OPEN, RunState, TaskState

_SLICE = 2000


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
    job = replace(job, desired=Desired.CANCEL, version=job.version + 1)
    tx.save_jobs([settle(job, tx.now_us)])
    return job


def _walk(core: Core, job: Job) -> int:
    """Cancel the job's open tasks, slice by slice; how many were changed."""
    after_seq, count, nodes = 0, 0, set[str]()
    while True:
        start = after_seq
        tasks = core.store.write(lambda tx: _slice(core, tx, job.seq, start, nodes))  # noqa: B023  # runs within the turn
        count += len(tasks)
        if len(tasks) < _SLICE:
            break
        after_seq = tasks[-1].seq
    if nodes:
        core.broker.nudge(nodes)
    return count


def _slice(core: Core, tx: Writer, job_seq: int, after_seq: int, nodes: set[str]) -> list[Task]:
    tasks = tx.lock_tasks_in(job_seq, TASK_OPEN, _SLICE, after_seq)
    ledger = Ledger()
    ended, runners = cancel_tasks(tx, tasks, ledger)
    # Everything below is canceled by the same walk: parts are counted, bodies are not judged.
    tx.return_parts([Part(header_seq=task.seq, succeeded=False) for task in ended])
    nodes |= runners
    ledger.write(tx)
    return tasks


def cancel_tasks(tx: Writer, tasks: Sequence[Task], ledger: Ledger) -> tuple[list[Task], set[str]]:
    """Cancel locked, open tasks: those that ended by it, and the nodes that run the others and have to be told."""
    running = [task for task in tasks if task.state is TaskState.RUNNING]
    runs = tx.lock_runs([task.run_id for task in tasks if task.run_id is not None])
    tx.save_runs([runs_.withdraw(run, tx.now_us) for run in runs if run.state is RunState.QUEUED])
    idle = [task for task in tasks if task.state is not TaskState.RUNNING]
    ended = [tasks_.canceled(task, CANCELED, now_us=tx.now_us) for task in idle]
    tx.save_tasks(ended + [replace(task, cancel=True) for task in running])
    for task in idle:
        ledger.moved(task, TaskState.CANCELED)
    return ended, {run.node_id for run in runs if run.state is RunState.RUNNING and run.node_id is not None}


def cancel_task(core: Core, who: Principal, task_id: str) -> TaskView:
    """As for a job; what needs the task is skipped or run as its `runWhen` says."""
    who.require("jobs:write")

    def work(tx: Writer) -> tuple[set[str], Offers]:
        view = query.find_task(tx, who, task_id)
        tasks = [task for task in tx.lock_tasks([view.task.seq]) if not task.ended]
        if not tasks:
            raise Conflict(f"the task has already ended: it is {view.task.state.value}")
        ledger = Ledger()
        ended, nodes = cancel_tasks(tx, tasks, ledger)
        ready = settle_below(tx, ended, ledger)
        offers = release(core, tx, {task.route for task in ready}, ledger)
        ledger.write(tx)
        return nodes, offers

    nodes, offers = core.store.write(work)
    publish(core, offers)
    core.broker.nudge(nodes)
    return query.task(core, who, task_id)


def sweep(core: Core) -> int:
    """Jobs whose cancel was cut off: their tasks that are still open; how many were changed."""
    jobs = core.store.write(lambda tx: tx.lock_canceling_jobs(_SLICE))
    return sum(_walk(core, job) for job in jobs)
