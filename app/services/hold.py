"""One task is held back, let go, or given another place in the order; what runs of it goes on.

A held task is one that is never due. It takes its place in the graph as before: it becomes ready when its needs are
met, and waits there.
"""

from collections.abc import Callable

from msgspec import structs

from app.domain import task as tasks_
from app.domain.errors import Conflict
from app.domain.task import HELD_US, Task
from app.ports.records import TaskView
from app.ports.store import Writer
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.lagging import change_values
from app.services.ledger import Ledger
from app.services.release import Offers, publish, release
from app.services.withdraw import withdraw_runs
from app.wire.states import TaskState


def pause_task(core: Core, who: Principal, task_id: str) -> TaskView:
    """Its offer is taken back, too. Raises NotFound, Conflict when it has ended."""
    return _change(core, who, task_id, lambda task: structs.replace(task, due_at_us=HELD_US))


def resume_task(core: Core, who: Principal, task_id: str) -> TaskView:
    """Changes nothing of a task that is not held."""
    return _change(core, who, task_id, lambda task: structs.replace(task, due_at_us=0) if task.held else task)


def change_task(core: Core, who: Principal, task_id: str, priority: int) -> TaskView:
    """`priority` from 0 to 100, higher first. Its offer is taken back, so that it is offered in its new place."""
    return _change(core, who, task_id, lambda task: structs.replace(task, priority=priority))


def _change(core: Core, who: Principal, task_id: str, change: Callable[[Task], Task]) -> TaskView:
    who.require("jobs:write")

    def work(tx: Writer) -> tuple[Task, Offers]:
        before = tx.lock_tasks([query.find_task(tx, who, task_id).task.seq])[0]
        if before.ended:
            raise Conflict(f"the task has already ended: it is {before.state.value}")
        after = change(before)
        if after == before or before.is_map:
            tx.save_tasks([after])
            return before, Offers()
        ledger = Ledger()
        if after.state is TaskState.QUEUED:
            ledger.moved(after, TaskState.READY)
            after = tasks_.withdrawn(after)
        tx.save_tasks([after])
        offers = release(core, tx, {after.route}, ledger)
        ledger.write(tx)
        return before, offers

    before, offers = core.store.write(work)
    publish(core, offers)
    if before.state is TaskState.QUEUED and before.run_id is not None:
        withdraw_runs(core, [before.run_id])
    if before.is_map:
        change_values(core, before, change)
    return query.task(core, who, task_id)
