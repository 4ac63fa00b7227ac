"""How long would a fleet take? The services themselves, and nodes whose runs and requests take time on a clock by hand.

One process answers requests one after another, as the store's writers do; a slot takes its message, claims, runs what
it has been given one after another, reports, and goes on with what the answer brings. Nothing here waits: a minute of
work is computed in a second, and is the same every time.
"""

import heapq
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce

from app.ports.broker import Offer
from app.wire.claim import RunSpec
from app.wire.resources import Resources
from tests.services.world import SECOND, Node, World, shape, task

REQUEST_S = 0.002
EACH_S = 0.0001
AWAY_S = 0.001
"""What a request costs the API, what each run in it adds, and how long question and answer each travel."""
QUICK_S = 0.005
"""Runs of a bundle that end within this are reported together with its last."""
BEAT_S = 5.0
MOST = 64
EPOCH_US = 1_000_000_000_000


@dataclass(slots=True, kw_only=True)
class TimedNode(Node):
    """`charged` is for messages popped whose claim has not been answered."""

    charged: list[Resources] = field(default_factory=list)

    @property
    def free(self) -> Resources:
        return reduce(operator.sub, self.charged, Node.free.__get__(self))

    def pop(self) -> Offer | None:
        offer = self.world.broker.take(self._fitting())
        if offer:
            self.charged.append(offer.route.shape)
        return offer


@dataclass(slots=True)
class TimedFleet:
    """`seconds` has the time of each task by its name; `largest` is the largest bundle that a slot was given."""

    world: World
    nodes: Sequence[TimedNode]
    handoff: bool = True
    now_s: float = 0.0
    ended_s: float = 0.0
    largest: int = 0
    requests: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    _busy: int = 0
    _answering_until_s: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def work(self, needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> float:
        """Submits these tasks, by name with their needs, and runs them: how long that took."""
        self.seconds.update(seconds)
        self._set_clock()
        self.world.submit([task(name, *above, shape=shape(1, 256)) for name, above in needs.items()])
        return self.run()

    def run(self, deadline_s: float = 600.0) -> float:
        """Until nothing runs and nothing is offered; when the last run ended, in seconds from now."""
        began_s = self.now_s
        self._at(self.now_s, self._ring)
        self._at(self.now_s + BEAT_S, self._beat)
        while self._events and (self._busy or len(self._events) > 1):
            self.now_s, _, act = heapq.heappop(self._events)
            assert self.now_s - began_s < deadline_s, "it does not come to rest"
            act()
        self._events.clear()
        return self.ended_s - began_s

    def _at(self, when_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when_s, next(self._order), act))

    def _request(self, runs: int, act: Callable[[], None]) -> None:
        """`act` is done when the API has come to it."""
        self.requests += 1
        begin_s = max(self.now_s + AWAY_S, self._answering_until_s)
        self._answering_until_s = begin_s + REQUEST_S + EACH_S * runs

        def answered() -> None:
            self._set_clock()
            act()
            self._at(self.now_s + AWAY_S, self._ring)

        self._at(self._answering_until_s, answered)

    def _set_clock(self) -> None:
        clock = self.world.clock
        clock.now_us = max(clock.now_us, EPOCH_US + int(self.now_s * SECOND))

    def _beat(self) -> None:
        for node in self.nodes:
            self._request(0, partial(self._hear, node))
        self._at(self.now_s + BEAT_S, self._beat)

    def _hear(self, node: TimedNode) -> None:
        node.beat()

    def _ring(self) -> None:
        """Whoever has room pops what fits; the charge is made at once."""
        for node in self.nodes:
            while offer := node.pop():
                self._busy += 1
                self._request(len(offer.run_ids), partial(self._claim, node, offer))

    def _claim(self, node: TimedNode, offer: Offer) -> None:
        node.charged.remove(offer.route.shape)
        specs = node.claim(*offer.run_ids).runs
        self._at(self.now_s + AWAY_S, lambda: self._serve(node, list(specs)))

    def _serve(self, node: TimedNode, specs: list[RunSpec]) -> None:
        if not specs:
            self._busy -= 1
            self._ring()
            return
        self.largest = max(self.largest, len(specs))
        self._next(node, specs, [])

    def _next(self, node: TimedNode, specs: list[RunSpec], unsaid: list[RunSpec]) -> None:
        spec, *rest = specs
        took_s = self.seconds[spec.task]
        self._at(self.now_s + took_s, lambda: self._over(node, spec, rest, unsaid))

    def _over(self, node: TimedNode, spec: RunSpec, rest: list[RunSpec], unsaid: list[RunSpec]) -> None:
        self.ended_s = max(self.ended_s, self.now_s)
        unsaid = [*unsaid, spec]
        if not rest:
            self._request(len(unsaid), lambda: self._settle(node, unsaid))
            return
        if self.seconds[spec.task] >= QUICK_S:
            told, unsaid = unsaid, []
            self._request(len(told), lambda: self._tell(node, told))
        self._next(node, rest, unsaid)

    def _tell(self, node: TimedNode, told: Sequence[RunSpec]) -> None:
        for spec in told:
            del node.held[spec.run_id]
        node.report(*(node.ending(spec, wall_s=self.seconds[spec.task]) for spec in told))

    def _settle(self, node: TimedNode, told: Sequence[RunSpec]) -> None:
        """A slot that asks for more keeps its charge until it has the answer."""
        if not self.handoff:
            self._tell(node, told)
            self._at(self.now_s + AWAY_S, partial(self._serve, node, []))
            return
        *others, last = told
        for spec in others:
            del node.held[spec.run_id]
        endings = [node.ending(spec, wall_s=self.seconds[spec.task]) for spec in others]
        answer = node.report(*endings, node.ending(last, takes=MOST, wall_s=self.seconds[last.task]))
        del node.held[last.run_id]
        self._at(self.now_s + AWAY_S, partial(self._serve, node, list(answer.handoffs.get(last.run_id, ()))))
