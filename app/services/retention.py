"""Jobs that ended long ago go by themselves: those older than so many days, and those beyond the newest so many.

Each is archived first where an archive is set, and then removed as if its owner had done so (`removal.py`), a piece at
a time. What a job left behind goes with it, so one whose files an unfinished job needs stays until that has ended.
Nobody's job goes before its text is safe: what cannot be archived now stays.
"""

from dataclasses import dataclass, field, replace

from app.domain.job import Job
from app.ports.ends import End
from app.ports.store import Reader, Writer
from app.services import archive, removal
from app.services.core import MICROSECONDS, Core
from app.wire.states import JOB_TERMINAL

LEADER = "retention"
_LEAD_US = 60 * MICROSECONDS
_AT_ONCE = 50
_ROWS = 4
"""About so many rows belong to a task."""
_BEGINNING: End = (-1, -1)


@dataclass(slots=True)
class Keeper:
    """What one engine remembers between its steps: how far it has looked in each organization. It begins anew when it
    has come to the end, so that what had to stay is looked at again.
    """

    holder: str
    looked_at: dict[str, End] = field(default_factory=dict)


def step(core: Core, keeper: Keeper) -> int:
    """Some of the jobs that are over, oldest first, and no more than a piece of work; how many went. Does nothing while
    another engine does it. Raises Unavailable when the archive is away.
    """
    if not (core.keep.days or core.keep.jobs):
        return 0
    if not core.store.write(lambda tx: tx.lead(LEADER, keeper.holder, tx.now_us + _LEAD_US)):
        return 0
    gone, rows = 0, 0
    for org in core.store.read(lambda tx: tx.organizations()):
        over = _look(core, keeper, org.id)
        for job in over:
            gone += _let_go(core, job)
            keeper.looked_at[org.id] = (job.finished_at_us or 0, job.seq)
            rows += 1 + job.total * _ROWS
            if rows >= removal.PIECE:
                return gone
        if len(over) < _AT_ONCE:
            keeper.looked_at.pop(org.id, None)
    return gone


def _look(core: Core, keeper: Keeper, org_id: str) -> list[Job]:
    after = keeper.looked_at.get(org_id, _BEGINNING)

    def work(tx: Reader) -> list[Job]:
        limits = [end for end in (_aged(core, tx), _surplus(core, tx, org_id)) if end]
        return tx.ended_jobs(org_id, after, max(limits), _AT_ONCE) if limits else []

    return core.store.read(work)


def _aged(core: Core, tx: Reader) -> End | None:
    return (tx.now_us - core.keep.days * 86_400 * MICROSECONDS, 0) if core.keep.days else None


def _surplus(core: Core, tx: Reader, org_id: str) -> End | None:
    return tx.end_of(org_id, core.keep.jobs) if core.keep.jobs else None


def _let_go(core: Core, job: Job) -> bool:
    """False when it has to stay for now."""
    if core.store.read(lambda tx: tx.gives_inputs(job.seq)):
        return False
    if core.archive is not None:
        text = archive.packed(core, job, lines=core.keep.lines)
        core.archive.put(archive.key_of(job), text, archive.MOST)  # again, where a try before this one broke off

    def work(tx: Writer) -> bool:
        found = tx.lock_jobs([job.seq])
        if not found or found[0].removed or found[0].state not in JOB_TERMINAL:
            return False
        if found[0].finished_at_us != job.finished_at_us or tx.gives_inputs(job.seq):
            return False  # it has run again meanwhile, or is needed
        tx.save_jobs([replace(found[0], removed=True, version=found[0].version + 1)])
        tx.delete_some(job.seq, removal.PIECE)
        return True

    return core.store.write(work)
