"""What a slot, an executor and a report say to each other about one run. Values and promises; does nothing itself."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.wire.claim import RunSpec
from app.wire.codec import Json
from app.wire.report import Failure
from app.wire.states import RunState
from app.wire.usage import Usage

CANCEL_GRACE_S = 3.0
"""Between SIGTERM and SIGKILL at most, when somebody waits for the end."""


class Why(StrEnum):
    """Why a run was told to end before its own end."""

    CANCELED = "canceled"
    STALE = "stale"
    RELEASED = "released"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"


class Journal(Protocol):
    """Where a run's news go. Times are seconds of the node's monotonic clock."""

    def begin(self, at: float) -> None: ...
    def line(self, at: float, stream: str, level: str, text: str) -> None: ...
    def progress(self, share: float) -> None: ...
    def status(self, text: str) -> None: ...
    def passing(self, text: str) -> None:
        """A status text of the node's own, instead of what the program said last; with '' that stands again."""

    def sample(self, at: float, usage: Usage) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended: expected failure is a value. `ended` is a time of the monotonic clock.

    `large` is a file that holds the result, when it is too large for a report.
    """

    state: RunState
    ended: float
    exit_code: int | None = None
    signal: int | None = None
    failure: Failure | None = None
    result: Json = None
    large: Path | None = None
    released: bool = False
    usage: Usage = field(default_factory=Usage)


def failed(at: float, code: str, message: str, usage: Usage | None = None) -> Outcome:
    return Outcome(state=RunState.FAILED, ended=at, failure=Failure(code=code, message=message), usage=usage or Usage())


class Work:
    """One run in a slot. `stop` may be called from any thread, before, while and after it runs."""

    __slots__ = ("_end", "_lock", "failure_said", "folder", "journal", "spec", "why")

    def __init__(self, spec: RunSpec, journal: Journal, folder: Path) -> None:
        self.spec = spec
        self.journal = journal
        self.folder = folder
        self.why: Why | None = None
        self.failure_said: str | None = None
        self._end: Callable[[str, float], None] | None = None
        self._lock = threading.Lock()

    def stop(self, why: Why) -> None:
        """The first reason counts. A run that has not begun will not begin."""
        with self._lock:
            if self.why is not None:
                return
            self.why = why
            end = self._end
        if end is not None:
            end(why.value, self.grace_s(why))

    def attach(self, end: Callable[[str, float], None]) -> bool:
        """From now on `end(why, grace_s)` ends it; False when it has already been told to end."""
        with self._lock:
            self._end = end
            return self.why is None

    def grace_s(self, why: Why) -> float:
        if why is Why.STALE:
            return 0.0
        return float(self.spec.grace_s) if why is Why.TIMED_OUT else min(CANCEL_GRACE_S, self.spec.grace_s)


Finished = tuple[Work, Outcome]


class Executor(Protocol):
    """A way to run. `run` takes the runs of one offer in turn and yields each with its outcome, in their order.

    It yields None before it waits for something, so that the slot can report meanwhile.
    """

    name: str

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]: ...
    def trim(self, now: float) -> None: ...
    def close(self) -> None: ...


def told_to_end(work: Work, at: float, usage: Usage | None = None) -> Outcome:
    """The outcome of a run that ended because `work.why` said so and not for a limit."""
    usage = usage or Usage()
    if work.why is Why.RELEASED:
        failure = Failure(code="released", message="the node stopped and gave the run back")
        return Outcome(state=RunState.LOST, ended=at, failure=failure, released=True, usage=usage)
    failure = Failure(code="canceled", message="canceled while it ran" if usage.wall_s else "canceled before it began")
    return Outcome(state=RunState.CANCELED, ended=at, failure=failure, usage=usage)


def over_time(work: Work, at: float, usage: Usage) -> Outcome:
    text = f"ran longer than its limit of {work.spec.time_limit_s} s (limitations.maxExecutionTimeInSeconds)"
    return Outcome(state=RunState.TIMED_OUT, ended=at, failure=Failure(code="timed_out", message=text), usage=usage)


def over_memory(work: Work, at: float, usage: Usage) -> Outcome:
    mib = 1024 * 1024
    text = (
        f"used more memory than its {work.spec.shape.memory_mib} MB (requirements.memory): "
        f"the peak seen was {-(-usage.peak_rss_bytes // mib)} MB"
    )
    failure = Failure(code="out_of_memory", message=text)
    return Outcome(state=RunState.OUT_OF_MEMORY, ended=at, failure=failure, usage=usage)
