"""Nodes: the compute hosts of the fleet, as the store knows them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from app.wire.cards import versioned
from app.wire.heartbeat import MOST_SKEW_S
from app.wire.resources import Resources, Route
from app.wire.states import NodeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`lease_until_us` is the database's clock plus the lease, renewed by all a node says; past it, its runs are lost.
    `incarnation` grows with every start. `queues` may hold `*`, which is every queue. `executors` are names, or
    `name@version` for a version that can be asked for. `drain`: it is asked to drain; `draining`: it says that it does.
    `clock_skew_ms`: how far its clock is ahead of the database's, None when it has not said. `refused`: why it was
    turned away when it last spoke; empty for one that is served.
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
    draining: bool = False
    protocol: int = 1
    clock_skew_ms: int | None = None
    refused: str = ""

    @property
    def reserved(self) -> Resources:
        """What its runs have been promised."""
        return self.total - self.free

    @property
    def warnings(self) -> list[str]:
        """What somebody should see to, in words."""
        found = [f"refused: {self.refused}"] if self.refused else []
        if self.clock_skew_ms is not None and abs(self.clock_skew_ms) > MOST_SKEW_S * 1000:
            way = "ahead of" if self.clock_skew_ms > 0 else "behind"
            off = f"its clock is {abs(self.clock_skew_ms) / 1000:.1f} s {way} the database's"
            found.append(f"{off}: set it by NTP; leases and times of runs do not go by it")
        return found

    def serves(self, route: Route) -> bool:
        """Could ever run it, when it had nothing else to do."""
        return (
            (route.queue in self.queues or "*" in self.queues)
            and (not route.tag or route.tag in self.tags)
            and wanted_executor(route) in self.executors
            and route.shape.fits(self.total)
        )

    @property
    def takes_work(self) -> bool:
        return not (self.drain or self.draining or self.offline or self.refused)

    def state(self, now_us: int, heartbeat_us: int) -> NodeState:
        """`late` after two missed heartbeats, `lost` when the lease is over."""
        if self.offline:
            return NodeState.OFFLINE
        if now_us > self.lease_until_us:
            return NodeState.LOST
        if self.drain or self.draining:
            return NodeState.DRAINING
        return NodeState.LATE if now_us > self.heartbeat_at_us + 2 * heartbeat_us else NodeState.ONLINE


def wanted_executor(route: Route) -> str:
    """As a node names it."""
    return versioned(route.executor, route.version)


def slots(nodes: Iterable[Node], route: Route) -> int:
    """How many runs of the route these nodes could hold at once, were they empty."""
    return sum(route.shape.times_in(node.total) for node in nodes if node.serves(route))


def unfit_reason(route: Route, nodes: Collection[Node]) -> str:
    """Why none of these nodes could ever serve the route: what is asked, and what the nearest has."""
    asked = f"{route.shape.cpu_milli / 1000:g} cpu and {route.shape.memory_mib} MB"
    executor = wanted_executor(route)
    offering = [node for node in nodes if executor in node.executors]
    if not offering:
        known = sorted({name for node in nodes for name in node.executors})
        return f"no node offers the executor {executor!r}; offered are: {', '.join(known) or 'none'}"
    serving = [node for node in offering if route.queue in node.queues or "*" in node.queues]
    if not serving:
        return f"no node that offers {route.executor!r} serves the queue {route.queue!r}"
    tagged = [node for node in serving if not route.tag or route.tag in node.tags]
    if not tagged:
        return f"no node that serves the queue {route.queue!r} has the tag {route.tag!r}"
    largest = max(tagged, key=lambda node: (node.total.cpu_milli, node.total.memory_mib))
    has = f"{largest.total.cpu_milli / 1000:g} cpu and {largest.total.memory_mib} MB"
    return f"no node fits: it needs {asked}; the largest node, {largest.name}, has {has}"
