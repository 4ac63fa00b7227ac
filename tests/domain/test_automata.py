"""Do runs and tasks move only as their tables say, and do reports fold to the same run however they arrive?"""

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.chords import RunWhen
from app.domain.errors import IllegalTransition
from app.domain.run import RUN_TABLE, TASK_TABLE, Run, RunEvent, TaskEvent
from app.domain.task import Task
from app.wire.report import Ending, Failure, Report
from app.wire.states import RUN_ACTIVE, RUN_TERMINAL, TASK_OPEN, TASK_TERMINAL, RunState, TaskState
from app.wire.usage import Usage
from tests.replacing import replace

CLAIMED_US, NOW_US = 1_000, 9_000
WHY = Failure(code="why", message="because")

RUN = Run(
    id="r",
    task_seq=1,
    job_seq=1,
    task_id="t",
    job_id="j",
    map_index=None,
    number=1,
    fence=1,
    route="q/////",
    state=RunState.RUNNING,
    node_id="n",
    claim_id="c",
    created_at_us=500,
    offered_at_us=500,
    claimed_at_us=CLAIMED_US,
)
TASK = Task(
    seq=1,
    id="t",
    job_seq=1,
    job_id="j",
    position=0,
    name="a",
    state=TaskState.WAITING,
    route="q",
    run_when=RunWhen.ALL_SUCCEEDED,
    priority=50,
    height=0,
    max_attempts=1,
    retry_delay_s=0,
    created_at_us=500,
)


@pytest.mark.parametrize(("state", "event"), list(product(RunState, RunEvent)))
def test_a_run_moves_as_its_table_says_or_not_at_all(state: RunState, event: RunEvent) -> None:
    after = RUN_TABLE.get(state, {}).get(event)
    if after is not None:
        assert runs_.run_after(state, event) is after
        return
    with pytest.raises(IllegalTransition) as caught:
        runs_.run_after(state, event)
    assert str(caught.value) == f"a run that is {state} cannot {event}"


@pytest.mark.parametrize(("state", "event"), list(product(TaskState, TaskEvent)))
def test_a_task_moves_as_its_table_says_or_not_at_all(state: TaskState, event: TaskEvent) -> None:
    after = TASK_TABLE.get(state, {}).get(event)
    if after is not None:
        assert runs_.task_after(state, event) is after
        return
    with pytest.raises(IllegalTransition) as caught:
        runs_.task_after(state, event)
    assert str(caught.value) == f"a task that is {state} cannot {event}"


TASK_STEPS: dict[TaskEvent, list[Callable[[Task], Task]]] = {
    TaskEvent.RELEASE: [tasks_.released],
    TaskEvent.SKIP: [lambda task: tasks_.skipped(task, WHY, now_us=NOW_US)],
    TaskEvent.OFFER: [lambda task: tasks_.offered(task, "r")],
    TaskEvent.WITHDRAW: [tasks_.withdrawn],
    TaskEvent.CLAIM: [tasks_.claimed, lambda task: tasks_.handed(task, "r")],
    TaskEvent.OPEN: [lambda task: tasks_.opened(task, NOW_US)],
    TaskEvent.SUCCEED: [lambda task: tasks_.succeeded(task, started_at_us=600, finished_at_us=NOW_US)],
    TaskEvent.FAIL: [lambda task: tasks_.failed(task, WHY, now_us=NOW_US)],
    TaskEvent.RETRY: [lambda task: tasks_.retried(task, WHY, due_at_us=NOW_US)],
    TaskEvent.CANCEL: [lambda task: tasks_.canceled(task, WHY, now_us=NOW_US)],
    TaskEvent.RESET: [tasks_.reset],
    TaskEvent.FOLLOW: [lambda task: tasks_.following(task, "r")],
    TaskEvent.WAIT: [tasks_.waiting_again],
}


@pytest.mark.parametrize(("state", "event"), list(product(TaskState, TaskEvent)))
def test_the_functions_of_a_task_keep_to_the_table(state: TaskState, event: TaskEvent) -> None:
    task = replace(TASK, state=state)
    for step in TASK_STEPS[event]:
        if event in TASK_TABLE[state]:
            after = step(task)
            assert after.state is TASK_TABLE[state][event]
            assert (after.finished_at_us is not None) == (after.state in TASK_TERMINAL)
        else:
            with pytest.raises(IllegalTransition):
                step(task)


@pytest.mark.parametrize("state", sorted(RunState))
def test_the_functions_of_a_run_keep_to_the_table(state: RunState) -> None:
    run = replace(RUN, state=state, claimed_at_us=None, node_id=None)
    if state is RunState.QUEUED:
        claimed = runs_.claim(run, node_id="n", claim_id="c", now_us=NOW_US)
        assert (claimed.state, claimed.node_id, claimed.claimed_at_us) == (RunState.RUNNING, "n", NOW_US)
        assert runs_.withdraw(run, NOW_US).state is RunState.CANCELED
    else:
        with pytest.raises(IllegalTransition):
            runs_.claim(run, node_id="n", claim_id="c", now_us=NOW_US)
        with pytest.raises(IllegalTransition):
            runs_.withdraw(run, NOW_US)
    for ending in sorted(RUN_TERMINAL):
        if state is RunState.RUNNING:
            assert runs_.end(run, Ending(state=ending, at_us=NOW_US), NOW_US).state is ending
        else:
            with pytest.raises(IllegalTransition):
                runs_.end(run, Ending(state=ending, at_us=NOW_US), NOW_US)


def test_every_state_can_be_reached_and_every_open_one_left() -> None:
    assert {after for row in RUN_TABLE.values() for after in row.values()} | {RunState.QUEUED} == set(RunState)
    assert set(RUN_TABLE) == RUN_ACTIVE
    assert {after for row in TASK_TABLE.values() for after in row.values()} == set(TaskState)
    assert all(TASK_TABLE[state] for state in TASK_OPEN)
    assert all(set(TASK_TABLE[state]) == {TaskEvent.RESET} for state in TASK_TERMINAL)


def test_every_terminal_state_of_a_run_has_its_event() -> None:
    assert set(runs_.ENDED_BY) == RUN_TERMINAL


def test_the_diagram_has_every_step() -> None:
    lines = runs_.diagram(RUN_TABLE).splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert "    queued --> running: claim" in lines
    assert len(lines) == 1 + sum(map(len, RUN_TABLE.values()))


def test_a_reset_task_is_as_new_but_for_its_runs() -> None:
    ran = replace(TASK, state=TaskState.RUNNING, runs=4, attempts=2, crashes=1, run_id="r", cancel=True, due_at_us=7)
    again = tasks_.reset(tasks_.failed(ran, WHY, now_us=NOW_US))
    assert again == replace(TASK, runs=4, run_id="r")


# -- folding reports into a run

times = st.integers(-(10**6), 10**6)
usages = st.builds(Usage, wall_s=st.floats(0, 100), peak_rss_bytes=st.integers(0, 10))
endings = st.builds(
    Ending,
    state=st.sampled_from(sorted(RUN_TERMINAL)),
    at_us=times,
    exit_code=st.none() | st.integers(0, 255),
    result=st.none() | st.integers(),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Report]:
    """What one node says of one run, in order: news, and perhaps an ending as the last word."""
    size = draw(st.integers(1, 8))
    last = draw(st.none() | endings)
    return [
        Report(
            run_id="r",
            fence=1,
            sequence=sequence,
            started_at_us=draw(st.none() | times),
            progress=draw(st.none() | st.floats(allow_nan=True)),
            status_text=draw(st.none() | st.text(max_size=3)),
            usage=draw(st.none() | usages),
            ending=last if sequence == size else None,
        )
        for sequence in range(1, size + 1)
    ]


def fold_all(reports: list[Report], run: Run = RUN) -> list[Run]:
    seen = [run]
    for report in reports:
        seen.append(runs_.fold(seen[-1], report, NOW_US))
    return seen


@given(histories(), st.data())
def test_repeated_reports_change_nothing(reports: list[Report], data: st.DataObject) -> None:
    repeated: list[Report] = []
    for report in reports:
        repeated.append(report)
        repeated += data.draw(st.lists(st.sampled_from(repeated), max_size=3))
    assert fold_all(repeated)[-1] == fold_all(reports)[-1]


@given(histories(), st.data())
def test_late_reports_are_ignored_so_any_order_gives_what_its_newest_ones_say(
    reports: list[Report], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(reports))
    newest: list[Report] = []
    for report in shuffled:
        if not newest or report.sequence > newest[-1].sequence:
            newest.append(report)
    assert fold_all(shuffled)[-1] == fold_all(newest)[-1]
    assert fold_all(shuffled)[-1].state is fold_all(reports)[-1].state


@given(histories(), st.data())
def test_progress_never_falls_and_stays_within_its_bounds(reports: list[Report], data: st.DataObject) -> None:
    shown = [run.progress for run in fold_all(data.draw(st.permutations(reports)))]
    assert shown == sorted(shown)
    assert all(0.0 <= progress <= 1.0 for progress in shown)


@given(histories(), st.integers(0, 10_000))
def test_times_are_ordered_whatever_the_clocks_say(reports: list[Report], now_us: int) -> None:
    run = RUN
    for report in reports:
        run = runs_.fold(run, report, now_us)
    ordered = [run.created_at_us, run.claimed_at_us, run.started_at_us, run.finished_at_us]
    known = [at_us for at_us in ordered if at_us is not None]
    assert known == sorted(known)
    if now_us >= CLAIMED_US:
        assert all(at_us <= now_us for at_us in known)
    assert (run.finished_at_us is not None) == (run.state in RUN_TERMINAL)


@given(histories())
def test_nothing_changes_a_run_that_has_ended(reports: list[Report]) -> None:
    ended = runs_.end(RUN, Ending(state=RunState.LOST, at_us=NOW_US), NOW_US)
    assert fold_all(reports, ended)[-1] == ended


def test_a_success_is_whole() -> None:
    done = Report(run_id="r", fence=1, sequence=1, progress=0.2, ending=Ending(state=RunState.SUCCEEDED, at_us=5_000))
    assert runs_.fold(RUN, done, NOW_US).progress == 1.0


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_task_ends_no_earlier_than_it_began(started_us: int, now_us: int) -> None:
    running = replace(TASK, state=TaskState.RUNNING)
    done = tasks_.succeeded(running, started_at_us=started_us, finished_at_us=now_us)
    assert done.finished_at_us is not None
    assert done.finished_at_us >= started_us
    failed = tasks_.failed(replace(running, started_at_us=started_us or None), WHY, now_us=now_us)
    assert failed.finished_at_us is not None
    assert failed.finished_at_us >= (started_us or TASK.created_at_us)
