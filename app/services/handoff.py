"""A slot that has just ended a run is given its next ones with the answer: no broker, no second request.

1. Only runs of the slot's own route, in release order: first what was offered a while ago and nobody took, then what is
   ready. So a hand-off passes over nothing that waits on the same route; and it is refused when the slot's room is
   what another route has been waiting for.
2. How many: of what is ready, 1 / (1 + idle slots elsewhere that could take it), and no more than `bundles.py` allows;
   more than one only when the runs are quick. The rest is published, so that no slot idles while another holds a pile.
3. The runs carry a claim id made of the asking run and its fence: the repeat of a report whose answer was lost gets the
   same runs again.
"""

from collections.abc import Sequence

from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.job import Desired
from app.domain.run import Run
from app.domain.task import Task
from app.ports.store import Writer
from app.services.assign import to_specs
from app.services.bundles import cut, fair
from app.services.core import Core
from app.services.finish import fail_unstarted
from app.services.fleet import NEGLECTED_US
from app.services.ledger import Ledger
from app.services.release import new_runs
from app.services.suspects import keep_apart
from app.wire.claim import RunSpec
from app.wire.resources import Route
from app.wire.states import TaskState

_LOOK_BEYOND = 32


def hand_off(
    core: Core, tx: Writer, node_id: str, asking: Sequence[tuple[Run, int]], ledger: Ledger
) -> tuple[dict[str, tuple[RunSpec, ...]], set[str]]:
    """Next runs by asking run's id, and the routes on which there may be more to release."""
    handoffs: dict[str, tuple[RunSpec, ...]] = {}
    routes: set[str] = set()
    for run, takes in asking:
        routes.add(run.route)
        if not core.handoff:
            continue
        claim_id = f"handoff:{run.id}:{run.fence}"
        claims = _repeated(tx, node_id, claim_id)
        if not claims and _may_take(core, tx, node_id, Route.parse(run.route)):
            claims = _take(core, tx, run.route, node_id, claim_id, takes, ledger)
        specs, hopeless = to_specs(core, tx, claims)
        routes |= {task.route for task in fail_unstarted(core, tx, hopeless, ledger)}
        handoffs[run.id] = tuple(specs)
        if not specs:
            routes |= _freed(core, tx, node_id, run.route)
    return handoffs, routes


def silent_slots(
    core: Core, tx: Writer, node_id: str, ended: Sequence[Run], asking: Sequence[tuple[Run, int]]
) -> set[str]:
    """Slots that ask for nothing are free once the last run of their claim has ended; routes as in `hand_off`."""
    asked = {run.claim_id for run, _ in asking} if core.handoff else set()
    claims = {run.claim_id: run.route for run in ended if run.claim_id not in asked}
    routes: set[str] = set()
    for claim_id, route in claims.items():
        if claim_id is not None and not tx.runs_of_claim(node_id, claim_id):
            routes |= _freed(core, tx, node_id, route)
    return routes


def _may_take(core: Core, tx: Writer, node_id: str, route: Route) -> bool:
    """Not when the node drains, nor when an offer of another route has long been waiting for just this slot's room."""
    core.fleet.refresh(tx)
    node = core.fleet.node(node_id)
    if node is None or not node.takes_work:
        return False
    free = core.fleet.free(node_id)
    room = free + route.shape
    return not any(
        other != route and node.serves(other) and other.shape.fits(room) and not other.shape.fits(free)
        for other in core.fleet.neglected(tx)
    )


def _freed(core: Core, tx: Writer, node_id: str, route: str) -> set[str]:
    """The slot gets nothing and gives its charge back: what else waits may fit there."""
    node = core.fleet.node(node_id)
    if node is None:
        return set()
    core.fleet.give_back(node_id, Route.parse(route).shape)
    return set(tx.ready_routes())


def _take(
    core: Core, tx: Writer, route: str, node_id: str, claim_id: str, takes: int, ledger: Ledger
) -> list[tuple[Run, Task]]:
    most = min(takes, core.pace.bundle(route, core.max_bundle))
    claims = _take_neglected(tx, route, most)
    if len(claims) < most:
        claims += _take_ready(core, tx, route, most - len(claims))
    claims = keep_apart(tx, node_id, claims)
    claimed = [(runs_.claim(run, node_id=node_id, claim_id=claim_id, now_us=tx.now_us), task) for run, task in claims]
    fresh = {run.id for run, task in claims if task.state is TaskState.READY}
    after = [(run, tasks_.handed(task, run.id) if run.id in fresh else tasks_.claimed(task)) for run, task in claimed]
    tx.insert_runs([run for run, _ in after if run.id in fresh])
    tx.save_runs([run for run, _ in after if run.id not in fresh])
    tx.save_tasks([task for _, task in after])
    for _, task in claimed:
        ledger.moved(task, TaskState.RUNNING)
    return after


def _take_neglected(tx: Writer, route: str, most: int) -> list[tuple[Run, Task]]:
    if not tx.queued_counts([route]).get(route):
        return []
    runs = tx.lock_queued(route, tx.now_us - NEGLECTED_US, most)
    desired = tx.desired({run.job_seq for run in runs}) if runs else {}
    runs = [run for run in runs if desired.get(run.job_seq) == Desired.RUN]
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in runs])} if runs else {}
    pairs = [(run, tasks[run.task_seq]) for run in runs]
    return [(run, task) for run, task in pairs if task.state is TaskState.QUEUED and task.run_id == run.id]


def _take_ready(core: Core, tx: Writer, route: str, most: int) -> list[tuple[Run, Task]]:
    idle = core.fleet.idle_slots(tx, Route.parse(route))
    slots = core.fleet.slots(tx, Route.parse(route))
    # What others will come for soon is looked at too, unless the runs are so quick that it does not matter.
    look = most if most <= core.pace.worth(route) else min(most * slots, most + _LOOK_BEYOND)
    ready = tx.lock_ready(route, look)
    size = min(-(-len(ready[:most]) // (1 + idle)), fair(core, route, len(ready), slots))
    share = cut(core, route, ready, size)[0] if ready else ()
    return list(zip(new_runs(core, tx, share), share, strict=True))


def _repeated(tx: Writer, node_id: str, claim_id: str) -> list[tuple[Run, Task]]:
    runs = tx.runs_of_claim(node_id, claim_id)
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in runs])} if runs else {}
    return [(run, tasks[run.task_seq]) for run in runs]
