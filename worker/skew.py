"""How far is this node's clock off the database's? Measured with each heartbeat, shown and logged; nothing goes by it.

The answer's time lies somewhere between the request and its arrival: the middle is taken, and half of what the exchange
took is what it may be wrong by.
"""

import logging
from dataclasses import dataclass

from app.wire.heartbeat import MOST_SKEW_S

log = logging.getLogger(__name__)
LONGEST_EXCHANGE_S = 2.0
"""A slower one tells too little."""


@dataclass(slots=True)
class Skew:
    """`milliseconds` by which this node's clock is ahead; None until it is known."""

    milliseconds: int | None = None
    _warned: bool = False

    def note(self, sent_at: float, received_at: float, now_us: int) -> None:
        """Both in seconds of this node's wall clock; `now_us` is what the database's clock said in between."""
        took_s = received_at - sent_at
        if not 0 <= took_s <= LONGEST_EXCHANGE_S:
            return
        ahead_s = (sent_at + received_at) / 2 - now_us / 1_000_000
        self.milliseconds = round(ahead_s * 1000)
        is_far = abs(ahead_s) - took_s / 2 > MOST_SKEW_S
        if is_far and not self._warned:
            way = "ahead of" if ahead_s > 0 else "behind"
            log.warning(
                "this node's clock is %.1f s %s the database's: set it by NTP (leases and runs do not go by it)",
                abs(ahead_s),
                way,
            )
        self._warned = is_far
