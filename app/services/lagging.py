"""Maps that time alone brings on, and what is done to a map's values by way of the map.

The sweep opens more values of maps for which the fleet has grown; `change_values` carries a pause, a resume or another
priority to the values that are open, slice by slice. Those opened later get it from their map.
"""

from collections.abc import Callable

from app.domain import task as tasks_
from app.domain.map import Map, first_seq, room, widened
from app.domain.task import Task
from app.ports.store import Reader, Writer
from app.services.core import Core
from app.services.ledger import Ledger
from app.services.maps import refill
from app.services.release import Offers, publish, release
from app.services.settle import settle_below
from app.services.withdraw import withdraw_runs
from app.wire.resources import Route
from app.wire.states import TASK_OPEN, TaskState

_SLICE = 2000


def sweep(core: Core) -> int:
    """Open what there is room for; how many values that was."""
    roomy = core.store.read(lambda tx: [each.task_seq for each in tx.lagging_maps(_SLICE) if _has_room(core, tx, each)])
    return sum(open_more(core, map_seq) for map_seq in roomy)


def _has_room(core: Core, tx: Reader, a_map: Map) -> bool:
    return room(widened(a_map, core.fleet.slots(tx, Route.parse(a_map.route)))) > 0


def open_more(core: Core, map_seq: int) -> int:
    def work(tx: Writer) -> tuple[int, Offers]:
        ledger = Ledger()
        values, over = refill(tx, map_seq, ledger)
        ready = values + settle_below(tx, over, ledger)
        offers = release(core, tx, {task.route for task in ready} | {tx.maps([map_seq])[map_seq].route}, ledger)
        ledger.write(tx)
        return len(values), offers

    count, offers = core.store.write(work)
    publish(core, offers)
    return count


def change_values(core: Core, a_map: Task, change: Callable[[Task], Task]) -> None:
    """Of all that is open; what is out of it is taken back, and what may be offered then is."""
    after_seq = first_seq(a_map.seq) - 1
    while True:
        start = after_seq
        values = core.store.write(lambda tx: _slice(tx, a_map, start, change))  # noqa: B023  # runs within the turn
        withdraw_runs(core, [task.run_id for task in values if task.state is TaskState.QUEUED and task.run_id])
        if len(values) < _SLICE:
            break
        after_seq = values[-1].seq
    open_more(core, a_map.seq)


def _slice(tx: Writer, a_map: Task, after_seq: int, change: Callable[[Task], Task]) -> list[Task]:
    values = tx.lock_tasks_in(a_map.job_seq, TASK_OPEN, _SLICE, after_seq, below_seq=a_map.seq)
    changed = [change(task) for task in values]
    tx.save_tasks([tasks_.withdrawn(task) if task.state is TaskState.QUEUED else task for task in changed])
    return values
