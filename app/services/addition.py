"""A task is added to an open job, and what people change of tasks and jobs that are there.

Adding takes two transactions. The first one writes the task, the job's counts and the event under the job's lock; the
second one offers it, since offering locks tasks and jobs are locked last. The sweep offers what a crash leaves between.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from msgspec import structs

from app.domain import limits, references
from app.domain.errors import Conflict, Invalid
from app.domain.job import Job, settle
from app.domain.references import SecretUse
from app.domain.task import Task, TaskSpec
from app.ports.records import Event, Page, TaskView
from app.ports.store import Writer
from app.services import chosen, query, secrets
from app.services.access import Principal
from app.services.core import Core
from app.services.ledger import Ledger, job_event
from app.services.release import Offers, publish, release
from app.services.submit import route_of
from app.wire.states import JOB_TERMINAL, TaskState

_MARK = 10
"""Characters that a name may grow by to be the only one of its job."""


def add_task(core: Core, who: Principal, job_id: str, spec: TaskSpec, task_id: str | None = None) -> TaskView:
    """A task without needs. Its name is made the only one of the job. `task_id` is chosen by the caller, see `chosen`.

    Raises NotFound, Invalid, Conflict when the job takes no more.
    """
    who.require("jobs:write")

    def work(tx: Writer) -> tuple[str, str]:
        found = query.find_job(tx, who, job_id)
        if task_id and (known := chosen.task(tx, who, task_id, spec.submitted)):
            return known.task.id, known.task.route
        check_payload(tx, found, spec)
        task = _write(core, tx, found, spec, task_id)
        return task.id, task.route

    made_id, route = core.store.write(work)
    publish(core, core.store.write(lambda tx: _offer(core, tx, route)))
    return query.task(core, who, made_id)


def check_payload(tx: Writer, job: Job, spec: TaskSpec) -> None:
    used: list[SecretUse] = []
    if wrong := references.check(spec.payload, "/parameters", spec.needs, job.parameters, secrets=used):
        raise Invalid(wrong)
    secrets.check(tx, job.org_id, used)


def _write(core: Core, tx: Writer, found: Job, spec: TaskSpec, task_id: str | None) -> Task:
    seq = tx.reserve("task", 1)
    job = tx.lock_jobs([found.seq])[0]
    _check_open(job)
    spec = structs.replace(spec, name=_free_name(tx, job, spec.name), traceparent=job.traceparent)
    task = Task(
        seq=seq,
        id=task_id or core.chance.new_id(tx.now_us),
        job_seq=job.seq,
        job_id=job.id,
        position=job.total,
        name=spec.name,
        state=TaskState.READY,
        route=route_of(job.queue, spec).key,
        run_when=spec.run_when,
        priority=spec.priority,
        height=0,
        org_id=job.org_id,
        max_attempts=spec.max_attempts,
        retry_delay_s=spec.retry_delay_s,
        created_at_us=tx.now_us,
    )
    tx.insert_tasks([task], [spec])
    _count(tx, job, task)
    return task


def _check_open(job: Job) -> None:
    if not job.open:
        raise Conflict("the job was submitted as a whole and takes no more tasks")
    if job.state in JOB_TERMINAL:
        raise Conflict(f"all tasks of the job have ended, it is {job.state.value} and takes no more")
    if job.total >= limits.MAX_TASKS:
        raise Conflict(f"the job has {job.total} tasks, and no job may have more")


def _free_name(tx: Writer, job: Job, wanted: str) -> str:
    name = wanted
    for number in count(job.total + 1):
        if not tx.tasks(job.seq, Page(limit=1), name):
            return name
        name = f"{wanted[: limits.MAX_TASK_NAME - _MARK]} #{number}"
    raise AssertionError("numbers do not end")


def _count(tx: Writer, before: Job, task: Task) -> None:
    counted = tx.add_counts({task.job_seq: {task.state: 1}})[0]
    after = settle(counted, tx.now_us)
    if after.state is not before.state:
        tx.save_jobs([after])
        tx.add_events([job_event(after, tx.now_us)])
    changes = [[task.id, task.state.value]]
    tx.add_events([Event(org_id=after.org_id, job_id=after.id, at_us=tx.now_us, kind="tasks", data=changes)])


def _offer(core: Core, tx: Writer, route: str) -> Offers:
    ledger = Ledger()
    offers = release(core, tx, {route}, ledger)
    ledger.write(tx)
    return offers


def change_task(core: Core, who: Principal, task_id: str, payload: Any, shown: Mapping[str, Any]) -> TaskView:
    """Another payload, which the next run gets, and what else was written (`TaskSpec.submitted`), added to the old."""
    who.require("jobs:write")

    def work(tx: Writer) -> None:
        view = query.find_task(tx, who, task_id)
        spec = structs.replace(view.spec, payload=payload, submitted={**view.spec.submitted, **shown})
        check_payload(tx, query.find_job(tx, who, view.task.job_id), spec)
        tx.lock_tasks([view.task.seq])
        tx.save_spec(view.task.seq, spec)

    core.store.write(work)
    return query.task(core, who, task_id)


def change_job(core: Core, who: Principal, job_id: str, parameters: Mapping[str, Any]) -> Job:
    """Other parameters, for runs that start from now on."""
    who.require("jobs:write")

    def work(tx: Writer) -> Job:
        before = tx.lock_jobs([query.find_job(tx, who, job_id).seq])[0]
        after = replace(before, parameters=parameters, version=before.version + 1)
        tx.save_jobs([after])
        tx.add_events([job_event(after, tx.now_us)])
        return after

    return core.store.write(work)
