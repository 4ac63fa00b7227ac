"""How runs go and end: node to API, batched; the answer may hand a slot its next runs.

Times are microseconds since the epoch, UTC, on the database's clock. A node never sends its own wall clock for
ordering: it adds its monotonic clock to the `now_us` of the answer that gave it the run.
"""

from msgspec import field

from app.wire.claim import RunSpec
from app.wire.codec import Int, Json, Message
from app.wire.resources import Resources
from app.wire.states import RUN_TERMINAL, RunState
from app.wire.usage import Sample, Usage


class Failure(Message, frozen=True, kw_only=True):
    """Why a run or task did not succeed: a code for programs, a sentence for people."""

    code: str
    message: str


class LogLine(Message, frozen=True, kw_only=True, array_like=True):
    """One line of a run (`stdout`, `stderr`) or of the node about it (`system`); `line` counts from 1 in a run.

    There are many of them: each travels as an array of its fields.
    """

    line: Int
    at_us: Int
    stream: str
    level: str
    text: str


class Ending(Message, frozen=True, kw_only=True):
    """How a run ended. `state` is a terminal run state; `result` is JSON; `released` marks a hand-back, not a fault."""

    state: RunState
    at_us: Int
    exit_code: Int | None = None
    signal: Int | None = None
    failure: Failure | None = field(default=None, name="error")
    result: Json = None
    released: bool = False

    def __post_init__(self) -> None:
        if self.state not in RUN_TERMINAL:
            raise ValueError(f"the state must be one of {', '.join(sorted(RUN_TERMINAL))}")


class Report(Message, frozen=True, kw_only=True, omit_defaults=True):
    """News of one run since its last report. `sequence` grows within (run, fence); a repeat changes nothing.

    `takes` is said with an ending by a slot that would take up to that many next runs of the same route; 0 is none.
    """

    run_id: str
    fence: Int
    sequence: Int
    started_at_us: Int | None = None
    progress: float | None = None
    status_text: str | None = None
    usage: Usage | None = None
    samples: tuple[Sample, ...] = ()
    lines: tuple[LogLine, ...] = ()
    ending: Ending | None = None
    takes: Int = 0


class ReportBatch(Message, frozen=True, kw_only=True):
    free: Resources
    reports: tuple[Report, ...]


class ReportAnswer(Message, frozen=True, kw_only=True):
    """`stale`: runs whose fence is old, unknown or ended; the node kills their trees and drops their reports.
    `handoffs`: next runs, by the id of the run whose ending said `takes`.
    """

    now_us: Int
    stale: tuple[str, ...] = ()
    handoffs: dict[str, tuple[RunSpec, ...]]
