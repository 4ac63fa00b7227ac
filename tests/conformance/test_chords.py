"""Chords of Celery's own canvas count in our store: stock signatures, stock workers, a real broker.

The main promises are asked of every store, the finer points of SQLite alone.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from celery.canvas import Signature
from celery.contrib.testing.worker import start_worker
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters import celery_chords, sql
from app.adapters.celery_broker import SETTINGS
from app.adapters.memory.blobs import MemoryBlobs
from app.adapters.memory.broker import MemoryBroker
from app.adapters.system_chance import SystemChance
from app.domain import chords
from app.domain.errors import Unavailable
from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.ports.store import Store
from app.services import submit
from app.services.access import anonymous
from app.services.core import Core
from app.wire.resources import Resources
from app.wire.states import JobState
from tests.benchmarks.synthetic import SyntheticNode
from tests.conformance import chord_worker
from tests.servers import RedisServer
from tests.wait import wait_until

ROOT = Path(__file__).resolve().parents[2]


class Bench:
    """A Celery app with a few tasks, and what they were called with in the order of the calls."""

    def __init__(self, url: str, open_store: Callable[[], Store]) -> None:
        self.app = Celery("bench", broker=url, set_as_current=False)
        self.app.conf.update(SETTINGS)
        self.app.conf.update(celery_chords.settings(open_store))
        self.app.conf.broker_transport_options = dict(SETTINGS["broker_transport_options"], polling_interval=1)
        self.app.conf.task_default_queue = f"bench-{uuid.uuid4()}"
        self.bodies: list[Any] = []
        self.errors: list[tuple[str | None, BaseException]] = []
        self.calls: list[str] = []
        self._define()

    def _define(self) -> None:
        @self.app.task(name="double", shared=False)
        def double(x: int) -> int:
            self.calls.append(f"double {x}")
            return 2 * x

        @self.app.task(name="add", shared=False)
        def add(x: Any, y: int) -> Any:
            return sum(x) + y if isinstance(x, list) else x + y

        @self.app.task(name="fail", shared=False)
        def fail(why: str) -> None:
            self.calls.append(f"fail {why}")
            raise ValueError(why)

        @self.app.task(name="body", shared=False)
        def body(results: Any) -> Any:
            self.bodies.append(results)
            return results

        @self.app.task(name="note", shared=False)
        def note(request: Any, error: BaseException, trace: Any) -> None:
            self.errors.append((request.id, error))

        @self.app.task(name="gate", shared=False)
        def gate(x: int) -> int:
            self.opened.wait(20)
            return x

        self.opened = threading.Event()

    def sig(self, name: str, *args: Any) -> Signature[Any]:
        return self.app.tasks[name].s(*args)

    def calm(self) -> None:
        """Wait until a task sent now has run: all sent before it were taken before it (one worker thread)."""
        count = len(self.bodies)
        self.sig("body", "calm").apply_async()
        wait_until(lambda: len(self.bodies) > count and self.bodies[-1] == "calm")
        self.bodies.remove("calm")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('chords') / 'store.db'}"
    sql.upgrade(url)
    return url


@pytest.fixture
def sqlite_store(database: str) -> Iterator[Store]:
    store = sql.open_store(database, threads=4)
    yield store
    store.close()


@pytest.fixture
def bench(redis_url: str, sqlite_store: Store) -> Iterator[Bench]:
    with working(redis_url, sqlite_store) as bench:
        yield bench


@pytest.fixture
def any_bench(redis_url: str, store: Store) -> Iterator[Bench]:
    with working(redis_url, store) as bench:
        yield bench


@contextlib.contextmanager
def working(url: str, store: Store) -> Iterator[Bench]:
    """With a stock worker of one thread."""
    bench = Bench(url, lambda: store)
    with start_worker(bench.app, perform_ping_check=False, shutdown_timeout=20, pool="solo"):
        yield bench
    bench.app.close()


def test_results_reach_the_body_in_header_order(any_bench: Bench) -> None:
    chord([any_bench.sig("double", n) for n in range(20)], any_bench.sig("body")).apply_async()
    wait_until(lambda: any_bench.bodies)
    assert any_bench.bodies == [[2 * n for n in range(20)]]


def test_parts_may_come_in_any_order(redis_url: str, sqlite_store: Store) -> None:
    bench = Bench(redis_url, lambda: sqlite_store)
    with start_worker(bench.app, perform_ping_check=False, shutdown_timeout=20, pool="threads", concurrency=3):
        header = [bench.sig("gate", 7), bench.sig("double", 1), bench.sig("double", 2)]
        chord(header, bench.sig("body")).apply_async()
        wait_until(lambda: len(bench.calls) == 2)
        assert bench.bodies == []
        bench.opened.set()
        wait_until(lambda: bench.bodies)
    assert bench.bodies == [[7, 2, 4]]


def test_a_header_given_as_a_generator_is_a_header(bench: Bench) -> None:
    chord((bench.sig("double", n) for n in range(5)), bench.sig("body")).apply_async()
    wait_until(lambda: bench.bodies)
    assert bench.bodies == [[0, 2, 4, 6, 8]]


def test_a_header_of_one_and_an_empty_one(bench: Bench) -> None:
    chord([bench.sig("double", 4)], bench.sig("body")).apply_async()
    wait_until(lambda: bench.bodies == [[8]])
    chord([], bench.sig("body")).apply_async()
    wait_until(lambda: bench.bodies == [[8], []])


def test_groups_in_the_header_are_spread_out(bench: Bench) -> None:
    inner = group(bench.sig("double", 2), bench.sig("double", 3))
    chord([bench.sig("double", 1), inner], bench.sig("body")).apply_async()
    wait_until(lambda: bench.bodies)
    assert sorted(bench.bodies[0]) == [2, 4, 6]


def test_a_chain_around_and_within(bench: Bench) -> None:
    double = bench.app.tasks["double"]
    header = [chain(double.si(n), bench.sig("add", 1)) for n in range(3)]
    chain(double.si(0), chord(header, bench.sig("add", 100)), bench.sig("body")).apply_async()
    wait_until(lambda: bench.bodies)
    assert bench.bodies == [109]


def test_a_group_then_a_task_is_a_chord(bench: Bench) -> None:
    (group(bench.sig("double", n) for n in range(3)) | bench.sig("add", 1) | bench.sig("body")).apply_async()
    wait_until(lambda: bench.bodies)
    assert bench.bodies == [7]


def test_a_chord_within_a_header_returns_its_bodys_result(bench: Bench) -> None:
    inner = chord([bench.sig("double", n) for n in (1, 2)], bench.sig("add", 0))
    chord([inner, bench.sig("double", 5)], bench.sig("body")).apply_async()
    wait_until(lambda: bench.bodies)
    assert bench.bodies == [[6, 10]]


def test_a_failing_header_calls_the_bodys_error_callback_once_and_never_the_body(any_bench: Bench) -> None:
    body = any_bench.sig("body").on_error(any_bench.sig("note"))
    header = [
        any_bench.sig("double", 1),
        any_bench.sig("fail", "one"),
        any_bench.sig("fail", "two"),
        any_bench.sig("double", 2),
    ]
    result = chord(header, body).apply_async()
    wait_until(lambda: any_bench.errors)
    any_bench.calm()
    assert sorted(any_bench.calls) == ["double 1", "double 2", "fail one", "fail two"]
    assert any_bench.bodies == []
    ((body_id, error),) = any_bench.errors
    assert body_id == result.id
    assert type(error).__name__ == "ChordError"
    assert "ValueError('one')" in str(error)
    assert isinstance(error.__cause__, ValueError)


def test_a_chord_whose_inner_header_fails_ends_too(bench: Bench) -> None:
    inner = chord([bench.sig("double", 1), bench.sig("fail", "inner")], bench.sig("add", 0))
    body = bench.sig("body").on_error(bench.sig("note"))
    result = chord([inner, bench.sig("double", 5)], body).apply_async()
    wait_until(lambda: [task_id for task_id, _ in bench.errors] == [result.id])
    assert bench.bodies == []


def test_what_follows_a_failed_chord_in_a_chain_does_not_run(bench: Bench) -> None:
    header = [bench.sig("double", 1), bench.sig("fail", "header")]
    chain(chord(header, bench.sig("add", 1)), bench.sig("body")).apply_async()
    wait_until(lambda: len(bench.calls) == 2)
    bench.calm()
    assert bench.bodies == []


def test_a_header_message_that_comes_twice_counts_once(redis_server: RedisServer, redis_url: str, store: Store) -> None:
    bench = Bench(redis_url, lambda: store)
    chord([bench.sig("double", 1), bench.sig("double", 2)], bench.sig("body")).apply_async()
    key = f"flotilla:{bench.app.conf.task_default_queue}"
    with redis_server.client() as client:
        for message in client.lrange(key, 0, -1):
            client.lpush(key, message, message)
    with start_worker(bench.app, perform_ping_check=False, shutdown_timeout=20, pool="solo"):
        wait_until(lambda: len(bench.calls) == 6)
        bench.calm()
    assert bench.bodies == [[2, 4]]


def test_a_store_that_is_away_delays_a_part_and_loses_none(redis_url: str, sqlite_store: Store) -> None:
    failures = iter([True, True, True])

    class Shaky:
        """The store, away for the first few writes of the worker."""

        sent = False

        def write(self, work: Callable[[Any], Any]) -> Any:
            if self.sent and next(failures, False):
                raise Unavailable("the database is away")
            return sqlite_store.write(work)

    shaky = Shaky()
    bench = Bench(redis_url, lambda: shaky)  # type: ignore[arg-type,return-value]  # only what a backend uses
    with start_worker(bench.app, perform_ping_check=False, shutdown_timeout=20, pool="solo"):
        header = [bench.sig("double", 1).set(countdown=0), bench.sig("double", 2)]
        built = chord(header, bench.sig("body"))
        original = bench.app.backend.apply_chord

        def apply_chord(*args: Any, **options: Any) -> None:
            original(*args, **options)
            shaky.sent = True

        bench.app.backend.apply_chord = apply_chord  # type: ignore[method-assign]
        built.apply_async()
        wait_until(lambda: bench.bodies)
    assert bench.bodies == [[2, 4]]
    assert next(failures, None) is None


def test_a_chord_cannot_be_sent_while_the_store_is_away(redis_url: str) -> None:
    class Away:
        def write(self, work: Callable[[Any], Any]) -> Any:
            raise Unavailable("the database is away")

    bench = Bench(redis_url, Away)  # type: ignore[arg-type]  # only what a backend uses
    with pytest.raises(Unavailable):
        chord([bench.sig("double", 1)], bench.sig("body")).apply_async()


def test_a_header_task_that_ends_in_a_group_is_refused_in_words(bench: Bench) -> None:
    ends_in_group = chain(bench.sig("double", 1), group(bench.sig("add", 1), bench.sig("add", 2)))
    with pytest.raises(ValueError, match="ends in a group"):
        chord([ends_in_group, bench.sig("double", 5)], bench.sig("body")).apply_async()


def test_a_result_that_nobody_keeps_is_not_waited_for(bench: Bench) -> None:
    result = bench.sig("double", 1).apply_async()
    with pytest.raises(NotImplementedError, match="not kept"):
        bench.app.AsyncResult(result.id).get(timeout=5)


def test_a_backend_without_a_store_says_what_it_needs(redis_url: str) -> None:
    app = Celery("bare", broker=redis_url, set_as_current=False)
    app.conf.update(result_backend="app.adapters.celery_chords:StoreBackend")
    with pytest.raises(LookupError, match="flotilla_store"):
        app.backend.store  # noqa: B018


@pytest.mark.fault
def test_a_worker_that_dies_in_a_header_task_delays_the_body_and_doubles_nothing(
    redis_url: str, database: str, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    told.touch()
    places = {chord_worker.BROKER: redis_url, chord_worker.DATABASE: database, chord_worker.TOLD: str(told)}
    command = [sys.executable, "-m", "celery", "-A", chord_worker.__name__, "worker", "--pool", "prefork", "-c", "2"]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    log = tmp_path / "log"
    with log.open("w") as out:
        worker = subprocess.Popen(command, env={**os.environ, **places}, cwd=ROOT, stdout=out, stderr=out)
    try:
        app = chord_worker.make(redis_url, database)
        square, die_once, total = (app.tasks[name] for name in ("square", "die_once", "total"))
        chord([square.s(2), die_once.s(7), *(square.s(n) for n in range(10))], total.s()).apply_async()
        wait_until(lambda: "total" in told.read_text(), 30, dump=lambda: told.read_text() + log.read_text()[-3000:])
        again = chord([square.s(3)], total.s())
        again.apply_async()
        wait_until(lambda: "total [9]" in told.read_text())
    finally:
        worker.terminate()
        worker.wait(20)
    lines = told.read_text().splitlines()
    expected = [4, 7, *(n * n for n in range(10))]
    assert [line for line in lines if line.startswith("total")] == [f"total {expected}", "total [9]"]
    assert lines.count("die 7") == 2


class Opened:
    """A store that keeps only which chords were opened."""

    def __init__(self) -> None:
        self.chords: dict[str, tuple[int, str]] = {}

    def write(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    def open_literal_chord(self, chord_id: str, size: int, body: str) -> None:
        self.chords[chord_id] = size, body


@settings(max_examples=25)
@given(rows=st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_a_chord_as_celery_sends_it_is_what_the_domain_plans(rows: list[int]) -> None:
    """Each planned chord sent by Celery: one id, an index from 0 for each need in order, and the body it belongs to."""
    store = Opened()
    bench = Bench("memory://", lambda: store)  # type: ignore[arg-type,return-value]  # only what a backend uses
    double = bench.app.tasks["double"]
    needs = [list(range(max(0, body - size), body)) for body, size in enumerate(rows)]
    planned = chords.plan(needs)
    for plan in planned:
        chord([double.si(position) for position in plan.header], double.si(plan.body), app=bench.app).apply_async()
    sent: dict[str, list[tuple[int, int]]] = {}
    with bench.app.connection_for_read() as connection, connection.channel() as channel:
        while message := channel.basic_get(bench.app.conf.task_default_queue, no_ack=True):
            ((position,), _, embedded) = message.decode()
            sent.setdefault(message.headers["group"], []).append((message.headers["group_index"], position))
            assert embedded["chord"] == json.loads(store.chords[message.headers["group"]][1])
    assert list(sent.values()) == [list(enumerate(plan.header)) for plan in planned]
    assert [size for size, _ in store.chords.values()] == [len(plan.header) for plan in planned]
    assert [json.loads(body)["args"] for _, body in store.chords.values()] == [[plan.body] for plan in planned]


@pytest.mark.parametrize("handoff", [True, False])
def test_a_diamond_of_our_own_tasks_runs_its_shared_task_once(store: Store, handoff: bool) -> None:
    """Stock canvas cannot say this: `shared` is in the header of both sides."""
    broker = MemoryBroker()
    core = Core(store=store, broker=broker, chance=SystemChance(), blobs=MemoryBlobs(), handoff=handoff)
    node = SyntheticNode(core, broker)
    needs = {"shared": (), "left": ("shared",), "right": ("shared",), "join": ("left", "right", "shared")}
    shape = Resources(cpu_milli=1000, memory_mib=512)
    tasks = tuple(TaskSpec(name=name, executor="python", needs=row, shape=shape) for name, row in needs.items())
    submitted = submit.submit(core, anonymous("admin"), "@default", JobSpec(name="diamond", tasks=tasks))
    node.drain()
    ended = store.read(lambda tx: tx.job(submitted.id))
    assert ended is not None
    assert ended.state is JobState.SUCCEEDED
    assert node.ended[0] == "shared"
    assert sorted(node.ended[1:3]) == ["left", "right"]
    assert node.ended[3:] == ["join"]
