"""What follows from a run that ended: the task succeeds, fails, is canceled, or is tried again, and when.

ended by            counts as            tried again while
failed, timed out,  an attempt           attempts < maxAttempts, after a delay that doubles, with jitter
  out of memory
out of memory, and  nothing              its memory, grown by memoryGrowth, is within the cap, at once
  it asked to grow
lost, node died     a crash              crashes < 3, at once
lost, handed back   nothing              always, at once
canceled            nothing              never
"""

from dataclasses import dataclass
from enum import Enum

from msgspec import structs

from app.domain import limits
from app.domain.task import Task
from app.wire.report import Ending, Failure
from app.wire.resources import Resources
from app.wire.states import RunState

_MICROSECONDS = 1_000_000
_JITTER = 0.25


class Outcome(Enum):
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    outcome: Outcome
    attempts: int
    crashes: int
    due_at_us: int = 0
    failure: Failure | None = None


def decide(task: Task, ending: Ending, *, cancel: bool, now_us: int, chance: float, larger: bool = False) -> Decision:
    """`cancel`: its owner wants it ended, so nothing is tried again. `larger`: it may have more memory next time.
    `chance` in [0, 1) spreads retries.
    """
    attempts, crashes = task.attempts, task.crashes
    if ending.state is RunState.SUCCEEDED:
        return Decision(outcome=Outcome.SUCCEED, attempts=attempts, crashes=crashes)
    failure = ending.failure or Failure(code=ending.state.value, message=f"the run ended {ending.state.value}")
    if ending.state is RunState.LOST and not ending.released:
        crashes += 1
    elif ending.state in (RunState.FAILED, RunState.TIMED_OUT, RunState.OUT_OF_MEMORY) and not larger:
        attempts += 1
    if ending.state is RunState.CANCELED or cancel:
        return Decision(outcome=Outcome.CANCEL, attempts=attempts, crashes=crashes, failure=failure)
    if ending.state is RunState.LOST:
        if crashes >= limits.CRASH_LIMIT:
            detail = f"its node died {crashes} times while it ran; last: {failure.message}"
            failure = Failure(code="crash_limit", message=detail)
            return Decision(outcome=Outcome.FAIL, attempts=attempts, crashes=crashes, failure=failure)
        return Decision(outcome=Outcome.RETRY, attempts=attempts, crashes=crashes, due_at_us=now_us, failure=failure)
    if larger:
        return Decision(outcome=Outcome.RETRY, attempts=attempts, crashes=crashes, due_at_us=now_us, failure=failure)
    if attempts >= task.max_attempts:
        return Decision(outcome=Outcome.FAIL, attempts=attempts, crashes=crashes, failure=failure)
    due_at_us = now_us + delay_us(task.retry_delay_s, attempts, chance)
    return Decision(outcome=Outcome.RETRY, attempts=attempts, crashes=crashes, due_at_us=due_at_us, failure=failure)


def grown(shape: Resources, growth: float) -> Resources | None:
    """The shape for the run after one that was out of memory; None when it does not grow or is at the cap."""
    memory_mib = min(int(shape.memory_mib * growth), limits.MAX_MEMORY_MB)
    return structs.replace(shape, memory_mib=memory_mib) if memory_mib > shape.memory_mib else None


def delay_us(base_s: int, attempt: int, chance: float) -> int:
    """Doubled after each attempt, at most a day, then spread by up to a quarter either way."""
    seconds = min(base_s * 2 ** min(attempt - 1, 20), limits.MAX_RETRY_DELAY_S)
    return int(seconds * (1 + _JITTER * (2 * chance - 1)) * _MICROSECONDS)
