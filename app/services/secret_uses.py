"""Which secrets runs were given, noted in the store now and then, so that nobody deletes one that is in use.

Noting costs a claim an entry in a list; what was noted in the last moment before a crash is lost.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from app.ports.store import Store

NOTED_US: Final = 60_000_000
"""A use is written down unless one was in this time before."""

_MOST_WAITING: Final = 100_000


class SecretUses:
    """From any thread."""

    def __init__(self) -> None:
        self._used: deque[tuple[str, str]] = deque(maxlen=_MOST_WAITING)

    def note(self, org_id: str, names: Iterable[str]) -> None:
        self._used.extend((org_id, name) for name in names)

    def flush(self, store: Store) -> None:
        """Into the store. Raises Unavailable, and then what was noted is kept."""
        used = {self._used.popleft() for _ in range(len(self._used))}
        if not used:
            return
        try:
            store.write(lambda tx: tx.note_secret_uses(sorted(used), tx.now_us - NOTED_US))
        except BaseException:
            self._used.extendleft(used)
            raise
