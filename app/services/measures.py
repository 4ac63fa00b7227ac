"""What there is to measure of the whole installation, in one read: the work by queue, the fleet, and the tallies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.node import Node
from app.ports.gauges import Backlog, TallyKey, Work
from app.ports.store import Reader
from app.services.core import MICROSECONDS, Core
from app.wire.states import NodeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    now_us: int
    work: Sequence[Work]
    backlogs: Sequence[Backlog]
    nodes: Sequence[tuple[Node, NodeState]]
    tallies: Mapping[TallyKey, int]
    pending_deliveries: int
    streams: int
    version: str


def measure(core: Core) -> Measures:
    """Of all organizations: whoever is shown this may know of them all."""

    def work(tx: Reader) -> Measures:
        heartbeat_us = int(core.clockwork.heartbeat_s * MICROSECONDS)
        return Measures(
            now_us=tx.now_us,
            work=tx.work(),
            backlogs=tx.backlogs(),
            nodes=[(node, node.state(tx.now_us, heartbeat_us)) for node in tx.nodes()],
            tallies=tx.tallies(),
            pending_deliveries=tx.pending_deliveries(),
            streams=core.live.count() if core.live else 0,
            version=core.version,
        )

    return core.store.read(work)
