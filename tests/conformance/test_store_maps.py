"""Do all stores keep maps alike: how far they are, their values, and the tasks of these, which no list shows?"""

import json
from typing import Any

import pytest

from app.adapters.sql import SqlStore
from app.domain.job import Job
from app.domain.map import SPAN, Map, first_seq
from app.domain.task import NO_ROUTE, Task, TaskSpec
from app.ports.records import Page, Part, ValueChunk
from app.ports.store import Store, Writer
from app.wire.states import TaskState
from tests.conformance.values import NOW_US, ORG, ROUTE, job, new_id, run, same, start, task, unset
from tests.replacing import replace

ALL = Page(limit=1000)


def with_map(store: Store, states: list[TaskState], **changed: Any) -> tuple[Job, Task, Task, Map, list[Task]]:
    """A job of a map and a task that needs it; the values so far opened, in these states."""

    def work(tx: Writer) -> tuple[Job, Task, Task, Map, list[Task]]:
        owner = job(tx.reserve("job", 1))
        seq = tx.reserve("task", SPAN + 2) + SPAN
        of_map = task(seq, owner, 0, name="m", route=NO_ROUTE, state=TaskState.RUNNING)
        below = task(seq + 1, owner, 1, name="below", state=TaskState.WAITING)
        tx.insert_job(owner)
        specs = [TaskSpec(name="m", executor="python", type="map", max_concurrency=3), TaskSpec(name="b", executor="x")]
        tx.insert_tasks([of_map, below], specs)
        tx.insert_chords([(below.seq, [of_map.seq])])
        values = [
            replace(of_map, seq=first_seq(seq) + at, route=ROUTE, state=s, map_index=at) for at, s in enumerate(states)
        ]
        a_map = replace(Map(task_seq=seq, job_seq=owner.seq, route=ROUTE, total=len(states)), **changed)
        tx.insert_maps([a_map], {seq: "[]"})
        tx.insert_values(values)
        return owner, of_map, below, a_map, values

    return store.write(work)


OPEN = [TaskState.SUCCEEDED, TaskState.READY, TaskState.FAILED, TaskState.RUNNING, TaskState.READY, TaskState.CANCELED]


def test_a_map_comes_back_whole_and_is_saved(store: Store) -> None:
    _, of_map, below, a_map, _ = with_map(store, OPEN, fixed=True)
    changed = replace(
        a_map,
        total=9,
        max_concurrency=4,
        max_failed=2,
        window=77,
        next=5,
        made=6,
        keep=True,
        live=3,
        succeeded=1,
        failed=2,
        canceled=3,
        result_bytes=1 << 40,
        closing=True,
        fetch_at_us=NOW_US,
        fetches=2,
    )
    assert not unset(changed)
    assert same(a_map, changed) == {"task_seq", "job_seq", "route", "fixed"}
    store.write(lambda tx: tx.save_maps([changed]))
    assert store.read(lambda tx: tx.maps([of_map.seq, below.seq])) == {of_map.seq: changed}
    assert store.write(lambda tx: tx.lock_maps([of_map.seq, below.seq])) == [changed]
    assert store.read(lambda tx: (tx.maps([]), tx.map_source(of_map.seq), tx.map_source(1))) == ({}, "[]", None)
    assert store.write(lambda tx: tx.lock_maps([])) == []


def test_values_are_in_no_list_and_found_by_nothing_of_their_map(store: Store) -> None:
    owner, of_map, below, _, values = with_map(store, OPEN)
    view = store.read(lambda tx: tx.task(of_map.id))
    assert view is not None
    assert view.task == of_map
    assert (view.spec.type, view.spec.max_concurrency, view.spec.values) == ("map", 3, None)
    assert [one.task for one in store.read(lambda tx: tx.tasks(owner.seq, ALL))] == [of_map, below]
    assert [one.task for one in store.read(lambda tx: tx.tasks(owner.seq, ALL, name="m"))] == [of_map]
    assert store.read(lambda tx: tx.edges(owner.seq)) == [(0, 1)]
    assert store.read(lambda tx: tx.task_seqs(owner.seq)) == [of_map.seq, below.seq]
    need = store.read(lambda tx: tx.results(owner.seq, ["m", "below"]))
    assert (need["m"].map_seq, need["below"].map_seq) == (of_map.seq, None)
    assert store.write(lambda tx: tx.lock_tasks([value.seq for value in values])) == values
    ended = store.write(lambda tx: tx.lock_tasks_in(owner.seq, [TaskState.FAILED, TaskState.RUNNING], 9))
    assert ended == [of_map]
    opened = store.write(lambda tx: tx.lock_tasks_in(owner.seq, [TaskState.READY, TaskState.RUNNING], 9))
    assert opened == [values[1], values[3], values[4], of_map]
    window = store.write(
        lambda tx: tx.lock_tasks_in(owner.seq, [TaskState.READY], 9, values[1].seq, below_seq=of_map.seq)
    )
    assert window == [values[4]]


def test_values_are_released_like_tasks_and_their_map_never_is(store: Store) -> None:
    owner, _, _, _, values = with_map(store, OPEN)
    assert store.write(lambda tx: tx.ready_routes()) == [ROUTE]
    assert store.write(lambda tx: tx.lock_ready(ROUTE, 9, ORG)) == [values[1], values[4]]
    store.write(lambda tx: tx.set_task_priority(owner.seq, 7))
    ready = store.write(lambda tx: tx.lock_ready(ROUTE, 9, ORG))
    assert [one.priority for one in ready] == [7, 7]
    assert {one.task.priority for one in store.read(lambda tx: tx.tasks(owner.seq, ALL))} == {7}
    running = store.write(lambda tx: tx.lock_tasks([values[3].seq]))
    assert running[0].priority == 50


def test_a_value_has_no_part_in_any_chord(store: Store) -> None:
    _, _, _, _, values = with_map(store, OPEN)
    parts = [Part(header_seq=value.seq, succeeded=True) for value in values]
    assert store.write(lambda tx: tx.return_parts(parts)) == []
    assert store.write(lambda tx: tx.lock_waiting_below([value.seq for value in values])) == []


def test_values_come_in_order_with_their_runs_and_results(store: Store) -> None:
    owner, of_map, _, a_map, values = with_map(store, OPEN)
    first = start(store, values[0], map_index=0, result={"k": 1}, task_id=of_map.id)
    again = start(store, values[2], map_index=2)
    other = start(store, values[2], map_index=2, result=[2])
    views = store.read(lambda tx: tx.values(of_map.seq, ALL))
    assert [view.task.map_index for view in views] == list(range(6))
    assert [view.run for view in views] == [first, None, other, None, None, None]
    page = store.read(lambda tx: tx.values(of_map.seq, Page(limit=2, after=(2,))))
    assert [view.task.map_index for view in page] == [3, 4]
    assert store.read(lambda tx: tx.value_results(replace(a_map, total=8))) == [{"k": 1}, *[None] * 7]
    assert store.read(lambda tx: tx.value_results(replace(a_map, total=None))) == []
    listed = store.read(lambda tx: tx.runs(owner.seq, ALL, of_map.seq, first_seq=of_map.first_seq))
    assert listed == [first, again, other]
    after = Page(limit=5, after=(values[2].seq, 2, 1))
    assert store.read(lambda tx: tx.runs(owner.seq, after, of_map.seq, first_seq=of_map.first_seq)) == [other]
    assert store.read(lambda tx: tx.runs(owner.seq, ALL, of_map.seq)) == []


def test_open_values_are_counted_and_found_by_state(store: Store) -> None:
    _, _, _, a_map, values = with_map(store, OPEN)
    assert {s: n for s, n in store.read(lambda tx: tx.live_counts(a_map)).items() if n} == {
        TaskState.READY: 2,
        TaskState.RUNNING: 1,
    }
    assert store.read(lambda tx: tx.live_values(a_map, TaskState.READY, 1)) == [values[1]]
    assert store.read(lambda tx: tx.live_values(a_map, TaskState.READY, 9)) == [values[1], values[4]]
    assert store.read(lambda tx: tx.live_values(a_map, TaskState.QUEUED, 9)) == []


@pytest.mark.parametrize(
    ("first", "below", "limit", "unsuccessful", "wanted"),
    [(0, 6, 9, False, [0, 1, 2, 3, 4, 5]), (0, 6, 2, True, [1, 2]), (2, 4, 9, True, [2, 3]), (6, 6, 9, False, [])],
)
def test_values_are_locked_by_range(
    store: Store, first: int, below: int, limit: int, unsuccessful: bool, wanted: list[int]
) -> None:
    _, of_map, _, _, _ = with_map(store, OPEN)
    found = store.write(lambda tx: tx.lock_values(of_map.seq, first, below, limit, unsuccessful=unsuccessful))
    assert [value.map_index for value in found] == wanted


def test_the_values_themselves_are_kept_in_chunks(store: Store) -> None:
    _, of_map, _, _, _ = with_map(store, [])
    chunks = [ValueChunk(first=at, count=3, text=json.dumps([at, [at], {"é": at}])) for at in (0, 3, 6)]
    store.write(lambda tx: tx.put_values(of_map.seq, chunks[:2]))
    store.write(lambda tx: tx.put_values(of_map.seq, chunks[2:]))
    assert store.read(lambda tx: tx.map_values(of_map.seq, [8, 0, 4])) == {8: {"é": 6}, 0: 0, 4: [3]}
    assert store.read(lambda tx: list(tx.map_values(of_map.seq, range(9)))) == list(range(9))
    assert store.read(lambda tx: tx.map_values(of_map.seq, [9, 1])) == {1: [0]}
    assert store.read(lambda tx: (tx.map_values(of_map.seq, []), tx.map_values(1, [0]))) == ({}, {})
    store.write(lambda tx: tx.clear_values(of_map.seq))
    store.write(lambda tx: tx.put_values(of_map.seq, chunks[:1]))
    assert store.read(lambda tx: tx.map_values(of_map.seq, [0, 4])) == {0: 0}


def test_maps_that_lag_and_maps_to_fetch_for_are_found(store: Store) -> None:
    lagging = [
        with_map(store, [], live=1, total=5, next=3)[3],
        with_map(store, [], live=1, total=5, next=5, closing=True)[3],
    ]
    with_map(store, [], live=1, total=5, next=5)
    with_map(store, [], live=0, total=5, next=0)
    with_map(store, [], live=0, total=None)
    assert store.read(lambda tx: tx.lagging_maps(9)) == lagging
    assert store.read(lambda tx: tx.lagging_maps(1)) == lagging[:1]
    assert store.write(lambda tx: tx.lock_due_map()) is None
    now_us = store.read(lambda tx: tx.now_us)
    due = [with_map(store, [], fetch_at_us=now_us - age)[3] for age in (5, 9, -(10**9))]
    assert store.write(lambda tx: tx.lock_due_map()) == due[1]


def test_a_job_takes_its_maps_with_it(store: Store) -> None:
    gone, kept = with_map(store, OPEN), with_map(store, OPEN)
    for _, of_map, _, _, values in (gone, kept):
        store.write(lambda tx, seq=of_map.seq: tx.put_values(seq, [ValueChunk(first=0, count=1, text="[1]")]))  # type: ignore[misc]
        start(store, values[0], map_index=0)
    store.write(lambda tx: tx.delete_job(gone[0].seq))

    def left(tx: Writer, of: tuple[Job, Task, Task, Map, list[Task]]) -> tuple[object, ...]:
        owner, of_map, _, _, values = of
        seqs = [value.seq for value in values]
        found = (tx.maps([of_map.seq]), tx.map_values(of_map.seq, [0]), tx.map_source(of_map.seq))
        return (*map(bool, found), len(tx.lock_tasks(seqs)), len(tx.runs(owner.seq, ALL)))

    assert store.write(lambda tx: left(tx, gone)) == (False, False, False, 0, 0)
    assert store.write(lambda tx: left(tx, kept)) == (True, True, True, 6, 1)


def test_the_next_values_cost_no_more_with_many_behind_them(sql_store: SqlStore) -> None:
    """What is asked of a map while it runs is found without a walk through its ended values."""
    states = [*[TaskState.SUCCEEDED] * 3000, TaskState.READY]
    owner, of_map, _, a_map, values = with_map(sql_store, states)
    assert sql_store.read(lambda tx: tx.live_values(a_map, TaskState.READY, 1)) == values[-1:]
    opened = sql_store.write(
        lambda tx: tx.lock_tasks_in(owner.seq, [TaskState.READY], 9, of_map.first_seq - 1, below_seq=of_map.seq)
    )
    assert opened == values[-1:]
    run_of = run(values[-1], map_index=3000, id=new_id())
    assert run_of.owner_seq == of_map.seq
