"""A map's values in bulk, in every store."""

from app.ports.records import Page
from app.ports.store import Store
from app.ports.strips import Cell
from app.wire.states import TaskState
from tests.conformance.test_store_maps import OPEN, with_map
from tests.replacing import replace

COUNTED = {"live": 3, "failed": 1, "canceled": 1, "succeeded": 1, "next": 6}


def test_what_did_not_succeed_is_counted_by_cell(store: Store) -> None:
    _, _, _, a_map, _ = with_map(store, OPEN, **COUNTED)
    with_map(store, OPEN, **COUNTED)
    assert store.read(lambda tx: tx.cells(a_map, 2)) == [
        Cell(number=0, state=TaskState.READY, count=1),
        Cell(number=1, state=TaskState.FAILED, count=1),
        Cell(number=1, state=TaskState.RUNNING, count=1),
        Cell(number=2, state=TaskState.CANCELED, count=1),
        Cell(number=2, state=TaskState.READY, count=1),
    ]
    assert len(store.read(lambda tx: tx.cells(a_map, 1000))) == 4


def test_a_map_that_did_well_has_no_cells(store: Store) -> None:
    _, _, _, a_map, _ = with_map(store, [TaskState.SUCCEEDED] * 3, succeeded=3, next=3)
    assert store.read(lambda tx: tx.cells(a_map, 2)) == []


def test_values_that_failed_are_found_in_pages(store: Store) -> None:
    states = [TaskState.FAILED, TaskState.SUCCEEDED] * 3
    _, _, _, a_map, values = with_map(store, states, failed=3, succeeded=3, next=6)
    other = replace(a_map, task_seq=values[0].seq)
    first = store.read(lambda tx: tx.failed_values(a_map, Page(limit=2)))
    assert [view.task for view in first] == [values[0], values[2]]
    rest = store.read(lambda tx: tx.failed_values(a_map, Page(limit=2, after=(2,))))
    assert [view.task for view in rest] == [values[4]]
    assert store.read(lambda tx: tx.failed_values(other, Page(limit=2))) == []
