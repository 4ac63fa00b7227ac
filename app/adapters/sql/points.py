"""Points of the lives of nodes: rows of the table `node_points`."""

from sqlalchemy import bindparam, delete, select

from app.adapters.sql.part import Part
from app.adapters.sql.statement import Insert, Statement
from app.adapters.sql.tables import node_points
from app.ports.points import Point

_insert = Insert(node_points, unless_there=True)
_of_node = node_points.c.node_id == bindparam("node_id")
_points = Statement(
    select(node_points).where(_of_node, node_points.c.at_us >= bindparam("since")).order_by(node_points.c.at_us)
)
_forget = Statement(delete(node_points).where(_of_node, node_points.c.at_us < bindparam("before")))


class PointReads(Part):
    def points(self, node_id: str, since_us: int) -> list[Point]:
        return [
            Point(
                at_us=row[1],
                cpu_percent=row[2],
                used_memory_bytes=row[3],
                reserved_cpu_milli=row[4],
                reserved_memory_mib=row[5],
                runs=row[6],
            )
            for row in self._session.rows(_points, node_id=node_id, since=since_us)
        ]


class PointWrites(PointReads):
    def add_point(self, node_id: str, point: Point) -> None:
        used = (point.cpu_percent, point.used_memory_bytes)
        reserved = (point.reserved_cpu_milli, point.reserved_memory_mib)
        self._session.insert(_insert, [(node_id, point.at_us, *used, *reserved, point.runs)], 1)

    def forget_points(self, node_id: str, before_us: int) -> None:
        self._session.run(_forget, node_id=node_id, before=before_us)
