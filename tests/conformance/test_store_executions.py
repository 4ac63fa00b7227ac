"""Runs beside their tasks, failures first; what has changed since; and jobs that their owner has deleted."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.job import Job
from app.domain.task import Task
from app.ports.executions import Execution, Which, Window
from app.ports.records import JobFilter, Page
from app.ports.store import Reader, Store
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.values import NOW_US, ORG, start, submit
from tests.replacing import replace

ALL = Page(limit=100)
EVER = Window(after_us=0, before_us=1 << 62)


def every(store: Store, ask: Callable[[Reader, Page], list[Any]], key: Callable[[Any], tuple[int, ...]]) -> list[Any]:
    """The list in pages of two."""
    found: list[Any] = []
    after: tuple[int, ...] | None = None
    while page := store.read(lambda tx: ask(tx, Page(limit=2, after=after))):  # noqa: B023  # runs within the turn
        assert len(page) <= 2
        found += page
        after = key(page[-1])
    return found


@pytest.fixture
def mixed(store: Store) -> tuple[Job, list[Task]]:
    """Tasks 0 and 3 have failed, 3 without a run; 1 has run twice; 2 is queued; 4 has never run. And another job."""
    states = {0: TaskState.FAILED, 3: TaskState.FAILED}
    job, tasks = submit(store, [()] * 5, of_tasks={at: {"state": state} for at, state in states.items()})
    start(store, tasks[0], state=RunState.FAILED, claimed_at_us=NOW_US)
    start(store, tasks[1], state=RunState.LOST, claimed_at_us=NOW_US)
    start(store, tasks[1], state=RunState.RUNNING, node_id="n", claimed_at_us=NOW_US)
    start(store, tasks[2])
    _, others = submit(store, [()], of_all={"state": TaskState.FAILED})
    start(store, others[0], state=RunState.FAILED, claimed_at_us=NOW_US)
    return job, tasks


EXPECTED: dict[Which, list[tuple[int, int]]] = {
    "failed": [(0, 1), (3, 0)],
    "others": [(1, 1), (1, 2), (2, 1)],
    "claimed": [(0, 1), (1, 1), (1, 2)],
}


@pytest.mark.parametrize("which", EXPECTED)
def test_executions_are_listed_by_task_and_number(store: Store, mixed: tuple[Job, list[Task]], which: Which) -> None:
    job, _ = mixed
    found = every(store, lambda tx, page: tx.executions(job.seq, which, page), lambda one: one.key)
    assert [_place(one) for one in found] == EXPECTED[which]
    assert store.read(lambda tx: tx.count_executions(job.seq, which)) == len(EXPECTED[which])
    assert all(one.run is None or one.run.task_id == one.task.id for one in found)


def _place(one: Execution) -> tuple[int, int]:
    return one.task.position, one.run.number if one.run else 0


def test_a_failed_task_shows_all_its_runs(store: Store) -> None:
    job, tasks = submit(store, [()], of_all={"state": TaskState.FAILED})
    for _ in range(3):
        start(store, tasks[0], state=RunState.FAILED)
    found = every(store, lambda tx, page: tx.executions(job.seq, "failed", page), lambda one: one.key)
    assert [_place(one) for one in found] == [(0, 1), (0, 2), (0, 3)]


def test_executions_that_changed_after_a_time(store: Store, mixed: tuple[Job, list[Task]]) -> None:
    job, _ = mixed
    found = every(store, lambda tx, page: tx.changed_executions(job.seq, 0, page), lambda one: one.key)
    assert [_place(one) for one in found] == [(0, 1), (1, 1), (1, 2), (2, 1)]
    assert store.read(lambda tx: tx.count_changed_executions(job.seq, 0)) == 4
    later = store.read(lambda tx: tx.now_us)
    assert store.read(lambda tx: tx.changed_executions(job.seq, later, ALL)) == []
    assert store.read(lambda tx: tx.count_changed_executions(job.seq, later)) == 0


def test_jobs_by_their_last_change(store: Store) -> None:
    jobs = [submit(store)[0] for _ in range(5)]
    submit(store, of_job={"queue": "other"})
    submit(store, of_job={"org_id": "org-2"})
    store.write(lambda tx: tx.save_jobs([replace(jobs[1], removed=True)]))
    store.write(lambda tx: tx.save_jobs([replace(jobs[0], name="last")]))

    def ask(tx: Reader, page: Page) -> list[tuple[int, Job]]:
        return tx.changed_jobs(ORG, "@default", EVER, page)

    found = every(store, ask, lambda timed: (timed[0], timed[1].seq))
    times = [at_us for at_us, _ in found]
    assert times == sorted(times)
    assert {job.seq for _, job in found} == {jobs[at].seq for at in (0, 2, 3, 4)}
    assert store.read(lambda tx: tx.count_changed_jobs(ORG, "@default", EVER)) == 4
    assert store.read(lambda tx: tx.count_jobs(ORG, "@default")) == 4
    for window in (Window(after_us=times[-1], before_us=1 << 62), Window(after_us=0, before_us=times[0])):
        assert store.read(lambda tx, w=window: tx.changed_jobs(ORG, "@default", w, ALL)) == []  # type: ignore[misc]
        assert store.read(lambda tx, w=window: tx.count_changed_jobs(ORG, "@default", w)) == 0  # type: ignore[misc]


def test_counting_tasks_is_no_change_of_the_job(sql_store: Store) -> None:
    job, _ = submit(sql_store)
    (before, _), *_ = sql_store.read(lambda tx: tx.changed_jobs(ORG, "@default", EVER, ALL))
    sql_store.write(lambda tx: tx.add_counts({job.seq: {TaskState.READY: -1, TaskState.RUNNING: 1}}))
    (after, _), *_ = sql_store.read(lambda tx: tx.changed_jobs(ORG, "@default", EVER, ALL))
    assert after == before
    sql_store.write(lambda tx: tx.save_jobs([replace(job, state=JobState.RUNNING)]))
    (after, changed), *_ = sql_store.read(lambda tx: tx.changed_jobs(ORG, "@default", EVER, ALL))
    assert after > before
    assert changed.state is JobState.RUNNING


def test_removed_jobs_are_in_no_list_and_go_once_they_have_ended(store: Store) -> None:
    kept, running, ended = (submit(store)[0] for _ in range(3))
    gone = replace(ended, removed=True, state=JobState.SUCCEEDED)
    store.write(lambda tx: tx.save_jobs([replace(running, removed=True, state=JobState.RUNNING), gone]))
    assert [job.seq for job in store.read(lambda tx: tx.jobs(JobFilter(org_id=ORG), ALL))] == [kept.seq]
    assert [job.seq for job in store.write(lambda tx: tx.lock_removed_jobs(10))] == [ended.seq]
    assert store.write(lambda tx: tx.lock_removed_jobs(0)) == []
