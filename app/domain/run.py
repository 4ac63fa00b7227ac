"""Runs, and the automata of runs and tasks: one table each. No other file assigns a state.

The diagrams in the README are made from these tables by `diagram`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from app.domain.errors import IllegalTransition
from app.domain.map import map_seq_of
from app.wire.report import Ending, Failure, Report
from app.wire.states import RunState, TaskState
from app.wire.usage import Usage


class RunEvent(StrEnum):
    CLAIM = "claim"
    WITHDRAW = "withdraw"
    SUCCEED = "succeed"
    FAIL = "fail"
    TIME_OUT = "time out"
    EXHAUST_MEMORY = "exhaust memory"
    LOSE = "lose"
    CANCEL = "cancel"


class TaskEvent(StrEnum):
    RELEASE = "release"
    SKIP = "skip"
    OFFER = "offer"
    WITHDRAW = "withdraw"
    CLAIM = "claim"
    OPEN = "open"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY = "retry"
    CANCEL = "cancel"
    RESET = "reset"
    FOLLOW = "follow"
    WAIT = "wait"


RUN_TABLE: Mapping[RunState, Mapping[RunEvent, RunState]] = {
    RunState.QUEUED: {
        RunEvent.CLAIM: RunState.RUNNING,
        RunEvent.WITHDRAW: RunState.CANCELED,
    },
    RunState.RUNNING: {
        RunEvent.SUCCEED: RunState.SUCCEEDED,
        RunEvent.FAIL: RunState.FAILED,
        RunEvent.TIME_OUT: RunState.TIMED_OUT,
        RunEvent.EXHAUST_MEMORY: RunState.OUT_OF_MEMORY,
        RunEvent.LOSE: RunState.LOST,
        RunEvent.CANCEL: RunState.CANCELED,
    },
}

TASK_TABLE: Mapping[TaskState, Mapping[TaskEvent, TaskState]] = {
    TaskState.WAITING: {
        TaskEvent.RELEASE: TaskState.READY,
        TaskEvent.FOLLOW: TaskState.RUNNING,
        TaskEvent.SKIP: TaskState.SKIPPED,
        TaskEvent.CANCEL: TaskState.CANCELED,
    },
    TaskState.READY: {
        TaskEvent.OFFER: TaskState.QUEUED,
        TaskEvent.CLAIM: TaskState.RUNNING,
        TaskEvent.OPEN: TaskState.RUNNING,
        TaskEvent.FAIL: TaskState.FAILED,
        TaskEvent.CANCEL: TaskState.CANCELED,
    },
    TaskState.QUEUED: {
        TaskEvent.CLAIM: TaskState.RUNNING,
        TaskEvent.WITHDRAW: TaskState.READY,
        TaskEvent.CANCEL: TaskState.CANCELED,
    },
    TaskState.RUNNING: {
        TaskEvent.SUCCEED: TaskState.SUCCEEDED,
        TaskEvent.FAIL: TaskState.FAILED,
        TaskEvent.RETRY: TaskState.READY,
        TaskEvent.WAIT: TaskState.WAITING,
        TaskEvent.CANCEL: TaskState.CANCELED,
    },
    TaskState.SUCCEEDED: {TaskEvent.RESET: TaskState.WAITING},
    TaskState.FAILED: {TaskEvent.RESET: TaskState.WAITING},
    TaskState.CANCELED: {TaskEvent.RESET: TaskState.WAITING},
    TaskState.SKIPPED: {TaskEvent.RESET: TaskState.WAITING},
}

OUTSIDE: Final = "outside"
"""The claim of a run that no node has: its owner runs it elsewhere, and says how it goes."""

ENDED_BY: Mapping[RunState, RunEvent] = {state: event for event, state in RUN_TABLE[RunState.RUNNING].items()}
"""The event that brings a running run to a terminal state."""


class Run(Struct, frozen=True, kw_only=True, gc=False):
    """One attempt at a task. `number` counts from 1 within the task (and map index); `fence` is what a node must show
    to report on it; `sequence` is the highest report applied; times are microseconds on the database's clock. It may
    have been given out before what its task needs has ended: with `follows`, the run whose success it is to begin at.
    """

    id: str
    task_seq: int
    job_seq: int
    task_id: str
    job_id: str
    map_index: int | None
    number: int
    fence: int
    route: str
    state: RunState
    node_id: str | None = None
    claim_id: str | None = None
    created_at_us: int
    offered_at_us: int
    claimed_at_us: int | None = None
    started_at_us: int | None = None
    finished_at_us: int | None = None
    progress: float = 0.0
    status_text: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    failure: Failure | None = None
    result: Any = None  # JSON
    usage: Usage | None = None
    sequence: int = 0
    follows: str | None = None

    @property
    def outside(self) -> bool:
        """It never was a node's: whoever made it says how it goes."""
        return self.node_id is None and self.claim_id == OUTSIDE

    @property
    def owner_seq(self) -> int:
        """The task that was asked for: in a map that of the map, and not that of the value (`task_seq`)."""
        return self.task_seq if self.map_index is None else map_seq_of(self.task_seq, self.map_index)


def run_after(state: RunState, event: RunEvent) -> RunState:
    """Raises IllegalTransition, and changes nothing, when the table has no such step."""
    try:
        return RUN_TABLE[state][event]
    except KeyError:
        raise IllegalTransition("run", state, event) from None


def task_after(state: TaskState, event: TaskEvent) -> TaskState:
    """Raises IllegalTransition, and changes nothing, when the table has no such step."""
    try:
        return TASK_TABLE[state][event]
    except KeyError:
        raise IllegalTransition("task", state, event) from None


def claim(run: Run, *, node_id: str | None, claim_id: str, now_us: int) -> Run:
    """No node: from outside of the fleet, and the claim is `OUTSIDE`."""
    state = run_after(run.state, RunEvent.CLAIM)
    claimed = max(now_us, run.created_at_us)
    return replace(run, state=state, node_id=node_id, claim_id=claim_id, claimed_at_us=claimed)


def following(run: Run, before: Run) -> Run:
    return replace(run, follows=before.id)


def fold(run: Run, report: Report, now_us: int) -> Run:
    """The run with a report applied. A repeated or older report changes nothing; progress never falls.

    The node's times are kept between the claim and `now_us`, so that no clock error can turn order round; where the
    database's own clock has stepped back, order goes before the present.
    """
    if report.sequence <= run.sequence or run.state is not RunState.RUNNING:
        return run
    claimed = run.claimed_at_us or run.created_at_us
    started = run.started_at_us
    if started is None and report.started_at_us is not None:
        started = max(min(report.started_at_us, now_us), claimed)
    run = replace(
        run,
        sequence=report.sequence,
        started_at_us=started,
        progress=max(run.progress, min(max(report.progress or 0.0, 0.0), 1.0)),
        status_text=run.status_text if report.status_text is None else report.status_text,
        usage=report.usage or run.usage,
    )
    return end(run, report.ending, now_us) if report.ending else run


def end(run: Run, ending: Ending, now_us: int) -> Run:
    state = run_after(run.state, ENDED_BY[ending.state])
    began = run.started_at_us or run.claimed_at_us or run.created_at_us
    return replace(
        run,
        state=state,
        finished_at_us=max(min(ending.at_us, now_us), began),
        progress=1.0 if state is RunState.SUCCEEDED else run.progress,
        exit_code=ending.exit_code,
        signal=ending.signal,
        failure=ending.failure,
        result=run.result if ending.result is None else ending.result,
    )


def withdraw(run: Run, now_us: int) -> Run:
    """A run that was offered and that nobody may claim any more."""
    state = run_after(run.state, RunEvent.WITHDRAW)
    return replace(run, state=state, finished_at_us=max(now_us, run.created_at_us))


def diagram(table: Mapping[Any, Mapping[Any, Any]]) -> str:
    """The table as a Mermaid state diagram."""
    steps = [f"    {a} --> {b}: {event}" for a, row in table.items() for event, b in row.items()]
    return "\n".join(["stateDiagram-v2", *steps])
