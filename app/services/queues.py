"""Queues as things one can operate: what each holds and how quickly it empties; pause, resume, limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.domain.errors import Invalid, NotFound, Problem
from app.ports.queues import Occupancy
from app.ports.records import Queue
from app.ports.store import Reader, Writer
from app.services import query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.ledger import Ledger
from app.services.query import NodeView
from app.services.release import Offers, publish, release
from app.services.withdraw import withdraw
from app.wire.resources import Route
from app.wire.states import NodeState, TaskState

OPERATE: Final = "org:admin"
MOST: Final = 1_000_000
"""The largest limit that can be set."""

MINUTES: Final = 5
"""Rates are over so many minutes."""

_MINUTE_US: Final = 60 * MICROSECONDS
_JOBS_LOOKED_AT: Final = 5000
_SLICE: Final = 1000
_AWAY: Final = (NodeState.OFFLINE, NodeState.LOST)
_NOTHING: Final[Mapping[TaskState, int]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """`counts`: tasks of unfinished jobs by state. `depth`: tasks and values of maps that wait for a place, the oldest
    of their jobs since `oldest_us`. `running`: runs that nodes hold. Rates are per minute: tasks and values that came,
    runs that ended. `nodes` serve the queue and are there.
    """

    queue: Queue
    counts: Mapping[TaskState, int]
    depth: int
    running: int
    oldest_us: int | None
    rate_in: float
    rate_out: float
    nodes: Sequence[NodeView]

    @property
    def taking(self) -> int:
        """How many of its nodes take work now."""
        return sum(view.node.takes_work for view in self.nodes)

    @property
    def stranded(self) -> bool:
        """Tasks wait, and nobody will take them."""
        return bool(self.depth) and not self.taking and not self.queue.paused


def queues(core: Core, who: Principal) -> list[QueueView]:
    """By name."""
    who.require("jobs:read")
    return core.store.read(lambda tx: views(core, tx, who, tx.queues(who.org_id)))


def names(core: Core, who: Principal) -> list[str]:
    who.require("jobs:read")
    return core.store.read(lambda tx: [queue.name for queue in tx.queues(who.org_id)])


def queue(core: Core, who: Principal, name: str) -> QueueView:
    """Raises NotFound."""
    who.require("jobs:read")
    return core.store.read(lambda tx: views(core, tx, who, [_find(tx, who, name)])[0])


def views(core: Core, tx: Reader, who: Principal, known: Sequence[Queue]) -> list[QueueView]:
    org_id = who.org_id
    counts, oldest, held = tx.queue_counts(org_id), tx.oldest_waiting(org_id), tx.occupancies(org_id)
    since_us = (tx.now_us // _MINUTE_US - MINUTES + 1) * _MINUTE_US
    came, came_since_us = tx.tasks_since(org_id, since_us, _JOBS_LOOKED_AT)
    ended = tx.ended_since(org_id, since_us)
    nodes = [view for node in tx.nodes() if (view := query.view_node(core, tx, node, ())).state not in _AWAY]
    views = []
    for each in known:
        name = each.name
        of = counts.get(name, _NOTHING)
        within = held.get(name, Occupancy())
        depth = of.get(TaskState.READY, 0) + of.get(TaskState.QUEUED, 0) + within.values
        times = [at_us for at_us in (oldest.get(name), within.oldest_us) if at_us is not None]
        views.append(
            QueueView(
                queue=each,
                counts=of,
                depth=depth,
                running=within.running,
                oldest_us=min(times, default=None) if depth else None,
                rate_in=came.get(name, 0) * _MINUTE_US / max(1, tx.now_us - came_since_us),
                rate_out=ended.get(name, 0) * _MINUTE_US / max(1, tx.now_us - since_us),
                nodes=[view for view in nodes if name in view.node.queues or "*" in view.node.queues],
            )
        )
    return views


def pause(core: Core, who: Principal, name: str) -> QueueView:
    """Nothing of it starts any more, and what is out is taken back; what runs goes on."""
    return change(core, who, name, {"paused": True})


def resume(core: Core, who: Principal, name: str) -> QueueView:
    return change(core, who, name, {"paused": False})


def change(core: Core, who: Principal, name: str, wanted: Mapping[str, bool | int | None]) -> QueueView:
    """`wanted` has of `paused`, `max_running` and `max_starts` those to be changed; None is no limit. Raises NotFound,
    Invalid.
    """
    who.require(OPERATE)
    _check(wanted)

    def work(tx: Writer) -> tuple[Queue, Queue]:
        before = _find(tx, who, name)
        after = replace(before, **wanted)  # type: ignore[arg-type]  # each is of its field's type: `_check`
        if after.paused is not before.paused:
            tx.save_queue(after)
        if after != before:
            tx.save_limits(after)
        return before, after

    before, after = core.store.write(work)
    if after.paused or _is_tighter(before, after):
        _take_back(core, after)
    if after != before:
        _release(core, name)
    return queue(core, who, name)


def _check(wanted: Mapping[str, bool | int | None]) -> None:
    for field, pointer in (("max_running", "/maxRunning"), ("max_starts", "/maxStartsPerMinute")):
        limit = wanted.get(field)
        if limit is not None and not 1 <= limit <= MOST:
            raise Invalid(
                [Problem(pointer, f"must be between 1 and {MOST}, or null for no limit; to stop it, pause it")]
            )


def _find(tx: Reader, who: Principal, name: str) -> Queue:
    found = tx.queue(who.org_id, name)
    if found is None:
        raise NotFound("there is no such queue; it comes into being with its first job")
    return found


def _is_tighter(before: Queue, after: Queue) -> bool:
    return after.max_running is not None and (before.max_running is None or after.max_running < before.max_running)


def _take_back(core: Core, of: Queue) -> None:
    """What is offered, slice by slice; what the limits leave room for is offered anew."""

    def work(tx: Writer) -> int:
        runs = tx.lock_offered(of.org_id, of.name, _SLICE)
        ledger = Ledger()
        withdraw(tx, runs, ledger)
        ledger.write(tx)
        return len(runs)

    while core.store.write(work) == _SLICE:
        pass


def _release(core: Core, name: str) -> None:
    def work(tx: Writer) -> Offers:
        ledger = Ledger()
        offers = release(core, tx, [key for key in tx.ready_routes() if Route.parse(key).queue == name], ledger)
        ledger.write(tx)
        return offers

    publish(core, core.store.write(work))
