"""Where the requests of one process are counted: a number and its end for each caller.

In place of the store in memory that comes with Flask-Limiter, which starts a thread a hundred times a second: a read
took 0.34 ms with that and takes 0.28 with this, where one that is not counted takes 0.17.
"""

import threading
import time
from typing import Any, Final

from limits.storage import Storage

SCHEME: Final = "flotilla"
_MANY: Final = 10_000


class Counters(Storage):
    STORAGE_SCHEME: Final = [SCHEME]  # type: ignore[misc]  # a class variable in its base

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        return KeyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        with self._lock:
            count, end = self._counts.get(key, (0, 0.0))
            if end <= now:
                if len(self._counts) >= _MANY:
                    self._counts = {name: known for name, known in self._counts.items() if known[1] > now}
                count, end = 0, now + expiry
            self._counts[key] = count + amount, end
        return count + amount

    def get(self, key: str) -> int:
        count, end = self._counts.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._counts[key][1] if key in self._counts else time.time()

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            count, self._counts = len(self._counts), {}
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)
