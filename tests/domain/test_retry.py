"""What follows from each way a run can end?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import limits
from app.domain.chords import RunWhen
from app.domain.retry import Outcome, decide, delay_us, grown
from app.domain.task import Task
from app.wire.report import Ending, Failure
from app.wire.resources import Resources
from app.wire.states import RunState, TaskState
from tests.replacing import replace

NOW_US = 50_000_000
TASK = Task(
    seq=1,
    id="t",
    job_seq=1,
    job_id="j",
    position=0,
    name="a",
    state=TaskState.RUNNING,
    route="q",
    run_when=RunWhen.ALL_SUCCEEDED,
    priority=50,
    height=0,
    max_attempts=3,
    retry_delay_s=10,
    created_at_us=0,
)
SUCCEED, FAIL, CANCEL, RETRY = Outcome.SUCCEED, Outcome.FAIL, Outcome.CANCEL, Outcome.RETRY
OWN_FAULTS = (RunState.FAILED, RunState.TIMED_OUT, RunState.OUT_OF_MEMORY)

TABLE = [
    # ended by, released, attempts and crashes before, wanted canceled -> outcome, attempts and crashes after
    (RunState.SUCCEEDED, False, 0, 0, False, SUCCEED, 0, 0),
    (RunState.SUCCEEDED, False, 2, 2, True, SUCCEED, 2, 2),
    *[(state, False, 0, 0, False, RETRY, 1, 0) for state in OWN_FAULTS],
    *[(state, False, 1, 2, False, RETRY, 2, 2) for state in OWN_FAULTS],
    *[(state, False, 2, 0, False, FAIL, 3, 0) for state in OWN_FAULTS],
    *[(state, False, 0, 0, True, CANCEL, 1, 0) for state in OWN_FAULTS],
    *[(state, False, 2, 0, True, CANCEL, 3, 0) for state in OWN_FAULTS],
    (RunState.LOST, False, 0, 0, False, RETRY, 0, 1),
    (RunState.LOST, False, 2, 1, False, RETRY, 2, 2),
    (RunState.LOST, False, 0, 2, False, FAIL, 0, 3),
    (RunState.LOST, False, 0, 2, True, CANCEL, 0, 3),
    (RunState.LOST, True, 2, 2, False, RETRY, 2, 2),
    (RunState.LOST, True, 2, 2, True, CANCEL, 2, 2),
    (RunState.CANCELED, False, 0, 0, False, CANCEL, 0, 0),
    (RunState.CANCELED, False, 0, 0, True, CANCEL, 0, 0),
]


@pytest.mark.parametrize(("state", "released", "attempts", "crashes", "cancel", "outcome", "tried", "crashed"), TABLE)
def test_the_table(
    state: RunState,
    released: bool,
    attempts: int,
    crashes: int,
    cancel: bool,
    outcome: Outcome,
    tried: int,
    crashed: int,
) -> None:
    task = replace(TASK, attempts=attempts, crashes=crashes)
    ending = Ending(state=state, at_us=NOW_US, released=released)
    decision = decide(task, ending, cancel=cancel, now_us=NOW_US, chance=0.5)
    assert (decision.outcome, decision.attempts, decision.crashes) == (outcome, tried, crashed)
    assert (decision.failure is None) == (outcome is SUCCEED)


def test_a_lost_run_is_tried_again_at_once() -> None:
    decision = decide(TASK, Ending(state=RunState.LOST, at_us=0), cancel=False, now_us=NOW_US, chance=0.9)
    assert decision.due_at_us == NOW_US


def test_a_failed_run_is_tried_again_after_its_delay() -> None:
    decision = decide(TASK, Ending(state=RunState.FAILED, at_us=0), cancel=False, now_us=NOW_US, chance=0.5)
    assert decision.due_at_us == NOW_US + 10_000_000


def test_the_failure_that_was_reported_is_kept() -> None:
    why = Failure(code="exit", message="it ended with 3")
    ending = Ending(state=RunState.FAILED, at_us=0, failure=why)
    assert decide(TASK, ending, cancel=False, now_us=0, chance=0).failure == why


def test_a_failure_without_words_says_how_the_run_ended() -> None:
    decision = decide(TASK, Ending(state=RunState.TIMED_OUT, at_us=0), cancel=False, now_us=0, chance=0)
    assert decision.failure == Failure(code="timed_out", message="the run ended timed_out")


def test_the_third_node_death_fails_the_task_and_says_why() -> None:
    task = replace(TASK, crashes=limits.CRASH_LIMIT - 1)
    why = Failure(code="node_lost", message="gone")
    decision = decide(task, Ending(state=RunState.LOST, at_us=0, failure=why), cancel=False, now_us=0, chance=0)
    assert decision.failure == Failure(code="crash_limit", message="its node died 3 times while it ran; last: gone")


@pytest.mark.parametrize(
    ("base_s", "attempt", "chance", "seconds"),
    [
        (0, 1, 0.9, 0),
        (10, 1, 0.5, 10),
        (10, 2, 0.5, 20),
        (10, 3, 0.5, 40),
        (10, 1, 0.0, 7.5),
        (10, 20, 0.5, limits.MAX_RETRY_DELAY_S),
        (10, 5000, 0.5, limits.MAX_RETRY_DELAY_S),
    ],
)
def test_delays_double_up_to_a_day(base_s: int, attempt: int, chance: float, seconds: float) -> None:
    assert delay_us(base_s, attempt, chance) == seconds * 1_000_000


@given(
    st.integers(0, limits.MAX_RETRY_DELAY_S),
    st.integers(1, limits.MAX_ATTEMPTS),
    st.floats(0, 1, exclude_max=True),
)
def test_delays_are_spread_by_a_quarter_at_most(base_s: int, attempt: int, chance: float) -> None:
    middle = delay_us(base_s, attempt, 0.5)
    assert 0.74 * middle <= delay_us(base_s, attempt, chance) <= 1.25 * middle


def test_a_run_that_may_grow_is_tried_again_at_once_and_costs_no_attempt() -> None:
    task = replace(TASK, attempts=2)
    ending = Ending(state=RunState.OUT_OF_MEMORY, at_us=0)
    decision = decide(task, ending, cancel=False, now_us=NOW_US, chance=0.5, larger=True)
    assert (decision.outcome, decision.attempts, decision.due_at_us) == (RETRY, 2, NOW_US)
    assert decide(task, ending, cancel=True, now_us=NOW_US, chance=0.5, larger=True).outcome is CANCEL


@given(st.integers(1, limits.MAX_MEMORY_MB), st.floats(1, 100))
def test_memory_grows_to_the_cap_and_no_further(memory_mib: int, growth: float) -> None:
    shape: Resources | None = Resources(cpu_milli=1000, memory_mib=memory_mib)
    seen = [memory_mib]
    while shape is not None and len(seen) < 50:
        shape = grown(shape, growth)
        if shape is not None:
            assert shape.cpu_milli == 1000
            seen.append(shape.memory_mib)
    assert seen == sorted(set(seen))
    assert seen[-1] <= limits.MAX_MEMORY_MB
