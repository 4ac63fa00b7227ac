"""How do offers reach the nodes? As ordinary Celery task messages, one Redis list a route.

An offer is a message of the task `flotilla.run` whose one argument is the list of run ids, in Celery's protocol 2, so
that a stock worker can consume it and Flower can show it. This file knows Celery, kombu and Redis; it knows nothing of
what a run is. On the other end stands `worker/consumer.py`.

A whole call goes to Redis in one pipeline: 0.27 ms for one offer, 0.04 ms for each one more. An error means that some
may have arrived and some not. Nothing is repeated here: the sweep offers again what stays queued.
"""

import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import redis
from celery import Celery
from kombu import Exchange
from kombu.exceptions import KombuError
from kombu.transport.redis import Channel
from kombu.transport.virtual import Message
from kombu.utils.json import loads
from kombu.utils.uuid import uuid
from redis.exceptions import RedisError

from app.domain.errors import Unavailable
from app.ports.broker import Offer
from app.wire.broker import KEY_PREFIX, Broker
from app.wire.claim import OFFER_TASK
from app.wire.resources import Route

POOL_SIZE = 32  # producers; each is made when it is first needed
PATIENCE_S = 2.0
SLOW_S = 0.5
REST_S = 2.0
"""A broker that hangs costs its patience once in so long; meanwhile nobody waits for it."""
ANNOUNCE_AGAIN_S = 30.0

TRANSPORT: Mapping[str, Any] = {  # Any: kombu's options are of many types
    "global_keyprefix": KEY_PREFIX,
    "priority_steps": [0],  # the store decides the order
    "socket_timeout": PATIENCE_S,
    "socket_connect_timeout": PATIENCE_S,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "max_retries": 0,  # of a connection that cannot be made; kombu's default is for ever
    "max_connections": POOL_SIZE,
}

SETTINGS: Mapping[str, Any] = {  # Any: Celery's settings are of many types
    "task_serializer": "json",
    "event_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "broker_pool_limit": POOL_SIZE,
    "broker_transport_options": dict(TRANSPORT),
}

PIDBOX = Exchange("celery.pidbox", type="fanout", durable=False, delivery_mode="transient")  # remote control's

BEAT_COMMAND = "flotilla_beat"

BROKER_ERRORS = (KombuError, RedisError, OSError)


class CeleryBroker:
    """Implements `app.ports.broker.Broker`. Any number of threads may use it; a forked child gets connections anew."""

    def __init__(self, broker: Broker | str) -> None:
        self._broker = Broker(url=broker) if isinstance(broker, str) else broker
        self._lock = threading.Lock()
        self._announced: dict[str, float] = {}
        self._origin = f"api@{os.uname().nodename}"
        self._rests_until = 0.0
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        where = self._broker.transport_options(timeout_s=PATIENCE_S, connect_timeout_s=PATIENCE_S)
        self._app = Celery("flotilla", broker=self._broker.celery_url, set_as_current=False)
        self._app.conf.update(SETTINGS)
        self._app.conf.update(broker_use_ssl=self._broker.tls, broker_transport_options={**TRANSPORT, **where})
        self._free = threading.BoundedSemaphore(POOL_SIZE)

    def publish(self, offers: Sequence[Offer]) -> None:
        if not offers:
            return
        with self._producer() as producer, producer.batch():
            for offer in offers:
                headers, properties, body, _ = self._message(offer)
                producer.publish(
                    body, exchange="", routing_key=offer.route.key, serializer="json", headers=headers, **properties
                )

    def _message(self, offer: Offer) -> Any:  # Any: Celery's task_message has no published type
        count = len(offer.run_ids)
        shown = offer.run_ids[0] if count == 1 else f"{offer.run_ids[0]} and {count - 1} more"
        return self._app.amqp.as_task_v2(
            uuid(),
            OFFER_TASK,
            args=(list(offer.run_ids),),
            argsrepr=f"([{shown}],)",
            kwargsrepr="{}",
            origin=self._origin,
            ignore_result=True,
        )

    def waiting(self, routes: Collection[Route]) -> set[str]:
        with self._producer() as producer:
            channel: Channel = producer.channel
            # A client of its own: the channel's puts the prefix before the keys of some commands and not of LRANGE.
            pipeline = redis.Redis(connection_pool=channel.pool).pipeline(transaction=False)
            for route in routes:  # with a single priority step a list has the name of its queue
                pipeline.lrange(KEY_PREFIX + route.key, 0, -1)
            return {run_id for raw in pipeline.execute() for item in raw for run_id in _run_ids(item, channel)}

    def announce(self, routes: Collection[Route]) -> None:
        """Celery's own `add_consumer`, written out: `Control.broadcast` would wait for a lost broker for ever."""
        now = time.monotonic()
        with self._lock:
            self._announced = {key: at for key, at in self._announced.items() if now - at < ANNOUNCE_AGAIN_S}
            new = {route.key for route in routes} - self._announced.keys()
            self._announced.update(dict.fromkeys(new, now))
        try:
            self._command(
                "add_consumer",
                [{"queue": key, "exchange": "", "exchange_type": "direct", "routing_key": key} for key in sorted(new)],
            )
        except Unavailable:
            with self._lock:
                for key in new:
                    self._announced.pop(key, None)

    def nudge(self, node_ids: Collection[str]) -> None:
        """To all nodes, each of which looks for its own id: what a node is called at the broker is not known here."""
        with suppress(Unavailable):
            self._command(BEAT_COMMAND, [{"node_ids": sorted(node_ids)}] if node_ids else [])

    def _command(self, method: str, calls: Sequence[Mapping[str, Any]]) -> None:
        """Remote control, one command for each call's arguments, of every node and without an answer."""
        if not calls:
            return
        with self._producer() as producer, producer.batch():
            for arguments in calls:
                command = {"method": method, "arguments": arguments, "destination": None}
                producer.publish(command, exchange=PIDBOX.name, declare=[PIDBOX], serializer="json")

    def ping(self) -> None:
        """Raises Unavailable when the broker does not answer."""
        with self._producer() as producer:
            redis.Redis(connection_pool=producer.channel.pool).ping()

    def close(self) -> None:
        self._app.close()

    @contextmanager
    def _producer(self) -> Iterator[Any]:  # Any: kombu ships no types
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._open()
        free, began = self._free, time.monotonic()
        if began < self._rests_until:
            raise Unavailable("the broker did not answer in time a moment ago")
        if not free.acquire(timeout=PATIENCE_S):  # kombu's pool would wait for a connection without an end
            raise Unavailable(f"all {POOL_SIZE} connections to the broker are in use")
        try:
            with self._app.producer_pool.acquire(block=True) as producer:
                yield producer
        except BROKER_ERRORS as error:
            now = time.monotonic()
            if now - began > SLOW_S:
                self._rests_until = now + REST_S
            raise Unavailable(f"the broker is away: {error}") from error
        finally:
            free.release()


def _run_ids(item: bytes, channel: Channel) -> list[str]:
    """What an offer in a list names; a message that is no offer names nothing."""
    try:
        message = Message(loads(item), channel=channel, accept={"application/json"})
        ((run_ids,), _, _) = message.decode()
        return [run_id for run_id in run_ids if isinstance(run_id, str)]
    except (KombuError, ValueError, TypeError, KeyError, LookupError):
        return []
