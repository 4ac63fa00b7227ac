"""The callables that every node offers, for trials and benchmarks."""

import time


def noop() -> None:
    """Returns null."""


def sleep(seconds: float) -> None:
    """Sleeps so long and returns null."""
    time.sleep(seconds)
