"""A job is deleted whatever it is doing: from then on nobody sees it, it is canceled, and it goes when it has ended.

Its rows go a piece at a time, a transaction each, so that nobody who writes waits for a job of 100,000 tasks to go: the
first piece at once, which is all of a small job, the others by the engine. `control.delete_job` deletes a job that has
ended, and refuses another.
"""

from contextlib import suppress
from dataclasses import replace

from app.domain.errors import Conflict
from app.domain.job import Job
from app.ports.store import Writer
from app.services import cancel, query
from app.services.access import Principal
from app.services.core import Core
from app.wire.states import JOB_TERMINAL

_AT_ONCE = 20

PIECE = 2000
"""Rows that go in one transaction: some 30 ms of SQLite, which has one writer at a time."""


def remove_job(core: Core, who: Principal, job_id: str) -> None:
    """Raises NotFound, also for one that was removed before."""
    who.require("jobs:write")
    with suppress(Conflict):  # it has ended
        cancel.cancel_job(core, who, job_id)

    def work(tx: Writer) -> None:
        job = tx.lock_jobs([query.find_job(tx, who, job_id).seq])[0]
        _hide(tx, job)
        if job.state in JOB_TERMINAL:
            tx.delete_some(job.seq, PIECE)

    core.store.write(work)


def remove_ended(core: Core, who: Principal, job_id: str) -> None:
    """Raises NotFound, and Conflict while it has not ended."""
    who.require("jobs:write")

    def work(tx: Writer) -> None:
        job = tx.lock_jobs([query.find_job(tx, who, job_id).seq])[0]
        if job.state not in JOB_TERMINAL:
            raise Conflict(f"the job is {job.state.value}; cancel it, and delete it when it has ended")
        _hide(tx, job)
        tx.delete_some(job.seq, PIECE)

    core.store.write(work)


def _hide(tx: Writer, job: Job) -> None:
    tx.save_jobs([replace(job, removed=True, version=job.version + 1)])


def sweep(core: Core) -> int:
    """Removed jobs that have ended go now, as far as they are small; how many."""
    for gone in range(_AT_ONCE):
        if not step(core):
            return gone
    return _AT_ONCE


def step(core: Core) -> bool | None:
    """A piece of the oldest removed job that has ended: whether it was its last. None when there is no such job."""

    def work(tx: Writer) -> bool | None:
        ended = tx.lock_removed_jobs(1)
        return tx.delete_some(ended[0].seq, PIECE) if ended else None

    return core.store.write(work)
