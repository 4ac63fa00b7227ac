"""Ready tasks become offers: as many as the fleet has room for, in release order, bundled when they are quick.

Only a window is ever in the broker, about twice what the fleet could start now; the rest stays `ready` in the store, so
that a cancel, a pause or a new priority acts at once on all that is not yet out. The runs are written as `queued` in
the caller's transaction and published after its commit: a process that dies between the two leaves queued runs without
a message, and the sweep offers those again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from app.domain import task as tasks_
from app.domain.errors import Unavailable
from app.domain.run import Run
from app.domain.task import Task
from app.ports.broker import Offer
from app.ports.store import Writer
from app.services.bundles import cut, fair
from app.services.core import Core
from app.services.gate import Gate
from app.services.ledger import Ledger
from app.services.shares import charge, next_ready
from app.wire.resources import Route
from app.wire.states import RunState, TaskState

_WINDOW = 2
"""Messages out for each slot that could start one now: one to start, one for the slot that is free next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What to publish once the transaction has committed."""

    all: tuple[Offer, ...] = ()


def release(core: Core, tx: Writer, routes: Collection[str], ledger: Ledger, gate: Gate | None = None) -> Offers:
    """Offer what waits on these routes. The ledger takes the changes to the jobs' counts."""
    gate = gate or Gate(tx)
    gate.look_at(routes)
    queued = tx.queued_counts(routes) if routes else {}
    offers: list[Offer] = []
    for key in sorted(routes):
        route = Route.parse(key)
        if not core.fleet.served(tx, route):
            continue
        messages = _WINDOW * core.fleet.idle_slots(tx, route)
        bundle = core.pace.bundle(key, core.max_bundle) if messages else 1
        # One is out even when there is no room: so nodes see that the route waits, and make room in the end.
        room = max(1, messages * bundle) - queued.get(key, 0)
        if room > 0 and (ready := next_ready(core, tx, gate, key, room)):
            size = max(1, min(bundle, -(-len(ready) // max(1, messages))))
            if len(ready) < room:
                size = min(size, fair(core, key, len(ready), core.fleet.slots(tx, route)))
            bundles = list(islice(cut(core, key, ready, size), -(-room // bundle)))
            offers += _offer(core, tx, gate, route, bundles, ledger)
    return Offers(all=tuple(offers))


def _offer(
    core: Core, tx: Writer, gate: Gate, route: Route, bundles: Sequence[Sequence[Task]], ledger: Ledger
) -> list[Offer]:
    tasks = [task for bundle in bundles for task in bundle]
    gate.started(tasks)
    runs = new_runs(core, tx, tasks)
    tx.insert_runs(runs)
    tx.save_tasks([tasks_.offered(task, run.id) for task, run in zip(tasks, runs, strict=True)])
    for task in tasks:
        ledger.moved(task, TaskState.QUEUED)
    ids = (run.id for run in runs)
    return [Offer(route=route, run_ids=tuple(islice(ids, len(bundle)))) for bundle in bundles]


def new_runs(core: Core, tx: Writer, tasks: Sequence[Task]) -> list[Run]:
    """A queued run for each task. Its fence is its number: every attempt has a row, and so a fence, of its own."""
    ids = core.chance.new_ids(tx.now_us, len(tasks))
    charge(core, tx, tasks)
    return [
        Run(
            id=run_id,
            task_seq=task.seq,
            job_seq=task.job_seq,
            task_id=task.id,
            job_id=task.job_id,
            map_index=task.map_index,
            number=task.runs + 1,
            fence=task.runs + 1,
            route=task.route,
            state=RunState.QUEUED,
            created_at_us=tx.now_us,
            offered_at_us=tx.now_us,
        )
        for task, run_id in zip(tasks, ids, strict=True)
    ]


def freed(core: Core, tx: Writer, node_id: str, route: str) -> set[str]:
    """A slot gets nothing and gives its charge back: the routes of what else waits and may fit there."""
    if core.fleet.node(node_id) is None:
        return set()
    core.fleet.give_back(node_id, Route.parse(route).shape)
    return set(tx.ready_routes())


def publish(core: Core, offers: Offers) -> None:
    """After the commit. What does not arrive is offered again by the sweep, so a broker that is away fails nobody."""
    if not offers.all:
        return
    try:
        core.broker.publish(offers.all)
        core.broker.announce({offer.route for offer in offers.all})
    except Unavailable:
        pass


def release_ready(core: Core) -> int:
    """Offer whatever can be offered, anywhere; how many runs that was."""

    def work(tx: Writer) -> Offers:
        ledger = Ledger()
        offers = release(core, tx, tx.ready_routes(), ledger)
        ledger.write(tx)
        return offers

    offers = core.store.write(work)
    publish(core, offers)
    return sum(len(offer.run_ids) for offer in offers.all)
