"""Callables for nodes under test: as `misbehave.py`, for the `python` executor."""

import time

from tests.faults.misbehave import note


def noted(ledger: str, context, seconds: float = 0.0) -> str:  # type: ignore[no-untyped-def]  # the runner's Context
    _note(ledger, "start", context)
    if seconds:
        time.sleep(seconds)
    _note(ledger, "end", context)
    return context.run_id


def _note(ledger: str, event: str, context) -> None:  # type: ignore[no-untyped-def]
    import os

    os.environ["FLOTILLA_RUN_ID"] = context.run_id
    os.environ["FLOTILLA_ATTEMPT"] = str(context.attempt)
    os.environ.setdefault("FLOTILLA_TASK", "")
    os.environ.setdefault("FLOTILLA_JOB_ID", "")
    note(ledger, event)
