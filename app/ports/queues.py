"""The store's queues: what each holds, what holds it, and how quickly it empties. Part of `store.py`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.run import Run
from app.ports.records import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """`running`: runs that nodes hold; `values`: values of open maps that have not ended and that no node holds.
    `oldest_us`: when the oldest job was submitted that has a map open.
    """

    running: int = 0
    values: int = 0
    oldest_us: int | None = None


class QueueReads(Protocol):
    def queues(self, org_id: str) -> list[Queue]:
        """By name."""

    def queue(self, org_id: str, name: str) -> Queue | None: ...
    def ask_queue(self, org_id: str, name: str) -> Callable[[], Queue | None]:
        """As `queue`: asked at once and answered when called, so that what is asked before that goes along."""

    def limited_queues(self, names: Collection[str]) -> Callable[[], list[Queue]]:
        """Of all organizations: those of these names that have a limit; in a write they are locked. Asked at once and
        answered when called, since mostly nothing depends on it for a while.
        """

    def occupancies(self, org_id: str) -> Mapping[str, Occupancy]:
        """By queue; those with nothing of it are absent."""

    def out_of_queue(self, org_id: str, name: str) -> int:
        """Its runs that nodes hold or that are offered to them."""

    def tasks_since(self, org_id: str, since_us: int, most: int) -> tuple[Mapping[str, int], int]:
        """How many tasks and values of maps were submitted since then, by queue; and the time from which on that is
        so: later than asked for when only the newest `most` jobs were looked at.
        """

    def ended_since(self, org_id: str, since_us: int) -> Mapping[str, int]:
        """How many runs ended in the minutes that began then or later, by queue."""


class QueueWrites(Protocol):
    def save_queue(self, queue: Queue) -> None:
        """All but its limits."""

    def save_limits(self, queue: Queue) -> None:
        """Its limits, and when the next start is due. The queue is there."""

    def lock_offered(self, org_id: str, name: str, limit: int) -> list[Run]:
        """Queued runs of the queue, the oldest offer first, locked; those others hold are passed over."""

    def add_ended(self, minute_us: int, ended: Sequence[tuple[str, str, int]], before_us: int) -> None:
        """(organization, queue, runs that ended), each pair once. Minutes of these organizations before `before_us` are
        forgotten.
        """
