"""Whose task is next on a route? Priority first, then the organization with least of the fleet, then its oldest job.

What an organization has is the dominant part of what its runs that are out or running reserve: of the fleet's cpu or of
its memory, whichever is more. Each task that is taken counts at once, so that of two organizations with nothing running
each gets every other slot, however much the one has waiting. Within an organization the order is that of
`Writer.lock_ready`: older job, then critical path.

This process's own estimates, as in `fleet.py`: wrong ones cost fairness for a moment, never correctness.
"""

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.domain.task import Task
from app.ports.store import Reader, Writer
from app.services.fleet import Fleet
from app.wire.resources import NOTHING, Resources, Route

if TYPE_CHECKING:
    from app.services.core import Core
    from app.services.gate import Gate

_REFRESH_US = 500_000
_ALONE_US = 250_000
"""So long it is believed that nobody else waits on a route where one organization has enough to take."""
_LINES = 32
"""Organizations whose tasks are looked at together."""


class Shares:
    def __init__(self) -> None:
        self._used: dict[str, float] = {}
        self._read_at_us = 0
        self._alone: dict[str, tuple[str, int]] = {}

    def read(self, tx: Reader, fleet: Fleet) -> None:
        if not 0 <= tx.now_us - self._read_at_us < _REFRESH_US:
            total = fleet.total(tx)
            used: dict[str, Resources] = {}
            for org_id, route, count in tx.in_flight():
                used[org_id] = used.get(org_id, NOTHING) + Route.parse(route).shape.times(count)
            self._used = {org_id: dominant(amount, total) for org_id, amount in used.items()}
            self._read_at_us = tx.now_us

    def of(self, org_id: str) -> float:
        return self._used.get(org_id, 0.0)

    def charge(self, org_id: str, part: float) -> None:
        self._used[org_id] = self._used.get(org_id, 0.0) + part

    def note_alone(self, route: str, org_id: str | None, now_us: int) -> None:
        if org_id is None:
            self._alone.pop(route, None)
        else:
            self._alone[route] = org_id, now_us

    def came(self, route: str, org_id: str) -> None:
        """The organization waits there from now on."""
        if self._alone.get(route, (org_id, 0))[0] != org_id:
            self._alone.pop(route, None)

    def alone(self, route: str, now_us: int) -> str | None:
        """The organization that has lately been the only one to wait there."""
        org_id, noted_us = self._alone.get(route, (None, 0))
        return org_id if 0 <= now_us - noted_us < _ALONE_US else None


def dominant(amount: Resources, total: Resources) -> float:
    """The larger of the parts of all cpus and of all memory."""
    return max(amount.cpu_milli / max(1, total.cpu_milli), amount.memory_mib / max(1, total.memory_mib))


def next_ready(core: "Core", tx: Writer, gate: "Gate", route: str, limit: int, *, lately: bool = False) -> list[Task]:
    """The next tasks of the route that the gate lets through, locked. With `lately` who waits there may be known from a
    moment before.
    """
    found: list[Task] = []
    known = core.shares.alone(route, tx.now_us) if lately else None
    if known is not None:
        found = _of(tx, gate, route, limit, known)
        if len(found) == limit:  # else it may be another's turn
            return found
    orgs = tx.ready_orgs(route)
    core.shares.note_alone(route, orgs[0][0] if len(orgs) == 1 else None, tx.now_us)
    if len(orgs) < 2:
        return found if not orgs or orgs[0][0] == known else _of(tx, gate, route, limit, orgs[0][0])
    core.shares.read(tx, core.fleet)
    part = dominant(Route.parse(route).shape, core.fleet.total(tx))
    orgs.sort(key=lambda org: (-org[1], core.shares.of(org[0])))
    found = []
    for begin in range(0, len(orgs), _LINES):
        if len(found) < limit:
            some = [org_id for org_id, _ in orgs[begin : begin + _LINES]]
            found += _merge(core, tx, gate, route, limit - len(found), some, part)
    return found


def _of(tx: Writer, gate: "Gate", route: str, limit: int, org_id: str) -> list[Task]:
    most = gate.most(route, org_id, limit)
    return tx.lock_ready(route, most, org_id) if most else []


def charge(core: "Core", tx: Reader, tasks: Sequence[Task]) -> None:
    """These are about to run. Only where organizations wait side by side does it matter who has how much."""
    if tasks and core.shares.alone(tasks[0].route, tx.now_us) is None:
        part = dominant(Route.parse(tasks[0].route).shape, core.fleet.total(tx))
        for task in tasks:
            core.shares.charge(task.org_id, part)


class _Line:
    """One organization's tasks in order, read as far as they are wanted and `most` allows."""

    def __init__(self, tx: Writer, route: str, org_id: str, first: int, most: int) -> None:
        self.org_id = org_id
        self._tx, self._route, self._most = tx, route, most
        self._asked, self._at = min(first, most), 0
        self._tasks = tx.lock_ready(route, self._asked, org_id) if most else []

    def head(self) -> Task | None:
        if self._at == len(self._tasks) >= self._asked < self._most:
            self._asked = min(2 * self._asked, self._most)
            again = self._tx.lock_ready(self._route, self._asked, self.org_id)
            # Those before are still ready, but need not be the first: others may have made better ones ready since.
            taken = {task.seq for task in self._tasks}
            self._tasks = [*self._tasks, *(task for task in again if task.seq not in taken)]
        return self._tasks[self._at] if self._at < len(self._tasks) else None

    def take(self) -> None:
        self._at += 1


def _merge(
    core: "Core", tx: Writer, gate: "Gate", route: str, limit: int, orgs: Sequence[str], part: float
) -> list[Task]:
    first = -(-limit // len(orgs))
    lines = [_Line(tx, route, org_id, first, gate.most(route, org_id, limit)) for org_id in orgs]
    heap = [(-head.priority, core.shares.of(line.org_id), at) for at, line in enumerate(lines) if (head := line.head())]
    heapq.heapify(heap)
    found: list[Task] = []
    while heap and len(found) < limit:
        _, share, at = heap[0]
        task = lines[at].head()
        assert task is not None  # noqa: S101  # only lines with a head are in the heap
        found.append(task)
        lines[at].take()
        if (head := lines[at].head()) is not None:
            heapq.heapreplace(heap, (-head.priority, share + part, at))
        else:
            heapq.heappop(heap)
    return found
