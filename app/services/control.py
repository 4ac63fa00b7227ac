"""What people do to jobs that are there: pause, resume, change, delete; and to projects and nodes."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from app.domain.errors import Conflict, NotFound, Outdated
from app.domain.job import Desired, Job, settle
from app.ports.records import Project
from app.ports.store import Writer
from app.services import cancel, projects, query, removal
from app.services.access import Principal
from app.services.core import Core
from app.services.ledger import Ledger, job_event
from app.services.query import NodeView
from app.services.release import Offers, publish, release
from app.services.withdraw import withdraw_job
from app.wire.states import JOB_TERMINAL

cancel_job = cancel.cancel_job
cancel_task = cancel.cancel_task
delete_job = removal.remove_ended


def pause_job(core: Core, who: Principal, job_id: str) -> Job:
    """Nothing new of the job starts, and what is out is taken back, so that it takes no place from others; what runs
    goes on. Raises Conflict when it has ended or is being canceled.
    """
    job = _want(core, who, job_id, Desired.PAUSE)
    withdraw_job(core, job.seq)
    return core.store.read(lambda tx: tx.job(job_id)) or job


def resume_job(core: Core, who: Principal, job_id: str) -> Job:
    job = _want(core, who, job_id, Desired.RUN)

    def work(tx: Writer) -> Offers:
        ledger = Ledger()
        offers = release(core, tx, tx.ready_routes(), ledger)
        ledger.write(tx)
        return offers

    publish(core, core.store.write(work))
    return job


def _want(core: Core, who: Principal, job_id: str, desired: Desired) -> Job:
    def change(job: Job) -> Job:
        if job.state in JOB_TERMINAL or job.desired is Desired.CANCEL:
            raise Conflict(f"the job can not be changed any more: it is {job.state.value} or being canceled")
        return replace(job, desired=desired)

    return _change(core, who, job_id, change)


def change_job(
    core: Core,
    who: Principal,
    job_id: str,
    version: int | None,
    *,
    name: str | None = None,
    priority: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Job:
    """Change what is given. `version`, where given, must be the job's own. Raises Outdated, NotFound.

    A new priority is the job's own and that of its tasks that are not yet out.
    """

    def change(job: Job) -> Job:
        if version is not None and version != job.version:
            raise Outdated("the job has changed since it was read; read it again")
        return replace(
            job,
            name=job.name if name is None else name,
            priority=job.priority if priority is None else priority,
            labels=job.labels if labels is None else labels,
        )

    return _change(core, who, job_id, change, priority)


def _change(core: Core, who: Principal, job_id: str, change: Callable[[Job], Job], priority: int | None = None) -> Job:
    who.require("jobs:write")

    def work(tx: Writer) -> Job:
        found = query.find_job(tx, who, job_id)
        if priority not in (None, found.priority):
            tx.set_task_priority(found.seq, priority)  # before the job is locked: jobs come last
        before = tx.lock_jobs([found.seq])[0]
        after = change(before)
        if after == before:
            return before
        after = settle(replace(after, version=before.version + 1), tx.now_us)
        tx.save_jobs([after])
        tx.add_events([job_event(after, tx.now_us)])
        return after

    return core.store.write(work)


def create_project(core: Core, who: Principal, name: str) -> Project:
    return projects.create(core, who, projects.Wish(name=name, access="org"))


def drain_node(core: Core, who: Principal, node_id: str, drain: bool) -> NodeView:
    """A draining node takes nothing new; what it runs goes on."""
    who.require("nodes:admin")

    def work(tx: Writer) -> NodeView:
        node = tx.node(node_id)
        if node is None:
            raise NotFound("there is no such node")
        node = replace(node, drain=drain)
        tx.save_node(node)
        core.fleet.note_node(node)
        return query.view_node(core, tx, node, query.visible(tx, who, tx.held([node_id])))

    view = core.store.write(work)
    core.broker.nudge([node_id])
    return view
