"""What the store tells of an organization as a whole."""

from app.ports.overview import Slice
from app.ports.records import Event
from app.ports.store import Store
from app.wire.states import JobState, TaskState
from tests.conformance.values import NOW_US, ORG, submit
from tests.replacing import replace

HOUR_US = 3_600_000_000


def test_the_newest_event_is_that_of_the_organization(store: Store) -> None:
    assert store.read(lambda tx: tx.newest_event(ORG)) == 0
    event = Event(org_id=ORG, job_id="j", at_us=NOW_US, kind="job", data="running")
    store.write(lambda tx: tx.add_events([event, replace(event, data="failed")]))
    newest = store.read(lambda tx: tx.newest_event(ORG))
    assert newest > 0
    store.write(lambda tx: tx.add_events([replace(event, org_id="other")]))
    assert store.read(lambda tx: tx.newest_event(ORG)) == newest


def test_jobs_are_counted_by_state_and_no_further_than_asked(store: Store) -> None:
    for state in (JobState.RUNNING, JobState.FAILED, JobState.FAILED, JobState.FAILED):
        submit(store, [()], of_job={"state": state})
    submit(store, [()], of_job={"org_id": "other"})
    submit(store, [()], of_job={"state": JobState.RUNNING, "removed": True})
    counted = store.read(lambda tx: tx.job_counts(ORG, 100))
    assert counted == {JobState.RUNNING: 1, JobState.FAILED: 3}
    assert store.read(lambda tx: tx.job_counts(ORG, 2))[JobState.FAILED] == 2
    assert store.read(lambda tx: tx.job_counts("nobody", 2)) == {}


def test_the_oldest_that_waits_is_told_by_queue(store: Store) -> None:
    ready = {"state": TaskState.READY}
    submit(store, [()], of_all=ready, of_job={"queue": "a", "created_at_us": NOW_US - 5})
    submit(store, [()], of_all=ready, of_job={"queue": "a", "created_at_us": NOW_US - 9})
    submit(store, [()], of_all={"state": TaskState.RUNNING}, of_job={"queue": "b"})
    submit(store, [()], of_all=ready, of_job={"queue": "b", "state": JobState.FAILED})
    submit(store, [()], of_all=ready, of_job={"queue": "b", "removed": True})
    submit(store, [()], of_all=ready, of_job={"queue": "c", "org_id": "other"})
    assert store.read(lambda tx: tx.oldest_waiting(ORG)) == {"a": NOW_US - 9}


def test_activity_is_by_slices_of_time_and_by_state(store: Store) -> None:
    start_us = NOW_US // HOUR_US * HOUR_US
    ended = {"state": TaskState.SUCCEEDED}
    submit(store, [(), ()], of_all=ended, of_job={"state": JobState.SUCCEEDED, "created_at_us": start_us - 2 * HOUR_US})
    submit(store, [(), ()], of_all=ended, of_job={"state": JobState.SUCCEEDED, "created_at_us": start_us - HOUR_US})
    submit(store, [()], of_job={"state": JobState.RUNNING, "created_at_us": start_us + 5})
    submit(store, [()], of_all=ended, of_job={"state": JobState.SUCCEEDED, "created_at_us": start_us + 7})
    submit(store, [()], of_all=ended, of_job={"state": JobState.SUCCEEDED, "created_at_us": start_us + 8})
    submit(store, [()], of_job={"created_at_us": start_us, "removed": True})
    found = store.read(lambda tx: tx.activity(ORG, start_us - HOUR_US, HOUR_US, 100))
    assert found == [
        Slice(at_us=start_us - HOUR_US, state=JobState.SUCCEEDED, jobs=1, tasks=2),
        Slice(at_us=start_us, state=JobState.RUNNING, jobs=1, tasks=0),
        Slice(at_us=start_us, state=JobState.SUCCEEDED, jobs=2, tasks=2),
    ]
    newest = store.read(lambda tx: tx.activity(ORG, start_us - HOUR_US, HOUR_US, 2))
    assert [(one.at_us, one.jobs) for one in newest] == [(start_us, 2)]
