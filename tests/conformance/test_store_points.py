"""Points of the lives of nodes, in every store."""

from app.ports.points import Point
from app.ports.store import Store
from tests.conformance.values import NOW_US, unset
from tests.replacing import replace

POINT = Point(
    at_us=NOW_US,
    cpu_percent=12.5,
    used_memory_bytes=1 << 40,
    reserved_cpu_milli=1500,
    reserved_memory_mib=300,
    runs=2,
)


def test_points_come_back_whole_and_in_order(store: Store) -> None:
    assert not unset(POINT)
    later = replace(POINT, at_us=NOW_US + 5, runs=3)
    store.write(lambda tx: tx.add_point("a", later))
    store.write(lambda tx: tx.add_point("a", POINT))
    store.write(lambda tx: tx.add_point("b", POINT))
    assert store.read(lambda tx: tx.points("a", 0)) == [POINT, later]
    assert store.read(lambda tx: tx.points("a", NOW_US + 1)) == [later]
    assert store.read(lambda tx: tx.points("c", 0)) == []


def test_the_first_point_of_a_time_stays(store: Store) -> None:
    store.write(lambda tx: tx.add_point("a", POINT))
    store.write(lambda tx: tx.add_point("a", replace(POINT, runs=9)))
    assert store.read(lambda tx: tx.points("a", 0)) == [POINT]


def test_old_points_of_one_node_are_forgotten(store: Store) -> None:
    for node_id in ("a", "b"):
        store.write(lambda tx, node_id=node_id: tx.add_point(node_id, POINT))  # type: ignore[misc]
    store.write(lambda tx: tx.forget_points("a", NOW_US))
    assert store.read(lambda tx: tx.points("a", 0)) == [POINT]
    store.write(lambda tx: tx.forget_points("a", NOW_US + 1))
    assert store.read(lambda tx: (tx.points("a", 0), tx.points("b", 0))) == ([], [POINT])
