"""Many at once: threads of one process, and processes beside each other on one database."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.adapters import sql
from app.adapters.sql.postgres import Postgres
from app.ports.records import Event, KeptAnswer, Page, Part
from app.ports.store import Store, Writer
from app.wire.states import RunState, TaskState
from tests.conformance.values import NOW_US, ORG, ROUTE, node, start, submit
from tests.replacing import replace
from tests.wait import wait_until

CROWD = 6
DEADLINE_S = 20


def together(count: int, work: Callable[[int], object]) -> None:
    """Everybody begins at the same instant; the first failure is the test's."""
    barrier = threading.Barrier(count)

    def one(number: int) -> None:
        barrier.wait(DEADLINE_S)
        work(number)

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(one, number) for number in range(count)]:
            done.result()


@pytest.fixture
def stores(store_url: str) -> Iterator[list[Store]]:
    """Two that know nothing of each other, as two processes have."""
    both = [sql.open_store(store_url, threads=CROWD) for _ in range(2)]
    yield list[Store](both)
    for store in both:
        store.close()


def test_a_ready_task_is_given_to_one(store: Store) -> None:
    _, tasks = submit(store, [()] * 90)
    taken: list[int] = []

    def work(tx: Writer) -> list[int]:
        ready = tx.lock_ready(ROUTE, 4, ORG)
        tx.save_tasks([replace(task, state=TaskState.QUEUED) for task in ready])
        return [task.seq for task in ready]

    def take(_: int) -> None:
        while seqs := store.write(work):
            taken.extend(seqs)

    together(CROWD, take)
    left = store.write(lambda tx: tx.lock_ready(ROUTE, 99, ORG))  # a taker may have met only rows that others held
    assert Counter(taken + [task.seq for task in left]) == Counter(task.seq for task in tasks)
    assert len(taken) >= 4


def test_a_queued_run_is_claimed_by_one(store: Store) -> None:
    _, tasks = submit(store, [()] * 40)
    runs = [start(store, task) for task in tasks]
    won: list[str] = []

    def claim(number: int) -> None:
        def work(tx: Writer) -> list[str]:
            free = [run for run in tx.lock_runs([run.id for run in runs]) if run.state is RunState.QUEUED][:3]
            tx.save_runs([replace(run, state=RunState.RUNNING, node_id=f"n{number}") for run in free])
            return [run.id for run in free]

        while ids := store.write(work):
            won.extend(ids)

    together(CROWD, claim)
    assert Counter(won) == Counter(run.id for run in runs)


def test_a_join_is_completed_by_one_of_its_parents(store: Store) -> None:
    """All parents report at the same instant, each with a body of its own beside the join."""
    parents = 60
    _, tasks = submit(store, [*[()] * parents, tuple(range(parents)), *[(at,) for at in range(parents)]])
    completed: list[int] = []

    def give(number: int) -> None:
        for position in range(number, parents, CROWD):
            part = Part(header_seq=tasks[position].seq, succeeded=True)
            for chord in store.write(lambda tx, part=part: tx.return_parts([part])):  # type: ignore[misc]
                if chord.count.complete:
                    completed.append(chord.body_seq)

    together(CROWD, give)
    assert sorted(completed) == [task.seq for task in tasks[parents:]]


def test_what_waited_for_a_chord_goes_on_at_the_time_when_it_was_over(sql_store: sql.SqlStore) -> None:
    """Else a join would start, by its times, before the last of its parents has ended."""
    _, tasks = submit(sql_store, [(), (), (0, 1)])
    parts = [Part(header_seq=task.seq, succeeded=True) for task in tasks[:2]]
    began, times = threading.Event(), {}

    def second(tx: Writer) -> int:
        times["began"] = tx.now_us
        began.set()
        assert all(chord.count.complete for chord in tx.return_parts(parts[1:]))
        return tx.now_us

    def first(tx: Writer, others: ThreadPoolExecutor) -> Future[int]:
        tx.return_parts(parts[:1])
        waiting = others.submit(sql_store.write, second)
        if waits_for_rows(sql_store):
            assert began.wait(DEADLINE_S)
        times["over"] = sql_store.read(lambda tx: tx.now_us)
        return waiting

    with ThreadPoolExecutor(1) as others:
        later = sql_store.write(lambda tx: first(tx, others)).result()
    assert later >= times["over"]
    assert not waits_for_rows(sql_store) or times["began"] <= times["over"]


def waits_for_rows(store: sql.SqlStore) -> bool:
    """PostgreSQL's writers run side by side until they meet; the others' wait for each other before they begin."""
    return isinstance(store._database, Postgres)


def test_what_others_hold_does_not_hide_what_is_behind_it(sql_store: sql.SqlStore) -> None:
    if not waits_for_rows(sql_store):
        return  # there is one writer at a time
    _, tasks = submit(sql_store, [()] * 100)

    def work(tx: Writer) -> list[int]:
        assert len(tx.lock_ready(ROUTE, 90, ORG)) == 90
        with ThreadPoolExecutor(1) as pool:
            taken = pool.submit(sql_store.write, lambda other: other.lock_ready(ROUTE, 2, ORG)).result(DEADLINE_S)
        return [task.seq for task in taken]

    assert sql_store.write(work) == [task.seq for task in tasks[90:92]]


def test_a_lease_is_not_waited_for(sql_store: sql.SqlStore) -> None:
    if not waits_for_rows(sql_store):
        return  # there is one writer at a time
    one, other = node(), node(name="other")
    for each in (one, other):
        sql_store.write(lambda tx, each=each: tx.save_node(each))  # type: ignore[misc]

    def keep() -> None:
        for each in (one, other):
            sql_store.write(lambda tx, each=each: tx.keep_lease(each.id, 5, each.free))  # type: ignore[misc]

    def work(tx: Writer) -> None:
        tx.node(one.id)  # locked until the other has been and gone
        with ThreadPoolExecutor(1) as pool:
            pool.submit(keep).result(DEADLINE_S)

    sql_store.write(work)
    assert sql_store.read(lambda tx: (tx.node(one.id), tx.node(other.id))) == (one, replace(other, lease_until_us=5))


def test_counts_add_up(stores: list[Store]) -> None:
    owner, _ = submit(stores[0], [()] * 10)
    other, _ = submit(stores[0], [()] * 10)
    delta = {TaskState.READY: -1, TaskState.SUCCEEDED: 1}

    def add(number: int) -> None:
        for _ in range(10):
            stores[number % 2].write(lambda tx: tx.add_counts({other.seq: delta, owner.seq: delta}))

    together(CROWD, add)
    for job in (owner, other):
        found = stores[1].read(lambda tx, job=job: tx.job(job.id))  # type: ignore[misc]
        assert found is not None
        assert found.counts[TaskState.SUCCEEDED] == CROWD * 10


def test_processes_are_given_different_numbers(stores: list[Store]) -> None:
    given: list[int] = []
    together(
        CROWD,
        lambda number: given.extend(stores[number % 2].write(lambda tx: tx.reserve("task", 3)) for _ in range(10)),
    )
    assert len({first + step for first in given for step in range(3)}) == 3 * 10 * CROWD


def test_one_of_many_keeps_its_answer(store: Store) -> None:
    answer = KeptAnswer(org_id=ORG, route="POST", key="k", body_hash="h", resource_id="", at_us=NOW_US)
    kept: list[int] = []

    def keep(number: int) -> None:
        if store.write(lambda tx: tx.keep_answer(replace(answer, resource_id=str(number)))):
            kept.append(number)

    together(CROWD, keep)
    (winner,) = kept
    found = store.read(lambda tx: tx.kept_answer(ORG, "POST", "k"))
    assert found is not None
    assert found.resource_id == str(winner)


def test_one_of_many_leads(store: Store) -> None:
    leading: list[int] = []

    def lead(number: int) -> None:
        if store.write(lambda tx: tx.lead("engine", str(number), tx.now_us + 10**9)):
            leading.append(number)

    together(CROWD, lead)
    assert len(leading) == 1


def test_whoever_follows_events_misses_none(store: Store) -> None:
    each = 30

    def tell(number: int) -> None:
        for step in range(each):
            event = Event(org_id=ORG, job_id=f"j{number}", at_us=NOW_US, kind="job", data=[number, step])
            store.write(lambda tx, event=event: (tx.add_events([event]), tx.reserve("task", 1)))  # type: ignore[misc]

    seen: list[Event] = []

    def follow() -> bool:
        page = Page(limit=7, after=(seen[-1].seq,) if seen else None)
        seen.extend(store.read(lambda tx: tx.events(ORG, page)))
        return len(seen) >= CROWD * each

    def work(number: int) -> None:
        if number == CROWD:
            wait_until(follow, DEADLINE_S, dump=lambda: len(seen))
        else:
            tell(number)

    together(CROWD + 1, work)
    assert len({event.seq for event in seen}) == CROWD * each
    assert [event.seq for event in seen] == sorted(event.seq for event in seen)


def test_readers_do_not_wait_for_a_writer(sql_store: Store) -> None:
    one = node(name="before")
    sql_store.write(lambda tx: tx.save_node(one))
    written, seen = threading.Event(), threading.Event()

    def write(tx: Writer) -> None:
        tx.save_node(replace(one, name="after"))
        written.set()
        assert seen.wait(DEADLINE_S)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(sql_store.write, write)
        assert written.wait(DEADLINE_S)
        found = sql_store.read(lambda tx: tx.node(one.id))
        seen.set()
        writing.result()
    assert found == one
    after = sql_store.read(lambda tx: tx.node(one.id))
    assert after is not None
    assert after.name == "after"
