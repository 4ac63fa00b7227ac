"""The broker's promises within one process, for tests and simulations.

Messages are kept encoded, in the same form as those of `app/adapters/celery_broker.py`: the list of Celery's positional
arguments in JSON. What cannot be encoded fails here too.
"""

import json
import threading
from collections import deque
from collections.abc import Collection, Sequence

from app.domain.errors import Unavailable
from app.ports.broker import Offer
from app.wire.resources import Route


class MemoryBroker:
    """`away` makes every call fail as a lost broker does; `announced` has the keys of all routes announced so far,
    `nudged` the ids of all nodes that were asked for a heartbeat.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[str]] = {}
        self.announced: set[str] = set()
        self.nudged: set[str] = set()
        self.away = False

    def publish(self, offers: Sequence[Offer]) -> None:
        self._check()
        messages = [(offer.route.key, json.dumps([list(offer.run_ids)])) for offer in offers]
        with self._lock:
            for key, message in messages:
                self._queues.setdefault(key, deque()).append(message)

    def waiting(self, routes: Collection[Route]) -> set[str]:
        self._check()
        with self._lock:
            messages = [message for route in routes for message in self._queues.get(route.key, ())]
        return {run_id for message in messages for run_id in _run_ids(message)}

    def announce(self, routes: Collection[Route]) -> None:
        if not self.away:
            self.announced.update(route.key for route in routes)

    def nudge(self, node_ids: Collection[str]) -> None:
        if not self.away:
            self.nudged.update(node_ids)

    def take(self, keys: Collection[str] | None = None) -> Offer | None:
        """As a node pops: the oldest message of the first of these routes that has one, by default of any route."""
        self._check()
        with self._lock:
            for key in list(self._queues) if keys is None else keys:
                queue = self._queues.get(key)
                if queue:
                    return Offer(route=Route.parse(key), run_ids=_run_ids(queue.popleft()))
        return None

    def empty(self) -> None:
        """Lose every message, as a broker that restarts without persistence does."""
        with self._lock:
            self._queues.clear()

    def ping(self) -> None:
        self._check()

    def close(self) -> None:
        self.empty()

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the broker is away")


def _run_ids(message: str) -> tuple[str, ...]:
    (run_ids,) = json.loads(message)
    return tuple(run_ids)
