"""Events as they happen: what the store tells of new ones, and streams that carry them to who follows.

The reads are part of `store.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from app.ports.records import Event


class EventReads(Protocol):
    def last_event(self) -> int:
        """The number of the last event of all organizations; 0 when there is none."""

    def events_after(self, seq: int, limit: int) -> list[Event]:
        """Of all organizations, by number. Whoever has seen one has missed no smaller one: numbers appear in order."""

    def event_before(self, org_id: str, newest: int, job_id: str | None = None) -> int:
        """The number after which the newest so many events of an organization or of one of its jobs come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Whose events, and after which number. `holder` is who is counted for it; `alive` may end the stream: it is asked
    again and again, and asks the store.
    """

    org_id: str
    job_id: str | None
    after: int
    holder: str
    alive: Callable[[], bool]


class Sink(Protocol):
    """Where the text of a stream goes. It never waits."""

    def write(self, text: bytes) -> bool:
        """False when nobody gets it any more: gone, or too slow."""

    def backlog(self) -> int:
        """Bytes that were written and have not left yet."""

    def end(self) -> None:
        """There is no more to come. Called once."""


class Stream(Protocol):
    """Text of the type text/event-stream, until whoever asked for it has gone or may not have it any more.

    It is either walked through, which waits, or given a sink, and then nobody waits.
    """

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def pour(self, sink: Sink) -> None:
        """From now on the sink gets all of it."""

    def close(self) -> None:
        """Whoever followed it has gone."""


class Live(Protocol):
    def follow(self, wish: Wish) -> Stream:
        """Raises Unavailable where there are too many streams, of this holder or in all, or when they are closed."""

    def count(self) -> int:
        """Streams that are open."""

    def close(self) -> None:
        """End all streams and open no more."""
