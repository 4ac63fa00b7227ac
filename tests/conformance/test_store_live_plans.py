"""What is asked for streams, measurements and webhooks costs what is under way, and never what has been."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from app.adapters import sql
from app.adapters.sql.postgres import postgres_engine
from app.ports.hooks import DeliveryState
from app.ports.records import Page
from app.ports.store import Store, Writer
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.test_store_live import delivery, event
from tests.conformance.test_store_plans import Asked, Explaining, steps_of, transaction
from tests.conformance.values import NOW_US, ORG, run, submit

PAGE = Page(limit=20)
NEWEST = 5
QUESTIONS: dict[str, Callable[[Asked, Writer], object]] = {
    "work": lambda asked, tx: tx.work(),
    "backlogs": lambda asked, tx: tx.backlogs(),
    "limited_queues": lambda asked, tx: tx.limited_queues(["@default"])(),
    "out_of_queue": lambda asked, tx: tx.out_of_queue(ORG, "@default"),
    "occupancies": lambda asked, tx: tx.occupancies(ORG),
    "lock_offered": lambda asked, tx: tx.lock_offered(ORG, "@default", 5),
    "tasks_since": lambda asked, tx: tx.tasks_since(ORG, NOW_US, 1),
    "add_ended": lambda asked, tx: tx.add_ended(NOW_US, [(ORG, "@default", 1)], NOW_US - 9),
    "ended_since": lambda asked, tx: tx.ended_since(ORG, NOW_US),
    "tallies": lambda asked, tx: tx.tallies(),
    "add_tallies": lambda asked, tx: tx.add_tallies([(("a", "b", "c"), 1)]),
    "last_event": lambda asked, tx: tx.last_event(),
    "events_after": lambda asked, tx: tx.events_after(tx.last_event() - NEWEST, 10),
    "event_before": lambda asked, tx: tx.event_before(ORG, NEWEST),
    "event_before of a job": lambda asked, tx: tx.event_before(ORG, NEWEST, asked.job.id),
    "delivery": lambda asked, tx: tx.delivery("d"),
    "deliveries": lambda asked, tx: tx.deliveries(asked.job.seq, PAGE),
    "pending_deliveries": lambda asked, tx: tx.pending_deliveries(),
    "has_due_delivery": lambda asked, tx: tx.has_due_delivery(),
    "lock_due_deliveries": lambda asked, tx: tx.lock_due_deliveries(5),
    "forget_deliveries": lambda asked, tx: tx.forget_deliveries(2, 5),
}


def live_long(store: Store) -> None:
    """Many jobs that have ended, with their runs, events and deliveries."""
    for _ in range(40):
        of_all = {"state": TaskState.SUCCEEDED}
        job, tasks = submit(store, [()] * 50, of_job={"state": JobState.SUCCEEDED}, of_all=of_all)
        ended = [run(task, state=RunState.SUCCEEDED, node_id="gone", claim_id="c") for task in tasks]
        events = [event(n, job_id=job.id) for n in range(100)]
        sent = [delivery(job.seq, state=DeliveryState.DELIVERED, due_at_us=None, tried_at_us=NOW_US) for _ in range(50)]
        store.write(lambda tx, ended=ended: tx.insert_runs(ended))  # type: ignore[misc]
        store.write(lambda tx, events=events: tx.add_events(events))  # type: ignore[misc]
        store.write(lambda tx, sent=sent: tx.add_deliveries(sent))  # type: ignore[misc]


def live(store: Store) -> Asked:
    asked = Asked(store)
    store.write(lambda tx: tx.add_events([event(n, job_id=asked.job.id) for n in range(20)]))
    store.write(lambda tx: tx.add_deliveries([delivery(asked.job.seq) for _ in range(10)]))
    store.write(lambda tx: tx.add_tallies([(("a", "b", str(n)), 1) for n in range(10)]))
    return asked


def test_questions_cost_the_same_after_a_long_life(tmp_path: Path) -> None:
    steps = {}
    for name, lived in (("young", False), ("old", True)):
        url = f"sqlite:///{tmp_path}/{name}.db"
        sql.upgrade(url)
        store = sql.open_store(url, threads=1)
        if lived:
            live_long(store)
        steps[name] = steps_of(url, live(store), QUESTIONS)
        store.close()
    dear = {name: (steps["young"][name], old) for name, old in steps["old"].items() if old > steps["young"][name] * 1.5}
    assert not dear


@pytest.fixture
def explained(postgres_url: str) -> Iterator[tuple[Asked, Any]]:
    sql.upgrade(postgres_url)
    store = sql.open_store(postgres_url, threads=1)
    live_long(store)
    asked = live(store)
    engine = postgres_engine(str(make_url(postgres_url).render_as_string(False)), sql.Pool(size=1))
    connection = engine.raw_connection()
    connection.cursor().execute("ANALYZE")
    yield asked, connection
    connection.close()
    engine.dispose()
    store.close()


# Read whole: tallies are bounded; of jobs there are few here, of queues anywhere; of the others there are none here.
SMALL = {"tallies", "jobs", "queues", "queue_limits", "maps", "queue_minutes"}


def test_postgresql_reads_no_history(explained: tuple[Asked, Any]) -> None:
    asked, connection = explained
    for name, question in QUESTIONS.items():
        cursor = Explaining(connection.cursor())
        with transaction(connection, cursor, "postgresql") as writer:
            question(asked, writer)
        for plan in cursor.plans:
            read = [line.split("Seq Scan on ")[1].split()[0] for line in plan.splitlines() if "Seq Scan on" in line]
            assert set(read) <= SMALL, f"{name}\n{plan}"
