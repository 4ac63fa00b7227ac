"""Callables for nodes under test: as `misbehave.py`, for the `python` executor."""

import time
from typing import Protocol

from tests.faults.misbehave import note


class Context(Protocol):
    """What a runner gives."""

    run_id: str
    attempt: int


def noted(ledger: str, context: Context, seconds: float = 0.0) -> str:
    note(ledger, "start", context.run_id, context.attempt)
    time.sleep(seconds)
    note(ledger, "end", context.run_id, context.attempt)
    return context.run_id
