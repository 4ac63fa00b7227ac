"""Every broker keeps the promises of `app.ports.broker`; the Celery one also those of Celery to stock workers."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

from app.adapters.celery_broker import KEY_PREFIX, POOL_SIZE, SETTINGS, CeleryBroker
from app.adapters.memory.broker import MemoryBroker
from app.domain.errors import Unavailable
from app.ports.broker import Broker, Offer
from app.wire.claim import MAX_BUNDLE, OFFER_TASK
from app.wire.resources import Resources, Route
from tests.servers import RedisServer
from tests.wait import wait_until

BOUND_S = 6.0  # "a few seconds" of the port


def route(queue: str = "@default", executor: str = "noop", cpu_milli: int = 1000) -> Route:
    shape = Resources(cpu_milli=cpu_milli, memory_mib=512)
    return Route(queue=queue, tag="", executor=executor, version="", shape=shape)


def offer(*run_ids: str, at: Route | None = None) -> Offer:
    return Offer(route=at or route(), run_ids=run_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`take` pops as a node does: the run ids of the oldest message of a route, or None."""

    broker: Broker
    take: Callable[[Route], tuple[str, ...] | None]
    fail: Callable[[], None]
    heal: Callable[[], None]


def popper(url: str) -> Callable[[Route], tuple[str, ...] | None]:
    node = Celery("node", broker=url, set_as_current=False)
    node.conf.update(SETTINGS)

    def take(wanted: Route) -> tuple[str, ...] | None:
        with node.connection_for_read() as connection, connection.channel() as channel:
            message = channel.basic_get(wanted.key, no_ack=True)
            if message is None:
                return None
            ((run_ids,), _, _) = message.decode()
            return tuple(run_ids)

    return take


@pytest.fixture
def private_redis() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["memory", "celery"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "memory":
        memory = MemoryBroker()

        def pop(wanted: Route) -> tuple[str, ...] | None:
            taken = memory.take([wanted.key])
            return taken and taken.run_ids

        yield Subject(
            broker=memory,
            take=pop,
            fail=lambda: setattr(memory, "away", True),
            heal=lambda: setattr(memory, "away", False),
        )
        return
    server: RedisServer = request.getfixturevalue("private_redis")
    broker = CeleryBroker(server.url)
    yield Subject(broker=broker, take=popper(server.url), fail=server.kill, heal=server.start)
    broker.close()


def test_what_was_published_waits_until_it_is_taken_and_is_taken_in_order(subject: Subject) -> None:
    subject.broker.publish([offer("a"), offer("b", "c")])
    subject.broker.publish([offer("d")])
    assert subject.broker.waiting([route()]) == {"a", "b", "c", "d"}
    assert subject.take(route()) == ("a",)
    assert subject.broker.waiting([route()]) == {"b", "c", "d"}
    assert [subject.take(route()) for _ in range(3)] == [("b", "c"), ("d",), None]
    assert subject.broker.waiting([route()]) == set()


def test_routes_do_not_mix(subject: Subject) -> None:
    small, large = route(), route(cpu_milli=4000)
    subject.broker.publish([offer("a", at=small), offer("b", at=large)])
    assert subject.broker.waiting([small]) == {"a"}
    assert subject.broker.waiting([small, large, route(queue="empty")]) == {"a", "b"}
    assert subject.take(large) == ("b",)
    assert subject.take(large) is None


@pytest.mark.parametrize("name", ["with space", "slash/inside", "ünïcode", "\x06\x16", "%2F", "{braces}", "a:b*"])
def test_any_name_makes_a_queue_of_its_own(subject: Subject, name: str) -> None:
    odd = route(queue=name)
    subject.broker.publish([offer("a", at=odd)])
    assert subject.broker.waiting([route()]) == set()
    assert subject.broker.waiting([odd]) == {"a"}
    assert subject.take(odd) == ("a",)


def test_the_largest_bundle_travels_whole(subject: Subject) -> None:
    run_ids = tuple(f"01890000-0000-7000-8000-{n:012x}" for n in range(MAX_BUNDLE))
    subject.broker.publish([offer(*run_ids)])
    assert subject.broker.waiting([route()]) == set(run_ids)
    assert subject.take(route()) == run_ids


def test_nothing_is_published_for_nothing(subject: Subject) -> None:
    subject.broker.publish([])
    assert subject.broker.waiting([]) == set()
    assert subject.broker.waiting([route()]) == set()


def test_a_run_may_be_offered_twice(subject: Subject) -> None:
    subject.broker.publish([offer("a"), offer("a")])
    assert subject.broker.waiting([route()]) == {"a"}
    assert [subject.take(route()) for _ in range(3)] == [("a",), ("a",), None]


def test_many_threads_publish_at_once_and_lose_nothing(subject: Subject) -> None:
    def work(thread: int) -> None:
        for n in range(25):
            subject.broker.publish([offer(f"{thread}-{n}")])

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(subject.broker.waiting([route()])) == 16 * 25
    assert len([1 for _ in range(16 * 25) if subject.take(route())]) == 16 * 25


def test_a_lost_broker_is_told_in_time_and_needs_no_restart_of_ours(subject: Subject) -> None:
    subject.broker.publish([offer("before")])
    subject.fail()
    started = time.monotonic()
    with pytest.raises(Unavailable):
        subject.broker.publish([offer("lost")])
    with pytest.raises(Unavailable):
        subject.broker.waiting([route()])
    subject.broker.announce([route(queue="elsewhere")])
    assert time.monotonic() - started < 3 * BOUND_S
    subject.heal()
    subject.broker.publish([offer("after")])
    assert "after" in subject.broker.waiting([route()])
    assert "lost" not in subject.broker.waiting([route()])


def test_a_broker_that_was_never_there_is_told_in_time() -> None:
    broker = CeleryBroker("redis+socket:///nonexistent/socket")
    started = time.monotonic()
    with pytest.raises(Unavailable):
        broker.publish([offer("a")])
    with pytest.raises(Unavailable):
        broker.ping()
    broker.announce([route()])
    assert time.monotonic() - started < BOUND_S
    broker.close()


@pytest.mark.fault
def test_a_broker_that_hangs_is_told_in_time(private_redis: RedisServer) -> None:
    broker = CeleryBroker(private_redis.url)
    broker.publish([offer("before")])
    private_redis.send(signal.SIGSTOP)
    started = time.monotonic()
    try:
        with pytest.raises(Unavailable):
            broker.publish([offer("lost")])
        with pytest.raises(Unavailable):
            broker.ping()
        assert time.monotonic() - started < 2 * BOUND_S
    finally:
        private_redis.send(signal.SIGCONT)

    def published() -> bool:
        with contextlib.suppress(Unavailable):
            broker.publish([offer("after")])
            return True
        return False

    wait_until(published, BOUND_S)
    assert {"before", "after"} <= broker.waiting([route()])
    broker.close()


def test_a_forked_child_does_not_share_connections(redis_url: str) -> None:
    broker = CeleryBroker(redis_url)
    broker.publish([offer("parent")])
    child = os.fork()
    if child == 0:
        try:
            for _ in range(50):
                broker.publish([offer("child")])
            os._exit(0)
        finally:
            os._exit(1)
    for _ in range(50):
        assert "parent" in broker.waiting([route()])
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert broker.waiting([route()]) == {"parent", "child"}
    broker.close()


def test_every_key_is_under_the_prefix(redis_server: RedisServer, redis_url: str) -> None:
    broker = CeleryBroker(redis_url)
    broker.publish([offer("a")])
    broker.announce([route()])
    with redis_server.client() as client:
        assert client.keys() == [f"{KEY_PREFIX}{route().key}".encode()]
    broker.close()


def test_a_message_that_is_no_offer_names_no_run(redis_server: RedisServer, redis_url: str) -> None:
    broker = CeleryBroker(redis_url)
    key = f"{KEY_PREFIX}{route().key}"
    stranger = Celery("stranger", broker=redis_url, set_as_current=False)
    stranger.conf.update(SETTINGS)
    with redis_server.client() as client:
        for junk in ("", "junk", "[]", "{}", '{"properties": {}}'):
            client.lpush(key, junk)
    with stranger.producer_pool.acquire() as producer:
        for body in (None, [], [[], {}, {}], [[["ok"], 2], {}, {}], [[7], {}, {}], [[[7]], {}, {}]):
            producer.publish(body, routing_key=route().key, serializer="json")
        producer.publish(b"\x80\x04N.", routing_key=route().key, content_type="application/x-python-serialize")
    broker.publish([offer("a")])
    assert broker.waiting([route()]) == {"a"}
    broker.close()
    stranger.close()


def stock_worker(url: str, taken: list[list[str]]) -> Celery:
    node = Celery("node", broker=url, set_as_current=False)
    node.conf.update(SETTINGS)
    node.conf.broker_transport_options = dict(SETTINGS["broker_transport_options"], polling_interval=1)

    @node.task(name=OFFER_TASK, shared=False)
    def run(run_ids: list[str]) -> None:
        taken.append(run_ids)

    return node


def test_a_stock_worker_takes_an_offer_of_a_route_that_was_announced_to_it(redis_url: str) -> None:
    taken: list[list[str]] = []
    broker = CeleryBroker(redis_url)
    worker = stock_worker(redis_url, taken)
    with start_worker(worker, perform_ping_check=False, shutdown_timeout=20):
        wait_until(lambda: worker.control.ping(timeout=0.5, limit=1), 30)  # an earlier announcement would not be heard
        broker.publish([offer("a", "b")])
        broker.announce([route(), route(queue="other")])
        wait_until(lambda: taken == [["a", "b"]])
        broker.announce([route()])
        broker.publish([offer("c", at=route(queue="other"))])
        wait_until(lambda: taken == [["a", "b"], ["c"]])
    broker.close()


def test_a_route_is_announced_once_in_a_while_and_again_after_a_failure(private_redis: RedisServer) -> None:
    broker = CeleryBroker(private_redis.url)
    with private_redis.client() as client, client.pubsub() as listener:
        listener.psubscribe("*pidbox*")
        wait_until(lambda: listener.get_message(timeout=0.1))
        broker.announce([route()])
        broker.announce([route(), route(queue="other")])
        broker.announce([route()])
        heard = []
        while message := listener.get_message(timeout=0.3):
            heard.append(message["data"])
        assert len(heard) == 2
    private_redis.kill()
    broker.announce([route(queue="third")])
    private_redis.start()
    with private_redis.client() as client, client.pubsub() as listener:
        listener.psubscribe("*pidbox*")
        wait_until(lambda: listener.get_message(timeout=0.1))
        broker.announce([route(queue="third")])
        assert listener.get_message(timeout=1.0)
    broker.close()


def test_more_threads_than_connections_wait_for_one_another_only_so_long(redis_server: RedisServer) -> None:
    broker = CeleryBroker(redis_server.url)
    with contextlib.ExitStack() as held:
        for _ in range(POOL_SIZE):
            held.enter_context(broker._producer())
        started = time.monotonic()
        with pytest.raises(Unavailable, match="in use"):
            broker.publish([offer("a")])
        assert time.monotonic() - started < BOUND_S
    broker.publish([offer("a")])
    broker.close()
