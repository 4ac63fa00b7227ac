"""What this process believes of the fleet: which nodes there are, what is free on them, how quick a route's runs are.

Estimates that steer how much is offered and handed off. The store has the truth; a wrong estimate costs speed only.
"""

from collections.abc import Iterable

from app.domain.node import Node
from app.domain.run import Run
from app.ports.store import Reader, Writer
from app.wire.resources import NOTHING, Resources, Route

NEGLECTED_US = 1_000_000
"""An offer this old is not being popped: whoever could has no room."""
_REFRESH_US = 1_000_000
_LOOK_US = 500_000
_LOOKED_AT = 200
_QUICK_S = 0.050
_BUNDLE_S = 0.100
_WEIGHT = 0.2


class Fleet:
    """Nodes as last read from the store, at most a second old, with what they have since said to be free."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._free: dict[str, Resources] = {}
        self._read_at_us = 0
        self._neglected: frozenset[Route] = frozenset()
        self._looked_at_us = 0

    def refresh(self, tx: Reader, *, at_once: bool = False) -> None:
        if at_once or not 0 <= tx.now_us - self._read_at_us < _REFRESH_US:
            nodes = {node.id: node for node in tx.nodes()}
            self._free = {node.id: node.free for node in nodes.values()}
            self._nodes = nodes
            self._read_at_us = tx.now_us

    def note_free(self, node_id: str, free: Resources) -> bool:
        """True when that is more than was known: something else may fit now."""
        known = self._free.get(node_id)
        self._free[node_id] = free
        return known is None or not free.fits(known)

    def give_back(self, node_id: str, shape: Resources) -> None:
        """A slot of the node is about to return its charge; the node's next word replaces this."""
        if node_id in self._free:
            self._free[node_id] += shape

    def free(self, node_id: str) -> Resources:
        return self._free.get(node_id, NOTHING)

    def node(self, node_id: str) -> Node | None:
        return self._nodes.get(node_id)

    def serving(self, tx: Reader, route: Route) -> Iterable[Node]:
        """Nodes that take work now and could run this route."""
        self.refresh(tx)
        now_us = tx.now_us
        return (
            node
            for node in self._nodes.values()
            if not node.offline and not node.drain and now_us <= node.lease_until_us and node.serves(route)
        )

    def served(self, tx: Reader, route: Route) -> bool:
        """A node takes work of this route, or would if it had room."""
        return any(True for _ in self.serving(tx, route))

    def idle_slots(self, tx: Reader, route: Route) -> int:
        """How many more runs of the route the fleet could start now."""
        return sum(max(0, route.shape.times_in(self._free.get(node.id, node.free))) for node in self.serving(tx, route))

    def neglected(self, tx: Writer) -> frozenset[Route]:
        """Routes with an offer that has been out for long and that nobody has popped; looked up twice a second."""
        if not 0 <= tx.now_us - self._looked_at_us < _LOOK_US:
            stale = tx.stale_offers(tx.now_us - NEGLECTED_US, _LOOKED_AT)
            self._neglected = frozenset(Route.parse(key) for key in {run.route for run in stale})
            self._looked_at_us = tx.now_us
        return self._neglected


class Pace:
    """How long a route's runs have lately taken: a moving average of their wall time."""

    def __init__(self) -> None:
        self._wall_s: dict[str, float] = {}

    def note(self, run: Run) -> None:
        """Learn from a run that ended."""
        wall_s = run.usage.wall_s if run.usage else _QUICK_S
        known = self._wall_s.get(run.route, wall_s)
        self._wall_s[run.route] = known + _WEIGHT * (wall_s - known)

    def bundle(self, route: str, most: int) -> int:
        """How many runs had better travel together: a tenth of a second of work, and 1 while the pace is not known.

        A bundle is one slot's, so a longer one would keep its tail from slots that idle.
        """
        wall_s = self._wall_s.get(route, _QUICK_S)
        return 1 if wall_s >= _QUICK_S else max(1, min(most, int(_BUNDLE_S / max(wall_s, 1e-6))))
