"""The runs of a job beside their tasks, failures first; and what has changed since a time, in a job or in a queue."""

from collections.abc import Callable
from typing import TypeVar

from app.domain.job import Job
from app.ports.executions import Execution, Window
from app.ports.records import Page
from app.ports.store import Reader
from app.services.access import Principal
from app.services.core import Core
from app.services.query import find_job
from app.wire.states import TaskState

T = TypeVar("T")

_FAILED, _OTHERS = 0, 1


def executions(core: Core, who: Principal, job_id: str, page: Page) -> list[Execution]:
    """Those of tasks that have failed come first. The key is that of `execution_key`."""

    def work(tx: Reader) -> list[Execution]:
        seq = find_job(tx, who, job_id).seq
        group, *after = page.after or (_FAILED,)
        start = tuple(after) or None
        found: list[Execution] = []
        if group == _FAILED:
            found = tx.executions(seq, "failed", Page(limit=page.limit, after=start))
            start = None
        if len(found) < page.limit:
            found += tx.executions(seq, "others", Page(limit=page.limit - len(found), after=start))
        return found

    return _read(core, who, "jobs:read", work)


def execution_key(one: Execution) -> tuple[int, ...]:
    return (_FAILED if one.task.state is TaskState.FAILED else _OTHERS, *one.key)


def count(core: Core, who: Principal, job_id: str) -> int:
    def work(tx: Reader) -> int:
        seq = find_job(tx, who, job_id).seq
        return tx.count_executions(seq, "failed") + tx.count_executions(seq, "others")

    return _read(core, who, "jobs:read", work)


def claimed(core: Core, who: Principal, job_id: str, page: Page) -> list[Execution]:
    """Those that a node has begun, and that may have said something. The key is `Execution.key`."""
    return _read(core, who, "messages:read", lambda tx: tx.executions(find_job(tx, who, job_id).seq, "claimed", page))


def count_claimed(core: Core, who: Principal, job_id: str) -> int:
    return _read(core, who, "messages:read", lambda tx: tx.count_executions(find_job(tx, who, job_id).seq, "claimed"))


def changed(core: Core, who: Principal, job_id: str, after_us: int, page: Page) -> list[Execution]:
    """Those that changed after then. The key is `Execution.key`."""
    return _read(
        core, who, "jobs:read", lambda tx: tx.changed_executions(find_job(tx, who, job_id).seq, after_us, page)
    )


def count_changed(core: Core, who: Principal, job_id: str, after_us: int) -> int:
    return _read(
        core, who, "jobs:read", lambda tx: tx.count_changed_executions(find_job(tx, who, job_id).seq, after_us)
    )


def changed_jobs(core: Core, who: Principal, queue: str, window: Window, page: Page) -> list[tuple[int, Job]]:
    """With the time of their last change, by which they are ordered; the key is (time, seq)."""
    return _read(core, who, "jobs:read", lambda tx: tx.changed_jobs(who.org_id, queue, window, page))


def count_changed_jobs(core: Core, who: Principal, queue: str, window: Window) -> int:
    return _read(core, who, "jobs:read", lambda tx: tx.count_changed_jobs(who.org_id, queue, window))


def count_jobs(core: Core, who: Principal, queue: str) -> int:
    return _read(core, who, "jobs:read", lambda tx: tx.count_jobs(who.org_id, queue))


def _read(core: Core, who: Principal, scope: str, work: Callable[[Reader], T]) -> T:
    who.require(scope)
    return core.store.read(work)
