"""Nodes: the compute hosts of the fleet, as the store knows them."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.wire.resources import Resources, Route
from app.wire.states import NodeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`lease_until_us` is the database's clock plus the lease, renewed by all a node says; past it, its runs are lost.
    `incarnation` grows with every start. `queues` may hold `*`, which is every queue.
    """

    id: str
    name: str
    pid: int
    incarnation: int
    total: Resources
    free: Resources
    queues: tuple[str, ...]
    tags: tuple[str, ...]
    executors: tuple[str, ...]
    version: str
    registered_at_us: int
    heartbeat_at_us: int
    lease_until_us: int
    drain: bool = False
    offline: bool = False
    cpu_percent: float = 0.0
    used_memory_bytes: int = 0

    def serves(self, route: Route) -> bool:
        """Could ever run it, when it had nothing else to do."""
        return (
            (route.queue in self.queues or "*" in self.queues)
            and (not route.tag or route.tag in self.tags)
            and route.executor in self.executors
            and route.shape.fits(self.total)
        )

    def state(self, now_us: int, heartbeat_us: int) -> NodeState:
        """`late` after two missed heartbeats, `lost` when the lease is over."""
        if self.offline:
            return NodeState.OFFLINE
        if now_us > self.lease_until_us:
            return NodeState.LOST
        if self.drain:
            return NodeState.DRAINING
        return NodeState.LATE if now_us > self.heartbeat_at_us + 2 * heartbeat_us else NodeState.ONLINE


def slots(nodes: Iterable[Node], route: Route) -> int:
    """How many runs of the route these nodes could hold at once, were they empty."""
    return sum(route.shape.times_in(node.total) for node in nodes if node.serves(route))
