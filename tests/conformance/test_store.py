"""Transactions, jobs and tasks: what every store promises."""

import threading

import pytest

from app.domain.chords import RunWhen
from app.domain.job import Desired
from app.domain.task import TaskSpec
from app.ports.records import JobFilter, KeptAnswer, Page, TaskView
from app.ports.store import Reader, Store, Writer
from app.wire.report import Failure
from app.wire.resources import Resources
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.values import NOW_US, ORG, job, new_id, same, start, submit, task, unset
from tests.replacing import replace

ALL = Page(limit=1000)


class Boom(Exception):
    pass


def test_a_write_that_raises_leaves_nothing(store: Store) -> None:
    wanted = job(1)

    def work(tx: Writer) -> None:
        tx.insert_job(wanted)
        tx.insert_tasks([task(1, wanted, 0)], [TaskSpec(name="a", executor="python")])
        tx.stamp("web")
        assert tx.job(wanted.id) == wanted
        raise Boom

    with pytest.raises(Boom):
        store.write(work)
    assert store.read(lambda tx: (tx.job(wanted.id), tx.tasks(1, ALL), tx.jobs(JobFilter(org_id=ORG), ALL))) == (
        None,
        [],
        [],
    )
    assert store.write(lambda tx: tx.stamped_at_us("web")) is None


def test_a_write_sees_itself_and_is_seen_afterwards(store: Store) -> None:
    wanted = job(1)

    def work(tx: Writer) -> object:
        tx.insert_job(wanted)
        return tx.job(wanted.id)

    assert store.write(work) == wanted
    assert store.read(lambda tx: tx.job(wanted.id)) == wanted


def test_the_clock_stands_still_in_a_transaction(store: Store) -> None:
    def work(tx: Reader) -> set[int]:
        return {tx.now_us for _ in range(3)}

    first, second = store.read(work), store.write(work)
    assert len(first) == len(second) == 1
    assert min(first) > NOW_US - 1
    assert max(second) >= max(first)


def test_numbers_are_never_given_twice(store: Store) -> None:
    given = [store.write(lambda tx: tx.reserve("task", 3)) for _ in range(3)]

    def fail(tx: Writer) -> None:
        given.append(tx.reserve("task", 5))
        raise Boom

    with pytest.raises(Boom):
        store.write(fail)
    given.append(store.write(lambda tx: tx.reserve("task", 1)))
    sizes = [3, 3, 3, 5, 1]
    numbers = [first + step for first, size in zip(given, sizes, strict=True) for step in range(size)]
    assert len(numbers) == len(set(numbers))
    assert min(numbers) >= 1
    assert store.write(lambda tx: tx.reserve("job", 1)) >= 1


def test_a_job_is_given_its_numbers_together(store: Store) -> None:
    job_seq, task_seq = store.write(lambda tx: tx.reserve_job(3))
    assert store.write(lambda tx: (tx.reserve("job", 1), tx.reserve("task", 1))) == (job_seq + 1, task_seq + 3)
    assert store.write(lambda tx: tx.reserve_job(0)) == (job_seq + 2, 0)
    assert store.write(lambda tx: tx.reserve_job(1)) == (job_seq + 3, task_seq + 4)


def test_threads_are_given_different_numbers(store: Store) -> None:
    given: list[int] = []

    def take() -> None:
        for _ in range(20):
            given.append(store.write(lambda tx: tx.reserve("task", 2)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({first + step for first in given for step in (0, 1)}) == 160


def test_a_job_comes_back_whole(store: Store) -> None:
    wanted = job(
        7,
        name="Großer Würfel \U0001f9ca",
        desired=Desired.PAUSE,
        state=JobState.FAILED,
        priority=3,
        started_at_us=NOW_US + 1,
        finished_at_us=NOW_US + 2,
        failure=Failure(code="tasks_failed", message="1 of 2"),
        parameters={"a": [1, 2.5, None, True, {"b": "c"}]},
        labels={"team": "red", 'odd "key"': ""},
        max_failed_tasks=4,
        continue_on_failure=False,
        webhooks=({"url": "https://example.org"},),
        version=9,
        removed=True,
        template_id="template-1",
        template_version=3,
        open=True,
        submitted={"body": "x"},
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert not unset(wanted)
    store.write(lambda tx: tx.insert_job(wanted))
    assert store.read(lambda tx: tx.job(wanted.id)) == wanted
    assert store.write(lambda tx: tx.lock_jobs([7, 8])) == [wanted]


def test_saving_a_job_leaves_its_counts_alone(store: Store) -> None:
    wanted, _ = submit(store, [()] * 3)
    store.write(lambda tx: tx.add_counts({wanted.seq: {TaskState.READY: -1, TaskState.QUEUED: 1}}))
    changed = replace(
        wanted,
        project_id="p2",
        name="other",
        state=JobState.RUNNING,
        desired=Desired.PAUSE,
        priority=1,
        started_at_us=NOW_US,
        finished_at_us=NOW_US,
        failure=Failure(code="a", message="b"),
        parameters={"a": 1},
        labels={"a": "b"},
        max_failed_tasks=1,
        continue_on_failure=False,
        webhooks=(1,),
        version=2,
        removed=True,
        submitted={"body": "y"},
    )
    fixed = {"seq", "id", "org_id", "queue", "created_by", "created_at_us", "template_id", "template_version", "open"}
    assert same(changed, wanted) == fixed | {"counts", "traceparent"}
    store.write(lambda tx: tx.save_jobs([changed]))
    found = store.read(lambda tx: tx.job(wanted.id))
    assert found is not None
    assert replace(found, counts=wanted.counts) == changed
    assert (found.counts[TaskState.READY], found.counts[TaskState.QUEUED], found.total) == (2, 1, 3)


def test_counts_of_many_jobs_are_added_together(store: Store) -> None:
    jobs = [submit(store, [()] * 2)[0] for _ in range(3)]
    deltas = {jobs[2].seq: {TaskState.READY: -2, TaskState.FAILED: 2}, jobs[0].seq: {}}
    changed = store.write(lambda tx: tx.add_counts(deltas))
    assert [job.seq for job in changed] == sorted(deltas)
    assert changed[0] == jobs[0]
    assert changed[1].counts[TaskState.FAILED] == 2
    assert changed[1].counts[TaskState.READY] == 0
    assert store.write(lambda tx: tx.add_counts({})) == []


def test_jobs_are_listed_newest_first_by_pages(store: Store) -> None:
    jobs = [submit(store)[0] for _ in range(5)]
    store.write(lambda tx: tx.insert_job(job(tx.reserve("job", 1), org_id="org-2")))
    first = store.read(lambda tx: tx.jobs(JobFilter(org_id=ORG), Page(limit=2)))
    assert first == [jobs[4], jobs[3]]
    rest = store.read(lambda tx: tx.jobs(JobFilter(org_id=ORG), Page(limit=9, after=(first[-1].seq,))))
    assert rest == [jobs[2], jobs[1], jobs[0]]


def test_jobs_are_found_by_what_is_asked_together(store: Store) -> None:
    plain, _ = submit(store)
    wanted, _ = submit(
        store,
        of_job={
            "queue": "fast",
            "state": JobState.RUNNING,
            "project_id": "p2",
            "name": "100% STRASSE_x",
            "labels": {"team": "red", 'a"b': "c,d", "n": "1"},
        },
    )

    def found(**asked: object) -> list[int]:
        wanted_jobs = JobFilter(org_id=ORG, **asked)  # type: ignore[arg-type]
        return [job.seq for job in store.read(lambda tx: tx.jobs(wanted_jobs, ALL))]

    both = [wanted.seq, plain.seq]
    assert found() == both
    for asked in (
        {"queue": "fast"},
        {"state": JobState.RUNNING},
        {"project_id": "p2"},
        {"text": "straSSe_X"},
        {"text": "100%"},
        {"labels": {"team": "red"}},
        {"labels": {'a"b': "c,d", "n": "1"}},
        {"queue": "fast", "state": JobState.RUNNING, "project_id": "p2", "text": "strasse", "labels": {"team": "red"}},
    ):
        assert found(**asked) == [wanted.seq], asked
    for asked in ({"text": "%"}, {"text": "straße"}):
        assert found(**asked) == [wanted.seq], asked
    for asked in (
        {"labels": {"team": "re"}},
        {"labels": {"tea": "red"}},
        {"labels": {"team": "red", "n": "2"}},
        {"queue": "fast", "state": JobState.PENDING},
        {"text": "s_r"},
    ):
        assert found(**asked) == [], asked


def test_a_task_comes_back_whole_with_spec_and_run(store: Store) -> None:
    owner = job(1)
    submitted = {
        "name": "mesh",
        "needs": ["a", "b"],
        "payload": {"argv": ["x", 1, 1.0, None]},
        "inputs": [{"source": 1}],
        "unknown": {"x": [True]},
    }
    spec = TaskSpec(
        name="mesh",
        executor="command",
        version="2",
        needs=tuple(submitted["needs"]),  # type: ignore[arg-type]
        run_when=RunWhen.ANY_FAILED,
        payload=submitted["payload"],
        inputs=tuple(submitted["inputs"]),
        outputs=({"name": "made by us"},),
        shape=Resources(cpu_milli=1500, memory_mib=77),
        time_limit_s=12,
        max_attempts=3,
        retry_delay_s=4,
        priority=60,
        tag="linux",
        memory_growth=1.5,
        submitted=submitted,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert not unset(spec, "type", "values", "max_concurrency", "max_failed")  # a map's: test_store_maps.py
    other = replace(spec, name="b", submitted={}, needs=(), payload=None, inputs=(), outputs=())
    third = replace(spec, name="c", payload={"argv": ["x", 1, 1.0, 0]}, inputs=({"source": 1.0},), needs=("b", "a"))
    third = replace(third, traceparent=None)
    whole = task(
        1,
        owner,
        0,
        name="mesh",
        state=TaskState.FAILED,
        run_when=RunWhen.ANY_FAILED,
        priority=-5,
        height=3,
        max_attempts=3,
        retry_delay_s=4,
        attempts=2,
        runs=3,
        crashes=1,
        due_at_us=5,
        cancel=True,
        started_at_us=NOW_US + 1,
        finished_at_us=NOW_US + 2,
        failure=Failure(code="exit", message="1"),
    )
    assert not unset(whole, "run_id", "map_index")  # of a value of a map: test_store_maps.py
    tasks = [whole, task(2, owner, 1, name="b"), task(3, owner, 2, name="c")]

    def work(tx: Writer) -> None:
        tx.insert_job(owner)
        tx.insert_tasks(tasks, [spec, other, third])

    store.write(work)
    assert store.read(lambda tx: tx.task(whole.id)) == TaskView(task=whole, spec=spec)
    assert store.write(lambda tx: tx.specs([1, 2, 3, 4])) == {1: spec, 2: other, 3: third}
    run = start(store, tasks[1])
    view = store.read(lambda tx: tx.tasks(1, ALL, name="b"))[0]
    assert (view.run, view.task.run_id, view.task.runs) == (run, run.id, 1)


def test_json_keeps_the_types_of_its_values(store: Store) -> None:
    payload = {"i": 1, "f": 1.0, "t": True, "n": None, "big": 2**63 - 1, "text": "\x00\u2028é"}
    submitted = {"payload": {"i": 1.0, "f": 1, "t": 1, "n": None, "big": 2**63 - 1, "text": "\x00\u2028é"}}
    owner = job(1)
    spec = TaskSpec(name="a", executor="python", payload=payload, submitted=submitted)
    store.write(lambda tx: tx.insert_job(owner))
    store.write(lambda tx: tx.insert_tasks([task(1, owner, 0)], [spec]))
    found = store.write(lambda tx: tx.specs([1]))[1]
    assert repr(found) == repr(spec)


def test_tasks_are_listed_in_order_by_pages(store: Store) -> None:
    owner, tasks = submit(store, [()] * 5)
    first = store.read(lambda tx: tx.tasks(owner.seq, Page(limit=2)))
    assert [view.task for view in first] == tasks[:2]
    rest = store.read(lambda tx: tx.tasks(owner.seq, Page(limit=9, after=(1,))))
    assert [view.task for view in rest] == tasks[2:]
    named = store.read(lambda tx: tx.tasks(owner.seq, ALL, name="task 3"))
    assert [view.task for view in named] == [tasks[3]]
    assert store.read(lambda tx: tx.tasks(owner.seq, Page(limit=9, after=(3,)), name="task 3")) == []
    assert store.read(lambda tx: (tx.tasks(owner.seq, ALL, name="none"), tx.task(new_id()))) == ([], None)


def test_tasks_are_locked_by_seq_and_saved(store: Store) -> None:
    _, tasks = submit(store, [()] * 4)
    changed = replace(
        tasks[2],
        state=TaskState.RUNNING,
        route="another/route",
        priority=7,
        height=8,
        attempts=1,
        runs=2,
        crashes=1,
        run_id=new_id(),
        due_at_us=9,
        cancel=True,
        started_at_us=NOW_US,
        finished_at_us=NOW_US,
        failure=Failure(code="a", message="b"),
    )
    fixed = {"seq", "id", "job_seq", "job_id", "position", "name", "run_when", "max_attempts", "retry_delay_s"}
    assert same(changed, tasks[2]) == fixed | {"org_id", "created_at_us", "map_index"}
    store.write(lambda tx: tx.save_tasks([changed]))
    seqs = [tasks[3].seq, tasks[2].seq, tasks[2].seq, 10_000]
    assert store.write(lambda tx: tx.lock_tasks(seqs)) == [changed, tasks[3]]
    assert store.write(lambda tx: (tx.lock_tasks([]), tx.specs([]))) == ([], {})
    store.write(lambda tx: tx.save_tasks([]))
    store.write(lambda tx: tx.save_tasks([replace(task, state=TaskState.CANCELED) for task in tasks]))
    assert {task.state for task in store.write(lambda tx: tx.lock_tasks([task.seq for task in tasks]))} == {
        TaskState.CANCELED
    }


def test_tasks_in_some_states_come_by_seq(store: Store) -> None:
    states = [TaskState.READY, TaskState.RUNNING, TaskState.FAILED, TaskState.READY, TaskState.SKIPPED]
    owner, tasks = submit(store, [()] * 5, of_tasks={at: {"state": state} for at, state in enumerate(states)})

    def found(*states: TaskState, limit: int = 99, after: int = 0) -> list[int]:
        return [task.position for task in store.write(lambda tx: tx.lock_tasks_in(owner.seq, states, limit, after))]

    assert found(TaskState.READY) == [0, 3]
    assert found(TaskState.READY, limit=1) == [0]
    assert found(TaskState.READY, after=tasks[0].seq) == [3]
    assert found(TaskState.READY, TaskState.RUNNING, TaskState.FAILED) == [0, 1, 2, 3]
    assert found(TaskState.SKIPPED, TaskState.FAILED, after=tasks[2].seq) == [4]
    assert found(*TaskState) == [0, 1, 2, 3, 4]
    assert found() == []


def test_a_new_priority_is_that_of_tasks_not_yet_out(store: Store) -> None:
    states = [TaskState.READY, TaskState.WAITING, TaskState.QUEUED, TaskState.SUCCEEDED]
    owner, tasks = submit(store, [()] * 4, of_tasks={at: {"state": state} for at, state in enumerate(states)})
    store.write(lambda tx: tx.set_task_priority(owner.seq, 77))
    after = store.write(lambda tx: tx.lock_tasks([task.seq for task in tasks]))
    assert [task.priority for task in after] == [77, 77, 50, 50]


def test_edges_come_by_body_then_header(store: Store) -> None:
    owner, _ = submit(store, [(), (), (1, 0), (), (3, 2, 0)])
    assert store.read(lambda tx: tx.edges(owner.seq)) == [(1, 2), (0, 2), (3, 4), (2, 4), (0, 4)]


def test_results_are_those_of_the_newest_runs(store: Store) -> None:
    owner, tasks = submit(store, [()] * 3)
    start(store, tasks[0], state=RunState.FAILED, result={"old": 1})
    start(store, tasks[0], state=RunState.SUCCEEDED, result={"new": [1]})
    found = store.write(lambda tx: tx.results(owner.seq, ["task 0", "task 1", "nobody"]))
    assert {name: (need.state, need.result) for name, need in found.items()} == {
        "task 0": (TaskState.READY, {"new": [1]}),
        "task 1": (TaskState.READY, None),
    }


def test_desired_and_jobs_being_canceled(store: Store) -> None:
    jobs = [
        submit(store, of_job={"desired": desired, "state": state})[0]
        for desired, state in [
            (Desired.CANCEL, JobState.RUNNING),
            (Desired.CANCEL, JobState.CANCELED),
            (Desired.PAUSE, JobState.PAUSED),
            (Desired.CANCEL, JobState.PENDING),
        ]
    ]
    assert store.write(lambda tx: tx.lock_canceling_jobs(9)) == [jobs[0], jobs[3]]
    assert store.write(lambda tx: tx.lock_canceling_jobs(1)) == [jobs[0]]
    wanted = {job.seq: job.desired for job in jobs}
    assert store.write(lambda tx: tx.desired([*wanted, 999])) == wanted


def test_a_kept_answer_stays_the_first(store: Store) -> None:
    first = KeptAnswer(org_id=ORG, route="POST /jobs", key="k", body_hash="h", resource_id="1", at_us=5)
    assert store.write(lambda tx: tx.keep_answer(first))
    assert not store.write(lambda tx: tx.keep_answer(replace(first, resource_id="2")))
    assert store.write(lambda tx: tx.keep_answer(replace(first, key="l", at_us=7)))
    assert store.read(lambda tx: tx.kept_answer(ORG, "POST /jobs", "k")) == first
    store.write(lambda tx: tx.forget_answers(6))
    assert store.read(lambda tx: tx.kept_answer(ORG, "POST /jobs", "k")) is None
    assert store.read(lambda tx: tx.kept_answer(ORG, "POST /jobs", "l")) is not None
