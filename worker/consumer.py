"""How does the intake reach into Celery? The only file that touches private names of celery and kombu.

RouteCycle  kombu asks it for the keys of every BRPOP: the routes that fit now, or none
strategy    takes a message that has arrived: charges its route, gives it to a slot's thread
Gate        no BRPOP is begun without room; a reply in flight is never refused; what is handed back may be lost
Unblock     ends the BRPOP in flight when more fits than it offers, so that a large shape starts at once
Courier     adds and cancels broker queues by the list in the heartbeat's answer, and keeps those that were announced
SlotPool    the threads pool, safe to stop from a signal's handler
NodeWorker  the worker program, without Celery's signal handlers

The broker only rings: a message that is lost is offered again by the API's sweep, and one that comes twice claims
nothing. So the transport's own bookkeeping of unacknowledged messages is off (`ack_emulation`); what has not been
claimed goes back to its queue when the connection closes in good order.
"""

import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import redis
from celery import bootsteps
from celery.apps.worker import Worker
from celery.concurrency.thread import TaskPool
from celery.exceptions import SecurityWarning
from celery.worker import state
from celery.worker.consumer import Consumer
from celery.worker.control import control_command
from celery.worker.request import Request
from kombu.transport import redis as transport
from kombu.utils.scheduling import round_robin_cycle

from app.wire.codec import each, text
from worker.desk import Desk
from worker.intake import Allocation
from worker.run_events import RunEvents

log = logging.getLogger(__name__)
HOLD_PREFIX = "flotilla:hold/"
KEEP_QUEUE_S = 45.0
"""A route without offers stays listened to for so long: a key in a BRPOP costs less than a declaration. That is more
than the 30 seconds for which the API takes a route that it has announced for known."""
PRIVATE_NAMES = (
    (transport.Channel, "_in_poll"),
    (transport.Channel, "_brpop_start"),
    (transport.Channel, "pool"),
    (transport.Channel, "_queue_cycle"),
    (transport.Channel, "_restore"),
    (transport.QoS, "can_consume"),
    (round_robin_cycle, "consume"),
    (round_robin_cycle, "rotate"),
    (TaskPool, "on_apply"),
    (Worker, "install_platform_tweaks"),
    (Consumer, "add_task_queue"),
    (Consumer, "cancel_task_queue"),
)
_desk: list[Desk] = []
_events: list[RunEvents] = []


class IncompatibleError(RuntimeError):
    """This celery or kombu is not one that the node can stand on."""


def check() -> None:
    """Raises IncompatibleError that names what is missing."""
    instance_only = {"_queue_cycle"}
    missing = [
        f"{owner.__module__}.{owner.__qualname__}.{name}"
        for owner, name in PRIVATE_NAMES
        if name not in instance_only and not hasattr(owner, name)
    ]
    if missing:
        raise IncompatibleError(
            f"celery {version('celery')} with kombu {version('kombu')} lacks {', '.join(missing)}; "
            "this node needs celery 5.7 with the kombu that it came with"
        )


def bind(desk: Desk, events: RunEvents) -> None:
    """Those of this process; kombu and celery make our classes by name and give them nothing of ours."""
    _desk[:] = [desk]
    _events[:] = [events]


def _bound() -> Desk | None:
    return _desk[0] if _desk else None


class RouteCycle(round_robin_cycle):  # type: ignore[type-arg]  # generic in the stubs only
    """`queue_order_strategy`. In a process without a desk, such as `celery inspect`, it is the stock one."""

    def consume(self, n: int) -> list[str]:  # type: ignore[override]  # kombu itself returns a list
        desk = _bound()
        listening = (self.items or [])[:n]
        return desk.offer(listening) if desk else listening

    def update(self, it: Iterable[str]) -> None:
        """The queues that are listened to have changed; a pop in flight does not know of a new one."""
        super().update(it)
        desk = _bound()
        if desk:
            desk.on_room()

    def rotate(self, last_used: str) -> str:  # type: ignore[override]  # kombu itself returns it
        desk = _bound()
        if desk:
            desk.popped = last_used
        else:
            super().rotate(last_used)
        return last_used


class SlotPool(TaskPool):
    """Threads. What a thread does about signals and limits is the slot's own affair (`worker/supervise.py`)."""

    signal_safe = True
    executor: ThreadPoolExecutor

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Celery's revoke: runs are ended through the API, which knows whose they are."""

    def on_stop(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)


class OfferRequest(Request):
    """An offer in work, as `inspect active` sees it."""

    def send_event(self, type: str, **fields: Any) -> None:
        """Not of the offer: each of its runs is told by itself (`run_events.py`)."""

    def serve(self, desk: Desk, allocation: Allocation) -> None:
        """In a slot's thread."""
        try:
            self.on_accepted(os.getpid(), time.monotonic())  # type: ignore[arg-type]  # it is a number in truth
            desk.serve(each({"runIds": self.args[0]}, "runIds", text), allocation.shape)
        except Exception:  # a bug of ours or a forged message: the slot must not be lost for it
            log.exception("an offer could not be served")
        finally:
            self.message.ack_log_error(log, self.connection_errors)
            state.task_ready(self, successful=True)
            desk.release(allocation)


def strategy(task: Any, app: Any, consumer: Any) -> Callable[..., None]:
    """`Task.Strategy` of offers: Celery calls the handler for each message, in the event loop."""
    pool, eventer, errors = consumer.pool, consumer.event_dispatcher, consumer.connection_errors
    for events in _events:
        events.dispatcher = eventer

    def handle(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any) -> None:
        desk = _bound()
        allocation = desk.take(desk.popped) if desk else None
        if desk is None or allocation is None:
            message.reject_log_error(log, errors, requeue=True)
            return
        try:
            request = OfferRequest(
                message,
                app=app,
                task=task,
                hostname=consumer.hostname,
                eventer=eventer,
                connection_errors=errors,
                headers=message.headers,
            )
            state.task_reserved(request)
            pool.apply_async(request.serve, (desk, allocation), callback=_done)
        except Exception:  # whatever is wrong with a message, what was charged for it is given back
            log.exception("a message on %s is no offer", desk.popped)
            message.ack_log_error(log, errors)
            desk.release(allocation)

    return handle


def _done(value: object) -> None:
    """The pool wants to tell somebody; the slot has told everybody already."""


class Gate(bootsteps.StartStopStep):
    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        desk, channel = _bound(), consumer.task_consumer.channel
        stock, stock_restore = channel.qos.can_consume, channel._restore
        if desk:
            channel.qos.can_consume = lambda: bool(channel._in_poll) or (stock() and desk.intake.open)

        def restore(message: Any, *args: Any, **options: Any) -> None:
            """A node whose Redis user may not write to routes leaves it to the sweep to offer again."""
            try:
                stock_restore(message, *args, **options)
            except redis.exceptions.NoPermissionError:
                log.info("an offer that was not claimed is not handed back; the API will offer it again")

        channel._restore = restore


class Unblock(bootsteps.StartStopStep):
    requires = ("celery.worker.consumer.tasks:Tasks",)
    client: redis.Redis | None = None  # plain, for the few commands of ours; the channel's own adds prefixes to some

    def start(self, consumer: Any) -> None:
        desk = _bound()
        if desk is None:
            return
        self._channel = consumer.task_consumer.channel
        self._desk = desk
        client = redis.Redis(connection_pool=self._channel.pool)
        self._client = Unblock.client = client
        self._known: tuple[Any, int] = (None, 0)
        stock = self._channel._brpop_start

        def start_brpop(timeout: Any = None) -> None:
            self._learn()
            stock(timeout)

        self._channel._brpop_start = start_brpop
        desk.on_room = lambda: consumer.hub.call_soon(self.poke)

    def stop(self, consumer: Any) -> None:
        if getattr(self, "_desk", None):
            self._desk.on_room = lambda: None

    def poke(self) -> None:
        """In the event loop. Without a BRPOP in flight the loop's next turn begins one anyhow."""
        if self._channel._in_poll and self._desk.widened(list(self._channel._queue_cycle.items)):
            try:
                self._client.client_unblock(self._known[1])
            except self._channel.connection_errors as problem:
                log.debug("the broker is away: %s", problem)

    def _learn(self) -> None:
        """The connection's number at the server, asked once for each socket while nothing else is on it."""
        connection = self._channel.client.connection
        if connection._sock is not self._known[0]:
            connection.send_command("CLIENT", "ID")
            self._known = (connection._sock, int(connection.read_response()))


class Courier(bootsteps.StartStopStep):
    """Keeps what is listened to in step with what the API lists and announces."""

    requires = ("celery.worker.consumer.tasks:Tasks",)
    _wanted: dict[str, float] = {}  # noqa: RUF012  it must outlive a reconnection, which makes no new step
    _consumer: Any = None
    _lock = threading.Lock()

    def start(self, consumer: Any) -> None:
        Courier._consumer = consumer
        stock = consumer.add_task_queue

        def add_task_queue(queue: str, *args: Any, **options: Any) -> None:
            """Also what remote control calls when the API announces a route, which may be in no list."""
            with Courier._lock:
                Courier._wanted = {**Courier._wanted, queue: time.monotonic()}
            stock(queue, *args, **options)

        consumer.add_task_queue = add_task_queue
        consumer.hub.call_soon(self.sync)

    @classmethod
    def want(cls, keys: Iterable[str]) -> None:
        """From any thread: these routes have offers out."""
        now = time.monotonic()
        fresh = dict.fromkeys(keys, now)
        with cls._lock:
            changed = not fresh.keys() <= cls._wanted.keys()
            kept = {key: at for key, at in cls._wanted.items() if now - at < KEEP_QUEUE_S}
            changed = changed or len(kept) < len(cls._wanted)
            cls._wanted = {**kept, **fresh}
        if cls._consumer is not None and changed:
            cls._consumer.hub.call_soon(cls.sync)

    @classmethod
    def sync(cls) -> None:
        """In the event loop."""
        consumer = cls._consumer
        if consumer is None or consumer.task_consumer is None:
            return
        listening = {queue.name for queue in consumer.task_consumer.queues if "/" in queue.name}
        for key in cls._wanted.keys() - listening:
            consumer.add_task_queue(key, exchange="", routing_key=key)
        for key in listening - cls._wanted.keys():
            consumer.cancel_task_queue(key)


class NodeWorker(Worker):
    """Signals are the node's own (`worker/node.py`)."""

    consumer: Any  # set by Celery's blueprint

    def on_consumer_ready(self, consumer: Any) -> None:
        """What was announced before this node listened is in the answer to a heartbeat."""
        super().on_consumer_ready(consumer)
        for _, beat in _on_beat:
            beat()

    def on_before_init(self, quiet: bool = False, **options: Any) -> None:
        """Without the warning about the superuser: it is about pickle, which is not accepted here."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            super().on_before_init(quiet=quiet, **options)

    def install_platform_tweaks(self, worker: Any) -> None:
        """None of Celery's."""


def wake(worker: NodeWorker) -> None:
    """Lets the event loop see that `leave` was called."""
    hub = getattr(worker.consumer, "hub", None)
    if hub is not None:
        hub.call_soon(lambda: None)


def leave(worker: NodeWorker) -> None:
    """The worker's main loop ends; from any thread."""
    setattr(state, "should_stop", 0)  # noqa: B010  the stubs say that it is always None
    wake(worker)


def hold(key: str, owner: str, for_s: float) -> bool:
    """Whether `owner` may hold back for the route `key`: one node of the fleet may, by a lease at the broker."""
    client = Unblock.client
    if client is None:
        return False
    name = f"{HOLD_PREFIX}{key}"
    try:
        if client.set(name, owner, nx=True, px=int(for_s * 1000)):
            return True
        return client.get(name) in (owner, owner.encode())
    except redis.RedisError as problem:
        log.debug("the broker is away: %s", problem)
        return False


_on_beat: list[tuple[str, Callable[[], None]]] = []


def when_asked_to_beat(node_id: str, beat: Callable[[], None]) -> None:
    _on_beat[:] = [(node_id, beat)]


@control_command(name="flotilla_beat", args=[("node_ids", list)])
def flotilla_beat(panel: Any, node_ids: Sequence[str] = ()) -> dict[str, str]:
    """Remote control: beat now, for the answer has news, such as a cancel. Without ids it is for every node."""
    for node_id, beat in _on_beat:
        if not node_ids or node_id in node_ids:
            beat()
    return {"ok": "beating"}
