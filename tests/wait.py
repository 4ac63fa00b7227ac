"""How does a test wait? On a condition with a deadline; this is the only place of the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.05


def wait_until(condition: Callable[[], T], deadline_s: float = 10.0, dump: Callable[[], object] | None = None) -> T:
    """Return the first truthy value of `condition`; on the deadline fail, with the world as `dump` shows it.

    The condition is asked once more at the deadline, so a slow machine does not fail a condition that holds.
    """
    deadline = time.monotonic() + deadline_s
    pause_s = FIRST_PAUSE_S
    while True:
        late = time.monotonic() >= deadline
        value = condition()
        if value:
            return value
        if late:
            name = getattr(condition, "__qualname__", repr(condition))
            shown = f"\n{dump()}" if dump else ""
            raise AssertionError(f"not within {deadline_s:g} s: {name}; the last value was {value!r}{shown}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
