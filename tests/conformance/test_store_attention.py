"""What the store finds for who asks whether anything needs him."""

from app.ports.store import Store
from app.wire.report import Failure
from app.wire.states import JobState, TaskState
from tests.conformance.values import ORG, ROUTE, submit

OTHER_ROUTE = ROUTE.replace("python", "command")
CRASHED = {"state": TaskState.FAILED, "failure": Failure(code="crash_limit", message="three nodes died")}


def test_the_first_waiting_task_of_each_route_is_found_oldest_job_first(store: Store) -> None:
    _, first = submit(store, [(), (), (0,), ()], of_tasks={3: {"route": OTHER_ROUTE, "state": TaskState.QUEUED}})
    _, second = submit(store, [()])
    found = store.read(lambda tx: tx.stuck(ORG, 10, 10))
    assert found == [first[0], first[3], second[0]]
    assert store.read(lambda tx: tx.stuck(ORG, 1, 10)) == [first[0], first[3]]
    assert store.read(lambda tx: tx.stuck(ORG, 1, 2)) == [first[0]]


def test_what_has_ended_runs_or_is_not_of_the_organization_does_not_wait(store: Store) -> None:
    submit(store, [()], of_all={"state": TaskState.RUNNING})
    submit(store, [()], of_job={"state": JobState.CANCELED})
    submit(store, [()], of_job={"removed": True})
    submit(store, [()], of_job={"org_id": "other"})
    assert store.read(lambda tx: tx.stuck(ORG, 10, 10)) == []


def test_tasks_that_failed_for_a_reason_are_found_newest_job_first(store: Store) -> None:
    failed = {"state": JobState.FAILED}
    plain = {"state": TaskState.FAILED, "failure": Failure(code="failed", message="no")}
    _, older = submit(store, [(), ()], of_job=failed, of_tasks={0: plain, 1: CRASHED})
    _, newer = submit(store, [()], of_job=failed, of_all=CRASHED)
    submit(store, [()], of_job=failed | {"removed": True}, of_all=CRASHED)
    submit(store, [()], of_job=failed | {"org_id": "other"}, of_all=CRASHED)
    found = store.read(lambda tx: tx.failed_with(ORG, "crash_limit", 10, 10))
    assert found == [newer[0], older[1]]
    assert store.read(lambda tx: tx.failed_with(ORG, "crash_limit", 1, 10)) == [newer[0]]
    assert store.read(lambda tx: tx.failed_with(ORG, "crash_limit", 10, 1)) == [newer[0]]
