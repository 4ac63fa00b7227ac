"""How many more runs may a queue be given now? Nothing is asked of queues without limits but whether they have one.

max_running  so many of its runs may be with nodes or on their way to them
max_starts   so many may start a minute: each pays 60 s / max_starts, and what has not been used of the last few seconds
             may be used at once, so that a rate is reached however seldom somebody looks

Queues are an organization's own, but a route is shared by all that have a queue of that name: where one organization
has reached its limit, the others' tasks on the route go on. A limited queue is locked until the transaction ends, so
that two processes never fill the same place.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from app.domain.task import Task
from app.ports.records import Queue
from app.ports.store import Writer
from app.services.core import MICROSECONDS
from app.wire.resources import Route

_MINUTE_US: Final = 60 * MICROSECONDS
_SAVED_UP_US: Final = 5 * MICROSECONDS


class Gate:
    """One transaction's. What it has been told to look at is asked then, and waited for where it matters."""

    def __init__(self, tx: Writer, routes: Collection[str] = ()) -> None:
        self._tx = tx
        self._names: set[str] = set()
        self._asked: list[Callable[[], Sequence[Queue]]] = []
        self._known: dict[str, dict[str, Queue]] = defaultdict(dict)
        self.look_at(routes)

    def look_at(self, routes: Collection[str]) -> None:
        names = {Route.parse(key).queue for key in routes} - self._names
        if names:
            self._names |= names
            self._asked.append(self._tx.limited_queues(names))

    @property
    def _limited(self) -> dict[str, dict[str, Queue]]:
        while self._asked:
            for queue in self._asked.pop()():
                self._known[queue.name][queue.org_id] = queue
        return self._known

    def most(self, key: str, org_id: str, limit: int) -> int:
        """How many of `limit` tasks of this organization the limits leave room for on the route."""
        queue = self._limited.get(Route.parse(key).queue, {}).get(org_id)
        return limit if queue is None else max(0, min(limit, self._room(queue)))

    def _room(self, queue: Queue) -> int:
        room = []
        if queue.max_running is not None:
            room.append(queue.max_running - self._tx.out_of_queue(queue.org_id, queue.name))
        if queue.max_starts is not None:
            room.append(starts_left(queue, self._tx.now_us))
        return min(room)

    def limits(self, key: str, org_id: str) -> bool:
        """Whether the organization's queue of this route has any limit."""
        return org_id in self._limited.get(Route.parse(key).queue, {})

    def started(self, tasks: Sequence[Task]) -> None:
        """They are given a run each, and pay for it."""
        if not self._limited:
            return
        counts = Counter((task.org_id, Route.parse(task.route).queue) for task in tasks)
        for (org_id, name), count in counts.items():
            queue = self._limited.get(name, {}).get(org_id)
            if queue is not None and queue.max_starts is not None:
                after = replace(queue, next_start_us=_paid(queue, self._tx.now_us, count))
                self._limited[name][org_id] = after
                self._tx.save_limits(after)


def starts_left(queue: Queue, now_us: int) -> int:
    """How many may start now by the queue's rate, which it has."""
    price_us = _price_us(queue)
    saved_up_us = max(price_us, _SAVED_UP_US)
    # A due time far ahead is one before the clock stepped back, or of a slower rate.
    due_us = min(max(queue.next_start_us, now_us), now_us + saved_up_us)
    return (now_us + saved_up_us - due_us) // price_us


def next_start_in_us(queue: Queue, now_us: int) -> int:
    """How long until one may start; 0 when one may now."""
    ahead_us = max(_price_us(queue), _SAVED_UP_US) - _price_us(queue)
    return max(0, queue.next_start_us - ahead_us - now_us) if not starts_left(queue, now_us) else 0


def _paid(queue: Queue, now_us: int, starts: int) -> int:
    return max(queue.next_start_us, now_us) + starts * _price_us(queue)


def _price_us(queue: Queue) -> int:
    return _MINUTE_US // max(1, queue.max_starts or 1)
