"""Does a job's state follow from the counts of its tasks and what its owner wants?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.job import Desired, Job, settle
from app.wire.report import Failure
from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, JobState, TaskState
from tests.replacing import replace

NOW_US = 5_000
JOB = Job(
    seq=1,
    id="j",
    org_id="o",
    project_id="p",
    queue="q",
    name="job",
    state=JobState.PENDING,
    created_by="me",
    priority=50,
    created_at_us=1_000,
    counts={},
)
W, R, Q, RUN = TaskState.WAITING, TaskState.READY, TaskState.QUEUED, TaskState.RUNNING
OK, F, C, S = TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED, TaskState.SKIPPED
WANT, PAUSE, CANCEL = Desired.RUN, Desired.PAUSE, Desired.CANCEL
PENDING, RUNNING, PAUSED = JobState.PENDING, JobState.RUNNING, JobState.PAUSED

TABLE = [
    ({}, PENDING, WANT, JobState.SUCCEEDED),
    ({R: 1}, PENDING, WANT, PENDING),
    ({W: 1, Q: 1}, PENDING, WANT, PENDING),
    ({W: 1, RUN: 1}, PENDING, WANT, RUNNING),
    ({W: 1, OK: 1}, PENDING, WANT, RUNNING),
    ({W: 1, R: 1}, RUNNING, WANT, RUNNING),
    ({W: 1, F: 1}, RUNNING, WANT, RUNNING),
    ({OK: 3}, RUNNING, WANT, JobState.SUCCEEDED),
    ({OK: 3, S: 1}, RUNNING, WANT, JobState.SUCCEEDED),
    ({OK: 3, F: 1}, RUNNING, WANT, JobState.FAILED),
    ({OK: 3, F: 1, C: 1, S: 1}, RUNNING, WANT, JobState.FAILED),
    ({OK: 3, C: 1, S: 1}, RUNNING, WANT, JobState.CANCELED),
    ({OK: 3, F: 1}, RUNNING, CANCEL, JobState.CANCELED),
    ({OK: 3}, RUNNING, CANCEL, JobState.CANCELED),
    ({OK: 3, RUN: 1}, RUNNING, CANCEL, RUNNING),
    ({R: 1}, PENDING, CANCEL, PENDING),
    ({R: 1}, PENDING, PAUSE, PAUSED),
    ({RUN: 1}, RUNNING, PAUSE, PAUSED),
    ({OK: 1}, PAUSED, PAUSE, JobState.SUCCEEDED),
    ({R: 1}, PAUSED, WANT, PENDING),
    ({R: 1, OK: 1}, PAUSED, WANT, RUNNING),
    ({W: 2}, JobState.FAILED, WANT, PENDING),
]


@pytest.mark.parametrize(("counts", "state", "desired", "after"), TABLE)
def test_the_table(counts: dict[TaskState, int], state: JobState, desired: Desired, after: JobState) -> None:
    assert settle(replace(JOB, counts=counts, state=state, desired=desired), NOW_US).state is after


@pytest.mark.parametrize("state", [PAUSED, JobState.FAILED, JobState.CANCELED])
def test_a_job_that_has_run_is_never_pending_again(state: JobState) -> None:
    job = replace(JOB, counts={R: 1}, state=state, started_at_us=2_000)
    assert settle(job, NOW_US).state is RUNNING


def test_a_job_that_did_not_change_is_the_same() -> None:
    job = replace(JOB, counts={R: 1})
    assert settle(job, NOW_US) is job


def test_a_failed_job_says_how_much_of_it_failed() -> None:
    job = settle(replace(JOB, counts={OK: 3, F: 2}), NOW_US)
    assert job.failure == Failure(code="tasks_failed", message="2 of 5 tasks failed")


def test_a_job_that_runs_again_has_neither_end_nor_failure() -> None:
    ended = settle(replace(JOB, counts={OK: 3, F: 2}), NOW_US)
    again = settle(replace(ended, counts={OK: 3, R: 2}), 9_000)
    assert (again.state, again.finished_at_us, again.failure) == (RUNNING, None, None)
    assert again.started_at_us == NOW_US


@given(
    st.dictionaries(st.sampled_from(TaskState), st.integers(0, 3)),
    st.sampled_from(JobState),
    st.sampled_from(Desired),
    st.integers(0, 10_000),
)
def test_a_job_has_ended_when_all_its_tasks_have(
    counts: dict[TaskState, int], state: JobState, desired: Desired, now_us: int
) -> None:
    job = settle(replace(JOB, counts=counts, state=state, desired=desired), now_us)
    ended = sum(counts.get(each, 0) for each in TASK_TERMINAL) == sum(counts.values())
    assert (job.state in JOB_TERMINAL) == ended
    assert settle(job, now_us) is job
    assert (job.progress == 1.0) == ended
    if job.state is not state:
        assert (job.finished_at_us is not None) == ended
    if job.finished_at_us is not None and job.started_at_us is not None:
        assert job.created_at_us <= job.started_at_us <= job.finished_at_us


@pytest.mark.parametrize(
    ("continues", "most", "failed", "overrun"),
    [
        (True, None, 99, False),
        (True, 2, 2, False),
        (True, 2, 3, True),
        (True, 0, 1, True),
        (False, None, 0, False),
        (False, None, 1, True),
        (False, 5, 1, True),
    ],
)
def test_a_job_with_too_many_failures_is_to_be_canceled(
    continues: bool, most: int | None, failed: int, overrun: bool
) -> None:
    job = replace(JOB, counts={F: failed, RUN: 1}, state=RUNNING, continue_on_failure=continues, max_failed_tasks=most)
    assert (settle(job, NOW_US).desired is CANCEL) == overrun
    ended = settle(replace(job, counts={F: failed, C: 1}), NOW_US)
    assert ended.state is (JobState.FAILED if failed else JobState.CANCELED)
