"""How busy each node was: a point now and then of its life. Part of `store.py`."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the host of a node used, what was reserved on it, and how many runs it held."""

    at_us: int
    cpu_percent: float
    used_memory_bytes: int
    reserved_cpu_milli: int
    reserved_memory_mib: int
    runs: int


class PointReads(Protocol):
    def points(self, node_id: str, since_us: int) -> list[Point]:
        """Oldest first."""


class PointWrites(Protocol):
    def add_point(self, node_id: str, point: Point) -> None:
        """Unless the node has one of that time."""

    def forget_points(self, node_id: str, before_us: int) -> None: ...
