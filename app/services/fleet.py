"""What this process believes of the fleet: which nodes there are, what is free on them, how quick a route's runs are.

Estimates that steer how much is offered and handed off. The store has the truth; a wrong estimate costs speed only.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.node import Node, slots
from app.domain.run import Run
from app.ports.store import Reader, Writer
from app.wire.resources import NOTHING, Resources, Route

NEGLECTED_US = 1_000_000
"""An offer this old is not being popped: whoever could has no room."""
_REFRESH_US = 1_000_000
_LOOK_US = 500_000
_LOOKED_AT = 200
_BUNDLE_S = 0.100
_REQUEST_S = 0.003
_WEIGHT_QUICKER = 0.2
_WEIGHT_SLOWER = 0.4
_FIRST = 16
_USUAL = 64
_JOBS_KNOWN = 4096


@dataclass(slots=True)
class _Served:
    """Who could run a route, and how many of its runs at once: all that they are, and those that they have room for."""

    node_ids: frozenset[str]
    slots: int
    idle: int


class Fleet:
    """Nodes as last read from the store, at most a second old, with what they have since said to be free. What a route
    finds there is counted once in that second and then kept up, so that a request costs the same with a thousand nodes.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._served: dict[Route, _Served] = {}
        self._free: dict[str, Resources] = {}
        self._read_at_us = 0
        self._total = NOTHING
        self._neglected: frozenset[Route] = frozenset()
        self._neglects_more = False
        self._looked_at_us = 0
        self._waits_at_us = 0

    def refresh(self, tx: Reader, *, at_once: bool = False) -> None:
        if at_once or not 0 <= tx.now_us - self._read_at_us < _REFRESH_US:
            nodes = {node.id: node for node in tx.nodes()}
            self._free = {node.id: node.free for node in nodes.values()}
            self._served = {}
            self._nodes = nodes
            self._total = sum((node.total for node in nodes.values() if node.takes_work), NOTHING)
            self._read_at_us = tx.now_us

    def note_node(self, node: Node) -> None:
        """What has just been written of a node, so that nothing is offered on the strength of what it was."""
        known = self._nodes.get(node.id)
        self._nodes = {**self._nodes, node.id: node}  # a new one: other threads may be walking the old one
        if known is None or _able(known) != _able(node):
            self._served = {}
            self._waits_at_us = 0  # it may take what it did not before
        self._set_free(node.id, node.free)

    def note_free(self, node_id: str, free: Resources) -> bool:
        """True when that is more than was known: something else may fit now."""
        known = self._free.get(node_id)
        self._set_free(node_id, free)
        return known is None or not free.fits(known)

    def _set_free(self, node_id: str, free: Resources) -> None:
        known = self._free.get(node_id, NOTHING)
        self._free[node_id] = free
        for route, served in tuple(self._served.items()):
            if node_id in served.node_ids:
                served.idle += _times(route, free) - _times(route, known)

    def give_back(self, node_id: str, shape: Resources) -> None:
        """A slot of the node is about to return its charge; the node's next word replaces this.

        Never to more than the node has: what is reported late was charged in an earlier life of the node.
        """
        node = self._nodes.get(node_id)
        if node is not None and node_id in self._free:
            free = self._free[node_id] + shape
            most = Resources(
                cpu_milli=min(free.cpu_milli, node.total.cpu_milli),
                memory_mib=min(free.memory_mib, node.total.memory_mib),
            )
            self._set_free(node_id, most)

    def free(self, node_id: str) -> Resources:
        return self._free.get(node_id, NOTHING)

    def node(self, node_id: str) -> Node | None:
        return self._nodes.get(node_id)

    def total(self, tx: Reader) -> Resources:
        """Of all nodes that take work."""
        self.refresh(tx)
        return self._total

    def _of(self, tx: Reader, route: Route) -> _Served:
        """Of nodes that take work now and could run this route."""
        self.refresh(tx)
        found = self._served.get(route)
        if found is None:
            nodes = [
                node
                for node in self._nodes.values()
                if node.takes_work and tx.now_us <= node.lease_until_us and node.serves(route)
            ]
            idle = sum(_times(route, self._free.get(node.id, node.free)) for node in nodes)
            found = _Served(node_ids=frozenset(node.id for node in nodes), slots=slots(nodes, route), idle=idle)
            self._served[route] = found
        return found

    def served(self, tx: Reader, route: Route) -> bool:
        """A node takes work of this route, or would if it had room."""
        return bool(self._of(tx, route).node_ids)

    def idle_slots(self, tx: Reader, route: Route) -> int:
        """How many more runs of the route the fleet could start now."""
        return max(0, self._of(tx, route).idle)

    def slots(self, tx: Reader, route: Route) -> int:
        """How many runs of the route the fleet could run at once."""
        return self._of(tx, route).slots

    def look_due(self, now_us: int) -> bool:
        """True once a second: it is time to look for what waits on any route."""
        due = not 0 <= now_us - self._waits_at_us < _REFRESH_US
        if due:
            self._waits_at_us = now_us
        return due

    def neglected(self, tx: Writer) -> frozenset[Route]:
        """Routes with an offer that has been out for long and that nobody has popped; looked up twice a second."""
        if not 0 <= tx.now_us - self._looked_at_us < _LOOK_US:
            stale = tx.stale_offers(tx.now_us - NEGLECTED_US, _LOOKED_AT)
            self._neglected = frozenset(Route.parse(key) for key in {run.route for run in stale})
            self._neglects_more = len(stale) == _LOOKED_AT
            self._looked_at_us = tx.now_us
        return self._neglected

    def may_be_neglected(self, tx: Writer, route: Route) -> bool:
        """As `neglected` knows it, which does not look at all when there are many."""
        return route in self.neglected(tx) or self._neglects_more


def _able(node: Node) -> tuple[object, ...]:
    """What decides which routes it serves, and how many runs of them."""
    return node.takes_work, node.total, node.queues, node.tags, node.executors


def _times(route: Route, free: Resources) -> int:
    return max(0, route.shape.times_in(free))


class Pace:
    """How long runs have lately taken: moving averages of their wall time, of each route and of each job on it.

    What is slower than known counts for more than what is quicker: bundles that are too long keep their tail from slots
    that idle, bundles that are too short cost a few requests.
    """

    def __init__(self) -> None:
        self._of_route: dict[str, float] = {}
        self._of_job: dict[tuple[str, int], _Average] = {}

    def note(self, run: Run) -> None:
        """Learn from a run that ended."""
        wall_s = run.usage.wall_s if run.usage else _BUNDLE_S
        self._of_route[run.route] = _follow(self._of_route.get(run.route, wall_s), wall_s)
        key = (run.route, run.job_seq)
        known = self._of_job.get(key) or _Average(wall_s, 0)
        if not known.runs and len(self._of_job) >= _JOBS_KNOWN:
            self._of_job.pop(next(iter(tuple(self._of_job))), None)  # a copy: other threads write here, too
        self._of_job[key] = _Average(_follow(known.wall_s, wall_s), known.runs + 1)

    def bundle(self, route: str, most: int, job_seq: int | None = None) -> int:
        """How many runs had better travel together: a tenth of a second of work, and 1 while the pace is not known.

        Of a job that has shown little so far no more than it has shown: its runs may be of another kind.
        """
        known = self._of_job.get((route, job_seq)) if job_seq is not None else None
        wall_s = known.wall_s if known else self._of_route.get(route, _BUNDLE_S)
        if job_seq is not None:
            most = min(most, _FIRST * (1 + (known.runs if known else 0)))
        # Long bundles end unevenly: more than usual pays only where a request costs as much as half of them.
        most = min(most, max(_USUAL, 2 * math.ceil(_REQUEST_S / max(wall_s, 1e-6))))
        return max(1, min(most, math.ceil(_BUNDLE_S / max(wall_s, 1e-6) - 1e-6)))

    def expected_s(self, route: str) -> float | None:
        """How long a run of the route takes, where that is known."""
        return self._of_route.get(route)

    def worth(self, route: str) -> int:
        """So many runs of the route are worth a request of their own."""
        return math.ceil(_REQUEST_S / max(self._of_route.get(route, _BUNDLE_S), 1e-6))


class _Average(NamedTuple):
    wall_s: float
    runs: int


def _follow(known_s: float, wall_s: float) -> float:
    return known_s + (_WEIGHT_SLOWER if wall_s > known_s else _WEIGHT_QUICKER) * (wall_s - known_s)
