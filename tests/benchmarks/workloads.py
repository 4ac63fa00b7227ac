"""Which graphs are measured? Seeded, so that every system and every run gets the same; positions are indexes.

`Graph.needs[i]` are the tasks that i waits for, all before it; `Graph.sleeps[i]` is how long it sleeps, in seconds.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

LAYERS, WIDTH, NEEDS_A_LAYER, LAYERED_SEED = 50, 20, 3, 3
WIDEST = 10_000
MIXED_TASKS, MIXED_NEEDS, MIXED_WINDOW, MIXED_SEED = 200, 3, 20, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    needs: tuple[tuple[int, ...], ...]
    sleeps: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.needs)


def graph(needs: Sequence[Sequence[int]], sleeps: Sequence[float] | None = None) -> Graph:
    return Graph(needs=tuple(map(tuple, needs)), sleeps=tuple(sleeps or [0.0] * len(needs)))


def fan(width: int) -> Graph:
    """W1: a root, `width` tasks that need it, and a join of them all."""
    return graph([[], *([0] for _ in range(width)), range(1, width + 1)])


def wide(size: int) -> Graph:
    """W7: as W1, but joined in two steps, since a task may have only so many needs."""
    joins = -(-size // WIDEST)
    middle = max(1, size - joins - 2)
    needs: list[list[int]] = [[], *([0] for _ in range(middle))]
    needs += [list(range(first, min(first + WIDEST, middle + 1))) for first in range(1, middle + 1, WIDEST)]
    return graph([*needs, list(range(middle + 1, len(needs)))])


def layers(count: int, width: int) -> Graph:
    """W7: as W3, of any size."""
    rng = random.Random(LAYERED_SEED)
    needs: list[list[int]] = [[] for _ in range(width)]
    for layer in range(1, count):
        before = range((layer - 1) * width, layer * width)
        needs += [sorted(rng.sample(before, NEEDS_A_LAYER)) for _ in range(width)]
    return graph(needs)


def chain(length: int) -> Graph:
    """W2."""
    return graph([[], *([position] for position in range(length - 1))])


def layered() -> Graph:
    """W3: each task needs three of the layer before."""
    return layers(LAYERS, WIDTH)


def mixed() -> Graph:
    """W4: up to three needs among the twenty tasks before, and skewed sleeps of 10 to 200 ms."""
    rng = random.Random(MIXED_SEED)
    needs, sleeps = [], []
    for position in range(MIXED_TASKS):
        before = range(max(0, position - MIXED_WINDOW), position)
        count = min(len(before), rng.randint(0, MIXED_NEEDS))
        needs.append(sorted(rng.sample(before, count)))
        sleeps.append(round(0.010 + 0.190 * rng.random() ** 3, 4))
    return graph(needs, sleeps)


def flat(width: int) -> Graph:
    """W5: tasks that need nothing."""
    return graph([[] for _ in range(width)])


def ideal_s(work: Graph, slots: int) -> float:
    """The makespan of a list schedule without any cost, longest remaining chain first."""
    bodies: list[list[int]] = [[] for _ in work.needs]
    for body, row in enumerate(work.needs):
        for header in row:
            bodies[header].append(body)
    rest = [0.0] * len(work)
    for position in reversed(range(len(work))):
        rest[position] = work.sleeps[position] + max((rest[body] for body in bodies[position]), default=0.0)
    missing = [len(row) for row in work.needs]
    ready = [(-rest[position], position) for position, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < slots:
            _, position = heapq.heappop(ready)
            heapq.heappush(running, (now + work.sleeps[position], position))
        now, ended = heapq.heappop(running)
        for body in bodies[ended]:
            missing[body] -= 1
            if not missing[body]:
                heapq.heappush(ready, (-rest[body], body))
    return now
