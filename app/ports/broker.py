"""The broker: a doorbell. It may lose, delay or double what it carries; nothing depends on it but speed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.wire.resources import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One message: runs of one route that travel together, at most `app.wire.claim.MAX_BUNDLE`."""

    route: Route
    run_ids: tuple[str, ...]


class Broker(Protocol):
    def publish(self, offers: Sequence[Offer]) -> None:
        """Put each at the end of its route's queue. Raises Unavailable when it may not have arrived; never blocks for
        longer than a few seconds.
        """

    def waiting(self, routes: Collection[Route]) -> set[str]:
        """Ids of the runs in messages that nobody has taken yet. Raises Unavailable."""

    def announce(self, routes: Collection[Route]) -> None:
        """Tell nodes that these routes have offers, so that they consume them; best effort, never raises."""

    def nudge(self, node_ids: Collection[str]) -> None:
        """Ask these nodes for a heartbeat now, since its answer has news for them; best effort, never raises."""

    def close(self) -> None: ...
