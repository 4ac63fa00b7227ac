"""Pages by number, what is around runs, and what is kept for runs from outside of the fleet."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.adapters.sql.store import SqlStore
from app.domain.run import OUTSIDE, Run
from app.domain.task import Task, TaskSpec
from app.ports.numbered import Phase, Spot, Wanted
from app.ports.records import StoredLine
from app.ports.store import Store, Writer
from app.wire.report import LogLine
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.values import NOW_US, ORG, ROUTE, start, submit
from tests.replacing import replace

ALL = Spot(offset=0, limit=1000)
MOST = 100_000
ENDED = {"state": TaskState.SUCCEEDED, "finished_at_us": NOW_US}


def wanted(**more: Any) -> Wanted:
    return Wanted(org_id=ORG, **more)


def filled(store: Store) -> dict[str, Any]:
    """A pending, a paused, a running, an ended and a removed job, and another organization's."""
    jobs = {
        "pending": submit(store),
        "paused": submit(store, of_job={"state": JobState.PAUSED}),
        "running": submit(
            store,
            [(), (), ()],
            of_job={"state": JobState.RUNNING},
            of_tasks={0: {"state": TaskState.RUNNING}, 2: ENDED},
        ),
        "ended": submit(store, [(), ()], of_job={"state": JobState.FAILED}, of_all=ENDED),
        "removed": submit(store, of_job={"removed": True}),
        "foreign": submit(store, of_job={"org_id": "org-2"}),
    }
    tasks = {f"{name} tasks": tasks for name, (_, tasks) in jobs.items()}
    return tasks | {name: job for name, (job, _) in jobs.items()}


def ids(found: list[Any]) -> list[str]:
    return [getattr(one, "task", one).id for one in found]


def test_jobs_by_number(store: Store) -> None:
    made = filled(store)
    names = ("pending", "paused", "running", "ended")

    def asked(spot: Spot = ALL, phase: Phase | None = None) -> list[str]:
        found = store.read(lambda tx: tx.jobs_by_number(wanted(phase=phase), spot))
        return [next(name for name in names if made[name].seq == job.seq) for job in found]

    assert asked() == list(names)
    assert asked(Spot(offset=0, limit=3, newest_first=True)) == ["ended", "running", "paused"]
    assert asked(Spot(offset=1, limit=2)) == ["paused", "running"]
    assert asked(Spot(offset=9, limit=2)) == []
    assert asked(phase=Phase.PENDING) == ["pending", "paused"]
    assert asked(phase=Phase.RUNNING) == ["running"]
    assert asked(phase=Phase.ENDED) == ["ended"]
    counts = [store.read(lambda tx: tx.number_of_jobs(wanted(phase=p), MOST)) for p in (None, *Phase)]  # noqa: B023
    assert counts == [4, 2, 1, 1]
    assert store.read(lambda tx: tx.number_of_jobs(wanted(), 3)) == 3


def test_tasks_by_number(store: Store) -> None:
    made = filled(store)
    everything = [task for name in ("pending", "paused", "running", "ended") for task in made[f"{name} tasks"]]

    def asked(spot: Spot = ALL, **more: Any) -> list[str]:
        return ids(store.read(lambda tx: tx.tasks_by_number(wanted(**more), spot)))

    assert asked() == [task.id for task in everything]
    assert asked(Spot(offset=2, limit=2)) == [task.id for task in everything[2:4]]
    assert asked(Spot(offset=0, limit=2, newest_first=True)) == [task.id for task in everything[:-3:-1]]
    running = made["running tasks"]
    assert asked(phase=Phase.RUNNING) == [running[0].id]
    assert asked(phase=Phase.ENDED) == [running[2].id, *(task.id for task in made["ended tasks"])]
    assert asked(job_seq=made["running"].seq, phase=Phase.PENDING) == [running[1].id]
    assert asked(job_seq=made["running"].seq) == [task.id for task in running]
    for phase, count in ((None, 7), (Phase.PENDING, 3), (Phase.RUNNING, 1), (Phase.ENDED, 3)):
        assert store.read(lambda tx: tx.number_of_tasks(wanted(phase=phase), MOST)) == count  # noqa: B023


def test_runs_by_number(store: Store) -> None:
    made = filled(store)
    first, second = made["pending tasks"][0], made["running tasks"][0]
    runs = [
        start(store, first, state=RunState.FAILED, finished_at_us=NOW_US),
        start(store, first),
        start(store, second),
    ]
    start(store, made["foreign tasks"][0])
    start(store, made["removed tasks"][0])

    def asked(spot: Spot = ALL, **more: Any) -> list[str]:
        return ids(store.read(lambda tx: tx.runs_by_number(wanted(**more), spot)))

    def of_task(task: Task) -> dict[str, int]:
        return {"job_seq": task.job_seq, "task_seq": task.seq, "first_seq": task.first_seq}

    assert asked() == [run.id for run in runs]
    assert asked(Spot(offset=0, limit=2, newest_first=True)) == [runs[2].id, runs[1].id]
    assert asked(Spot(offset=1, limit=1)) == [runs[1].id]
    assert asked(job_seq=second.job_seq) == [runs[2].id]
    assert asked(**of_task(first)) == [runs[0].id, runs[1].id]
    assert store.read(lambda tx: tx.number_of_runs(wanted(**of_task(first)), MOST)) == 2
    assert store.read(lambda tx: tx.number_of_runs(wanted(), MOST)) == 3


def test_what_is_around_runs(store: Store) -> None:
    job, tasks = submit(store, [(), ()], of_all={"state": TaskState.RUNNING})
    runs = [start(store, task, state=RunState.RUNNING, progress=0.25, node_id="n", claim_id="c") for task in tasks]
    lines = [
        StoredLine(
            seq=0,
            job_seq=job.seq,
            task_seq=run.task_seq,
            task_id=run.task_id,
            run_id=run.id,
            line=LogLine(line=number, at_us=NOW_US, stream=stream, level="info", text=text),
        )
        for run in runs[:1]
        for number, (stream, text) in enumerate((("stdout", "one"), ("stdout", "zwölf"), ("stderr", "")), start=1)
    ]
    store.write(lambda tx: tx.add_lines(lines))

    def work(tx: Any) -> None:
        seqs, run_ids = [job.seq, -1], [runs[0].id, "none"]
        assert tx.jobs_by_seq(seqs)[job.seq].id == job.id
        assert tx.specs_by_seq([tasks[1].seq])[tasks[1].seq].name == tasks[1].name
        assert list(tx.job_times(seqs)) == [job.seq]
        assert list(tx.run_times(run_ids)) == [runs[0].id]
        assert tx.running_progress(seqs) == {job.seq: 0.5}
        assert dict(tx.said_bytes(run_ids)) == {(runs[0].id, "stdout"): 11, (runs[0].id, "stderr"): 1}
        for empty in (tx.jobs_by_seq, tx.specs_by_seq, tx.job_times, tx.run_times, tx.running_progress):
            assert empty([]) == {}
        assert dict(tx.said_bytes([])) == dict(tx.said_outside([])) == {}

    store.read(work)


def test_what_is_said_of_a_run_from_outside(store: Store) -> None:
    _, (task,) = submit(store)
    run = start(store, task, state=RunState.RUNNING, claim_id=OUTSIDE)
    assert store.read(lambda tx: tx.run(run.id)) == run
    assert run.outside
    for said in ({"by": "me"}, {"by": "me", "machine": {"x": [1, None]}}):
        store.write(lambda tx: tx.say_outside(run.id, said))  # noqa: B023
        assert store.read(lambda tx: tx.said_outside([run.id, "none"])) == {run.id: said}
    store.write(lambda tx: tx.delete_job(run.job_seq))
    assert store.read(lambda tx: tx.said_outside([run.id])) == {}


def test_another_spec(store: Store) -> None:
    _, (task,) = submit(store)
    store.write(lambda tx: tx.save_spec(task.seq, TaskSpec(name=task.name, executor="other", payload={"a": 1})))
    view = store.read(lambda tx: tx.task(task.id))
    assert view is not None
    assert (view.spec.executor, view.spec.payload) == ("other", {"a": 1})


def test_tasks_that_no_node_need_serve(store: Store) -> None:
    _, (outside,) = submit(store, of_job={"open": True})
    _, whole = submit(store, [(), ()])
    submit(store, of_all={"due_at_us": NOW_US + 10**15})
    submit(store, of_all={"route": "other"})

    def asked(limit: int = 10) -> list[int]:
        return [task.seq for task in store.write(lambda tx: tx.lock_unserved(ROUTE, limit))]

    assert asked() == [task.seq for task in whole]
    assert asked(1) == [whole[0].seq]
    assert outside.seq in [task.seq for task in store.write(lambda tx: tx.lock_ready(ROUTE, 10, ORG))]


def test_an_open_job_is_kept_whole(store: Store) -> None:
    job, _ = submit(store, [], of_job={"open": True, "submitted": {"body": "x", "threekit": {"type": "y"}}})
    assert store.read(lambda tx: tx.job(job.id)) == job
    changed = replace(job, submitted={"body": "z"})
    store.write(lambda tx: tx.save_jobs([changed]))
    assert store.read(lambda tx: tx.job(job.id)) == changed


def test_of_two_that_ask_for_an_id_at_once_one_makes_it(sql_store: SqlStore) -> None:
    def make(_: int) -> bool:
        def work(tx: Writer) -> bool:
            tx.hold_name("wanted")
            if tx.said_outside(["wanted"]):
                return False
            tx.say_outside("wanted", {})
            return True

        return sql_store.write(work)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(make, range(8))) == [False] * 7 + [True]


@pytest.mark.parametrize("kind", ["jobs", "tasks", "runs"])
def test_a_deep_page_of_nothing(store: Store, kind: str) -> None:
    spot = Spot(offset=99_999, limit=100)
    read = {"jobs": "jobs_by_number", "tasks": "tasks_by_number", "runs": "runs_by_number"}[kind]
    found: list[Run] = store.read(lambda tx: getattr(tx, read)(wanted(), spot))
    assert found == []
