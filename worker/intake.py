"""How a node takes work that fits.

 1. The API publishes an offer (run ids, nothing else) to the broker queue of its route: queue, tag, executor, shape
    (`app/services/release.py`; the queue's name is `app/wire/resources.py`: `Route.key`).
 2. A node listens only on routes that it can serve at all: its queues, its tags, its executors, and a shape that its
    total holds (`Intake.serves`).
 3. Before every blocking pop the consumer asks which of those routes fit what is free at this moment
    (`Intake.offer`). Only these are put into the pop, so nothing is taken that would have to be put back.
 4. Largest shape first, since the small ones find room anyhow; every few pops the route that was served longest ago
    goes first, so that nobody waits for ever behind a larger neighbour.
 5. Nothing is offered when every slot is busy, when the node drains, or when it has lost the API.
 6. When an offer arrives, its route's shape is charged at once (`Intake.take`), before the next pop is computed:
    one pop is in flight at a time, so the node cannot over-commit.
 7. The slot that works on it claims the runs (`worker/slot.py`; `app/services/claim.py` at the other end). Runs handed
    to it with a report's answer run under the same charge.
 8. When the slot has nothing left, exactly what was taken is given back (`Intake.release`), and if a route fits now
    that the pop in flight does not offer, the pop is ended and asked anew (`worker/consumer.py`: Unblock).
 9. A shape that has offers out but has found no room for long is starving (`Intake.starving`). A node that may help it
    holds back (`Intake.hold_for`): until the hold ends it offers only shapes at least that large.
10. `free` is kept as it changes and can be recomputed from what is out (`Intake.recomputed`); both must agree.

This file knows no broker, no thread and no clock: times are arguments (seconds of a monotonic clock), and whoever
calls it from several threads holds a lock around it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.wire.cards import versioned
from app.wire.resources import NOTHING, Resources, Route

ROTATION = 4
"""Every so many pops the order is by age instead of by size."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allocation:
    """What was taken for one offer. Two are never equal: it is given back once, by itself."""

    route: Route
    shape: Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a node can serve at all. `queues` may hold '*', every queue; a route without a tag suits every node.
    `executors` are names, and `name@version` for each version that can be asked for.
    """

    total: Resources
    slots: int
    queues: frozenset[str]
    tags: frozenset[str]
    executors: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Intake:
    """The node's ledger of cpu, memory and slots, and the choice of routes to listen on."""

    abilities: Abilities
    free: Resources = field(init=False)
    draining: bool = False
    paused: bool = False
    _out: set[Allocation] = field(default_factory=set)
    _routes: dict[str, Route | None] = field(default_factory=dict)
    _served: dict[str, float] = field(default_factory=dict)
    _waiting: dict[str, float] = field(default_factory=dict)
    _hold: tuple[Resources, float] | None = None
    _pops: int = 0

    def __post_init__(self) -> None:
        self.free = self.abilities.total

    def serves(self, key: str) -> bool:
        """Whether this node could ever run what the broker queue `key` offers."""
        return self._route(key) is not None

    def offer(self, keys: Iterable[str], now: float) -> list[str]:
        """The broker queues to pop from now, in the order of preference; none when the node takes nothing."""
        if not self.open:
            return []
        fitting = self.fitting(keys, now)
        self._pops += 1
        if self._pops % ROTATION == 0:
            return sorted(fitting, key=lambda key: self._served.get(key, 0.0))
        return sorted(fitting, key=lambda key: (-self._share(key), self._served.get(key, 0.0)))

    def fitting(self, keys: Iterable[str], now: float) -> list[str]:
        """As `offer`, in no order and without counting as a pop."""
        return [key for key in keys if self._fits_now(key, now)] if self.open else []

    def take(self, key: str, now: float) -> Allocation | None:
        """Charge the route's shape for an offer that has arrived; None when it must go back to the broker."""
        route = self._route(key)
        if route is None or not self.open or not route.shape.fits(self.free):
            return None
        allocation = Allocation(route=route, shape=route.shape)
        self._out.add(allocation)
        self.free -= route.shape
        self._served[key] = now
        self._waiting.pop(key, None)
        if self._hold is not None and self._hold[0].fits(route.shape):
            self._hold = None
        return allocation

    def release(self, allocation: Allocation) -> None:
        """Give back what `take` charged. Twice is an error of the caller."""
        self._out.remove(allocation)
        self.free += allocation.shape

    @property
    def open(self) -> bool:
        return not (self.draining or self.paused) and len(self._out) < self.abilities.slots

    @property
    def busy(self) -> int:
        """Offers in work."""
        return len(self._out)

    def recomputed(self) -> Resources:
        """`free` from first principles."""
        return self.abilities.total - sum((each.shape for each in self._out), NOTHING)

    def listed(self, keys: Sequence[str], now: float) -> None:
        """The API says which routes have offers out: a route's waiting begins when it is first listed."""
        self._waiting = {key: self._waiting.get(key, now) for key in keys if self.serves(key)}

    def starving(self, now: float, patience_s: float) -> str | None:
        """The route that has waited longest for room here, if longer than `patience_s`."""
        if self.draining or self.paused:
            return None
        late = [
            (since, key)
            for key, since in self._waiting.items()
            if now - since >= patience_s and not self._shape(key).fits(self.free)
        ]
        return min(late)[1] if late else None

    def hold_for(self, key: str, until: float) -> None:
        """Offer only shapes at least as large as that of `key`, until one is taken, so that its room comes together."""
        self._hold = (self._shape(key), until)

    def holding(self, now: float) -> bool:
        """Whether room is being kept for a starving shape: until it is taken, busy slots give theirs back too."""
        return self._hold is not None and now < self._hold[1]

    def _fits_now(self, key: str, now: float) -> bool:
        route = self._route(key)
        if route is None or not route.shape.fits(self.free):
            return False
        if self._hold is None:
            return True
        smallest, until = self._hold
        if now >= until:
            self._hold = None
            return True
        return smallest.fits(route.shape)

    def _share(self, key: str) -> float:
        """The larger of the two parts of this node that the shape takes."""
        shape, total = self._shape(key), self.abilities.total
        return max(shape.cpu_milli / max(1, total.cpu_milli), shape.memory_mib / max(1, total.memory_mib))

    def _shape(self, key: str) -> Resources:
        route = self._route(key)
        if route is None:
            raise ValueError(f"this node does not serve {key!r}")
        return route.shape

    def _route(self, key: str) -> Route | None:
        if key not in self._routes:
            self._routes[key] = self._judge(key)
        return self._routes[key]

    def _judge(self, key: str) -> Route | None:
        try:
            route = Route.parse(key)
        except ValueError:
            return None
        able = self.abilities
        suits = (
            ("*" in able.queues or route.queue in able.queues)
            and (not route.tag or route.tag in able.tags)
            and versioned(route.executor, route.version) in able.executors
            and route.shape.fits(able.total)
        )
        return route if suits else None
