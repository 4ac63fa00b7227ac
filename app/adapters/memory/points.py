"""Points of the lives of nodes, in memory."""

from app.adapters.memory.state import State
from app.ports.points import Point


class PointReads:
    _state: State

    def points(self, node_id: str, since_us: int) -> list[Point]:
        return [point for point in self._points(node_id) if point.at_us >= since_us]

    def _points(self, node_id: str) -> tuple[Point, ...]:
        return self._state.points.get(node_id) or ()


class PointWrites(PointReads):
    def add_point(self, node_id: str, point: Point) -> None:
        known = {other.at_us: other for other in self._points(node_id)}
        points = {point.at_us: point} | known
        self._state.points.put(node_id, tuple(points[at_us] for at_us in sorted(points)))

    def forget_points(self, node_id: str, before_us: int) -> None:
        self._state.points.put(node_id, tuple(self.points(node_id, before_us)))
