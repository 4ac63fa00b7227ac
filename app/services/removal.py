"""A job is deleted whatever it is doing: from then on nobody sees it, it is canceled, and it goes when it has ended.

`control.delete_job` deletes one that has ended, and refuses another.
"""

from contextlib import suppress
from dataclasses import replace

from app.domain.errors import Conflict
from app.ports.store import Writer
from app.services import cancel, query
from app.services.access import Principal
from app.services.core import Core
from app.wire.states import JOB_TERMINAL

_AT_ONCE = 20


def remove_job(core: Core, who: Principal, job_id: str) -> None:
    """Raises NotFound, also for one that was removed before."""
    who.require("jobs:write")
    with suppress(Conflict):  # it has ended
        cancel.cancel_job(core, who, job_id)

    def work(tx: Writer) -> bool:
        job = tx.lock_jobs([query.find_job(tx, who, job_id).seq])[0]
        tx.save_jobs([replace(job, removed=True, version=job.version + 1)])
        return job.state in JOB_TERMINAL

    if core.store.write(work):
        sweep(core)


def sweep(core: Core) -> int:
    """Removed jobs that have ended go now; how many."""

    def work(tx: Writer) -> int:
        ended = tx.lock_removed_jobs(_AT_ONCE)
        for job in ended:
            tx.delete_job(job.seq)
        return len(ended)

    return core.store.write(work)
