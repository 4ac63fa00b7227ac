"""What the store tells for measurements of the whole installation. Part of `store.py`.

It costs what is under way and never what has been. Tallies are counters that all processes add to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.wire.states import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Tasks or runs of one route: `ready`, `held` (ready, but the job or its queue is paused, or it is canceled),
    `queued`, `running`. `oldest_us`, of those that are ready: when the first of their jobs was submitted.
    """

    route: str
    phase: str
    count: int
    oldest_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The unfinished jobs of a queue by state. `waiting` are tasks whose needs are not met. `oldest_us` is when the
    oldest of those jobs was submitted that has a task ready or queued.
    """

    queue: str
    jobs: Mapping[JobState, int]
    waiting: int
    oldest_us: int | None


TallyKey = tuple[str, str, str]
"""What is counted, and two words that it is counted by."""


class GaugeReads(Protocol):
    def work(self) -> list[Work]:
        """By route and phase; runs from outside of the fleet are not among them."""

    def in_flight(self) -> list[tuple[str, str, int]]:
        """(organization, route, count) of the runs that are out or running on nodes."""

    def backlogs(self) -> list[Backlog]:
        """By queue, over all organizations."""

    def tallies(self) -> Mapping[TallyKey, int]: ...


class TallyWrites(Protocol):
    def add_tallies(self, added: Sequence[tuple[TallyKey, int]]) -> None:
        """Each key once."""
