"""How busy was a node in the last day? Noted with its heartbeats, once a minute, and forgotten after a day."""

from typing import Final

from app.domain.node import Node
from app.ports.points import Point
from app.ports.store import Reader, Writer
from app.services.core import MICROSECONDS

EVERY_US: Final = 60 * MICROSECONDS
KEPT_US: Final = 24 * 3600 * MICROSECONDS


def wanted(node: Node, now_us: int) -> bool:
    """`node` as it was before this heartbeat: is that the first one of its minute, or of the node's life?"""
    return node.heartbeat_at_us == node.registered_at_us or node.heartbeat_at_us // EVERY_US != now_us // EVERY_US


def note(tx: Writer, node: Node, runs: int) -> None:
    """The first heartbeat of each minute makes the point of that minute."""
    reserved = node.total - node.free
    point = Point(
        at_us=tx.now_us // EVERY_US * EVERY_US,
        cpu_percent=node.cpu_percent,
        used_memory_bytes=node.used_memory_bytes,
        reserved_cpu_milli=reserved.cpu_milli,
        reserved_memory_mib=reserved.memory_mib,
        runs=runs,
    )
    tx.add_point(node.id, point)
    tx.forget_points(node.id, tx.now_us - KEPT_US)


def of_last_day(tx: Reader, node_id: str) -> list[Point]:
    return tx.points(node_id, tx.now_us - KEPT_US)
