"""What streams, measurements and webhooks ask of every store."""

import threading
from collections.abc import Iterator
from itertools import count

from app.adapters import sql
from app.adapters.event_streams import EventStreams
from app.domain.job import Desired
from app.ports.gauges import Work
from app.ports.hooks import Delivery, DeliveryState
from app.ports.live import Wish
from app.ports.records import Event, Page
from app.ports.store import Store
from app.services import live
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.values import NOW_US, ORG, ROUTE, new_id, node, same, start, submit, unset
from tests.replacing import replace

ALL = Page(limit=1000)


def event(number: int, org_id: str = ORG, job_id: str = "job") -> Event:
    return Event(org_id=org_id, job_id=job_id, at_us=NOW_US, kind="job", data={"n": number})


def delivery(job_seq: int, **changed: object) -> Delivery:
    plain = Delivery(
        id=new_id(),
        org_id=ORG,
        job_seq=job_seq,
        job_id="job",
        task_id=None,
        hook=0,
        event="job.failed",
        body={"a": [1]},
        created_at_us=NOW_US,
        since_us=NOW_US,
        due_at_us=1,
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


# -- events


def test_events_of_all_are_followed_by_their_numbers(store: Store) -> None:
    assert store.read(lambda tx: (tx.last_event(), tx.events_after(0, 10))) == (0, [])
    store.write(lambda tx: tx.add_events([event(n, org_id=f"org {n % 2}") for n in range(6)]))
    found = store.read(lambda tx: tx.events_after(0, 4))
    assert [each.data["n"] for each in found] == [0, 1, 2, 3]
    later = store.read(lambda tx: tx.events_after(found[-1].seq, 4))
    assert [each.data["n"] for each in later] == [4, 5]
    assert store.read(lambda tx: tx.last_event()) == later[-1].seq


def test_the_newest_events_begin_somewhere(store: Store) -> None:
    store.write(lambda tx: tx.add_events([event(n, job_id=f"job {n % 2}") for n in range(10)]))
    store.write(lambda tx: tx.add_events([event(99, org_id="another", job_id="job 0")]))
    for newest, first in ((3, 7), (10, 0), (50, 0)):
        start_seq = store.read(lambda tx, newest=newest: tx.event_before(ORG, newest))  # type: ignore[misc]
        after = Page(limit=100, after=(start_seq,))
        found = store.read(lambda tx, after=after: tx.events(ORG, after))  # type: ignore[misc]
        assert [each.data["n"] for each in found] == list(range(first, 10))
    of_job = store.read(lambda tx: tx.event_before(ORG, 2, "job 0"))
    found = store.read(lambda tx: tx.events(ORG, Page(limit=100, after=(of_job,)), "job 0"))
    assert [each.data["n"] for each in found] == [6, 8]


WRITERS, EACH = 6, 40


def test_who_follows_misses_no_event_of_writers_that_commit_in_any_order(sql_store: sql.SqlStore) -> None:
    """A number that is given first may be committed last; it is still seen before all larger ones."""
    numbers = count()
    hub = EventStreams(sql_store, live.frame, most=1, look_s=0.0)
    stream = hub.follow(Wish(org_id=ORG, job_id=None, after=0, holder="h", alive=lambda: True))

    def write() -> None:
        for turn in range(EACH):
            few = [event(next(numbers)) for _ in range(1 + turn % 5)]
            sql_store.write(lambda tx, few=few: (tx.add_events(few), tx.queues(ORG)))  # type: ignore[misc]

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for each in writers:
        each.start()
    wanted = WRITERS * sum(1 + turn % 5 for turn in range(EACH))
    seen = list(seqs(stream, wanted))
    for each in writers:
        each.join()
    hub.close()
    stored = sql_store.read(lambda tx: tx.events_after(0, 10_000))
    assert seen == [each.seq for each in stored]


def seqs(stream: Iterator[bytes], wanted: int) -> Iterator[int]:
    found, rest = 0, ""
    while found < wanted:
        *lines, rest = (rest + next(stream).decode()).split("\n")
        for line in lines:
            if line.startswith("id: "):
                found += 1
                yield int(line.removeprefix("id: "))


def test_a_larger_number_waits_for_the_commit_of_a_smaller_one(sql_store: sql.SqlStore) -> None:
    holds, go, seen = threading.Event(), threading.Event(), []

    def slow() -> None:
        def work(tx: object) -> None:
            tx.add_events([event(1)])  # type: ignore[attr-defined]
            tx.finish()  # type: ignore[attr-defined]  # as the store does at the end, before the commit
            tx.queues(ORG)  # type: ignore[attr-defined]  # answered, and so what was told before it is done
            holds.set()
            go.wait(10)

        sql_store.write(work)

    def quick() -> None:
        holds.wait(10)
        sql_store.write(lambda tx: tx.add_events([event(2)]))

    both = [threading.Thread(target=work) for work in (slow, quick)]
    for each in both:
        each.start()
    holds.wait(10)
    seen.append(sql_store.read(lambda tx: tx.events_after(0, 10)))
    both[1].join(0.3)
    seen.append(sql_store.read(lambda tx: tx.events_after(0, 10)))
    go.set()
    for each in both:
        each.join(10)
    assert seen == [[], []], "nothing is seen out of order"
    assert [each.data["n"] for each in sql_store.read(lambda tx: tx.events_after(0, 10))] == [1, 2]


# -- measurements


def test_work_is_counted_by_route_and_phase(store: Store) -> None:
    host = node()
    store.write(lambda tx: tx.save_node(host))
    _, tasks = submit(store, [(), (), (), (), (0,)])
    start(store, tasks[0], state=RunState.RUNNING, node_id=host.id)
    start(store, tasks[1])
    submit(store, [(), ()], of_job={"desired": Desired.PAUSE})
    submit(store, [()], of_job={"state": JobState.SUCCEEDED}, of_all={"state": TaskState.SUCCEEDED})
    expected = {"held": 2, "queued": 1, "ready": 4, "running": 1}
    found = store.read(lambda tx: tx.work())
    ages = {"ready": NOW_US}
    assert found == [
        Work(route=ROUTE, phase=phase, count=count, oldest_us=ages.get(phase)) for phase, count in expected.items()
    ]


def test_backlogs_are_of_unfinished_jobs(store: Store) -> None:
    assert store.read(lambda tx: tx.backlogs()) == []
    submit(store, [(), (0,)], of_job={"created_at_us": 50})
    submit(store, [(), (0,)], of_job={"created_at_us": 40, "state": JobState.RUNNING, "org_id": "another"})
    submit(store, [()], of_job={"created_at_us": 10, "queue": "q"}, of_all={"state": TaskState.RUNNING})
    submit(store, [()], of_job={"created_at_us": 1, "state": JobState.FAILED}, of_all={"state": TaskState.FAILED})
    first, second = store.read(lambda tx: tx.backlogs())
    assert (first.queue, first.waiting, first.oldest_us) == ("@default", 2, 40)
    assert first.jobs == {JobState.PENDING: 1, JobState.RUNNING: 1}
    assert (second.queue, second.waiting, second.oldest_us) == ("q", 0, None)


def test_tallies_add_up(store: Store) -> None:
    one, two = ("runs", "python", "failed"), ("runs", "", "")
    store.write(lambda tx: tx.add_tallies([]))
    store.write(lambda tx: tx.add_tallies([(one, 2), (two, 1)]))
    store.write(lambda tx: tx.add_tallies([(one, 5)]))
    assert store.read(lambda tx: tx.tallies()) == {one: 7, two: 1}


# -- deliveries


def test_a_delivery_is_kept_whole(store: Store) -> None:
    full = delivery(
        7, task_id="t", hook=3, state=DeliveryState.REFUSED, tried_at_us=5, tries=2, status=500, detail="why"
    )
    assert unset(full, "seq") == set()
    store.write(lambda tx: tx.add_deliveries([full]))
    found = store.read(lambda tx: tx.delivery(full.id))
    assert found is not None
    assert replace(found, seq=0) == full
    after = replace(
        found,
        state=DeliveryState.PENDING,
        since_us=8,
        due_at_us=None,
        tried_at_us=9,
        tries=3,
        status=None,
        detail=None,
    )
    store.write(lambda tx: tx.save_deliveries([after]))
    assert store.write(lambda tx: tx.lock_delivery(full.id)) == after
    assert len(same(found, after)) == 10, "all that changes was changed"
    assert store.read(lambda tx: tx.delivery("nothing")) is None


def test_what_is_due_comes_first_and_once_it_is_over_it_goes(store: Store) -> None:
    late, soon = delivery(1, due_at_us=NOW_US - 1), delivery(1, due_at_us=1)
    ahead, over = delivery(1, due_at_us=1 << 60), delivery(1, due_at_us=None, tried_at_us=5)
    store.write(lambda tx: tx.add_deliveries([late, ahead, over]))
    assert store.read(lambda tx: (tx.pending_deliveries(), tx.has_due_delivery())) == (2, True)
    store.write(lambda tx: tx.add_deliveries([soon]))
    assert [each.id for each in store.write(lambda tx: tx.lock_due_deliveries(10))] == [soon.id, late.id]
    assert [each.id for each in store.write(lambda tx: tx.lock_due_deliveries(1))] == [soon.id]
    listed = store.read(lambda tx: tx.deliveries(1, ALL))
    assert [each.id for each in listed] == [late.id, ahead.id, over.id, soon.id]
    page = Page(limit=2, after=(listed[0].seq,))
    assert store.read(lambda tx: tx.deliveries(1, page)) == listed[1:3]
    assert store.write(lambda tx: tx.forget_deliveries(5, 10)) == 0
    assert store.write(lambda tx: tx.forget_deliveries(6, 10)) == 1
    assert store.read(lambda tx: tx.delivery(over.id)) is None


def test_deliveries_go_with_their_job(store: Store) -> None:
    job, _ = submit(store, [()])
    other, mine = delivery(job.seq + 1), delivery(job.seq)
    store.write(lambda tx: tx.add_deliveries([mine, other]))
    store.write(lambda tx: tx.delete_job(job.seq))
    assert store.read(lambda tx: (tx.delivery(mine.id), tx.pending_deliveries())) == (None, 1)


def test_two_engines_do_not_take_the_same(sql_store: sql.SqlStore) -> None:
    sql_store.write(lambda tx: tx.add_deliveries([delivery(1) for _ in range(40)]))
    taken: list[str] = []

    def take() -> None:
        while True:

            def work(tx: object) -> list[Delivery]:
                due: list[Delivery] = tx.lock_due_deliveries(3)  # type: ignore[attr-defined]
                tx.save_deliveries([replace(each, due_at_us=1 << 60) for each in due])  # type: ignore[attr-defined]
                return due

            found = sql_store.write(work)
            if not found:
                return
            taken.extend(each.id for each in found)

    engines = [threading.Thread(target=take) for _ in range(4)]
    for each in engines:
        each.start()
    for each in engines:
        each.join(20)
    assert len(taken) == len(set(taken)) == 40
