"""What does each method of the store cost? `python -m tests.benchmarks.store_methods [DATABASE_URL]`

Prints microseconds a call within one transaction, for batches of 1 and of 64, then what a whole record of one ended run
costs with its commit, then the submit of a large job. Without an address: SQLite in a temporary folder.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

from app.adapters import sql
from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.records import Event, Page, Part, StoredLine
from app.ports.store import Store, Writer
from app.wire.report import LogLine
from app.wire.states import RunState, TaskState
from app.wire.usage import Sample, Usage
from tests.conformance.values import NOW_US, ORG, ROUTE, SHAPE, job, new_id, node, run, submit, task
from tests.replacing import replace

NODE = node()
Call = tuple[str, Callable[[Writer], object]]


def timed(store: Store, calls: Sequence[Call], repeats: int = 30) -> list[tuple[str, float]]:
    times: dict[str, list[float]] = {name: [] for name, _ in calls}

    def work(tx: Writer) -> None:
        for name, call in calls:
            began = time.perf_counter()
            call(tx)
            times[name].append(time.perf_counter() - began)

    for _ in range(repeats):
        store.write(work)
    return [(name, statistics.median(times[name]) * 1e6) for name, _ in calls]


def calls_of(store: Store, size: int) -> list[Call]:
    """One of each, over `size` tasks with a run and a chord each."""
    needs = [*[() for _ in range(size)], *[(at,) for at in range(size)]]
    owner, tasks = submit(store, needs)
    roots, bodies = tasks[:size], tasks[size:]
    runs = [run(one, state=RunState.RUNNING, node_id=NODE.id, claim_id=f"c{size}") for one in roots]
    store.write(lambda tx: tx.insert_runs(runs))
    ids, seqs = [one.id for one in runs], [one.seq for one in roots]
    ended = [replace(one, state=RunState.SUCCEEDED, result={"value": 1}, usage=Usage(wall_s=0.1)) for one in runs]
    parts = [Part(header_seq=seq, succeeded=True) for seq in seqs]
    said = [LogLine(line=at, at_us=NOW_US, stream="stdout", level="info", text="x" * 60) for at in range(size)]
    lines = [
        StoredLine(seq=0, job_seq=owner.seq, task_seq=one.task_seq, task_id=one.task_id, run_id=one.id, line=line)
        for one, line in zip(runs, said, strict=True)
    ]
    samples = [(run_id, Sample(at_us=NOW_US, usage=Usage(wall_s=1.5))) for run_id in ids]
    event = Event(
        org_id=ORG, job_id=owner.id, at_us=NOW_US, kind="tasks", data=[[run_id, "succeeded"] for run_id in ids]
    )

    def add_lines(tx: Writer) -> None:
        tx.add_lines([replace(line, run_id=new_id()) for line in lines])
        tx.lines(Page(limit=1), run_id="")  # they are written before the next reading

    def add_events(tx: Writer) -> None:
        tx.add_events([event])
        tx.events("nobody", Page(limit=1))

    return [
        ("now_us", lambda tx: tx.now_us),
        ("renew_lease", lambda tx: tx.renew_lease(NODE.id, NOW_US, SHAPE)),
        ("lock_runs", lambda tx: tx.lock_runs(ids)),
        ("save_runs", lambda tx: tx.save_runs(ended)),
        ("save_runs back", lambda tx: tx.save_runs(runs)),
        (
            "insert_runs",
            lambda tx: tx.insert_runs(
                [replace(one, id=new_id(), number=time.time_ns(), claim_id="other") for one in runs]
            ),
        ),
        ("lock_tasks", lambda tx: tx.lock_tasks(seqs)),
        ("save_tasks", lambda tx: tx.save_tasks(roots)),
        ("specs", lambda tx: tx.specs(seqs)),
        ("results", lambda tx: tx.results(owner.seq, [one.name for one in roots])),
        ("reopen_parts", lambda tx: tx.reopen_parts(seqs)),
        ("return_parts", lambda tx: tx.return_parts(parts)),
        ("lock_waiting_below", lambda tx: tx.lock_waiting_below(seqs)),
        ("lock_ready", lambda tx: tx.lock_ready(ROUTE, size, ORG)),
        ("ready_routes", lambda tx: tx.ready_routes()),
        ("queued_counts", lambda tx: tx.queued_counts([ROUTE])),
        ("lock_queued", lambda tx: tx.lock_queued(ROUTE, NOW_US, size)),
        ("add_counts", lambda tx: tx.add_counts({owner.seq: {TaskState.READY: 0}})),
        ("save_jobs", lambda tx: tx.save_jobs([owner])),
        ("desired", lambda tx: tx.desired([owner.seq])),
        ("runs_of_claim", lambda tx: tx.runs_of_claim(NODE.id, f"c{size}")),
        ("unwanted", lambda tx: tx.unwanted(NODE.id)),
        ("add_lines", add_lines),
        ("add_samples", lambda tx: tx.add_samples([(new_id(), sample) for _, sample in samples])),
        ("add_events", add_events),
        ("tasks page", lambda tx: tx.tasks(owner.seq, Page(limit=size))),
        ("runs page", lambda tx: tx.runs(owner.seq, Page(limit=size))),
        ("bodies", lambda tx: tx.lock_tasks([one.seq for one in bodies])),
    ]


def record_one(store: Store, length: int = 300) -> list[float]:
    """The statements of recording one ended run of a chain and handing off the next, committed; milliseconds each."""
    owner, tasks = submit(store, [(), *[(at,) for at in range(length)]])
    current = run(tasks[0], state=RunState.RUNNING, node_id=NODE.id, claim_id="c")
    store.write(lambda tx: tx.insert_runs([current]))
    store.write(
        lambda tx: tx.save_tasks([replace(tasks[0], state=TaskState.RUNNING, run_id=current.id)]),
    )
    times = []
    for body in tasks[1:]:
        began = time.perf_counter()
        current = store.write(lambda tx, current=current, body=body: hop(tx, owner, current, body))  # type: ignore[misc]
        times.append((time.perf_counter() - began) * 1e3)
    return times


def hop(tx: Writer, owner: Job, ended: Run, body: Task) -> Run:
    tx.keep_lease(NODE.id, tx.now_us, SHAPE)
    (found,) = tx.lock_runs([ended.id])
    tx.save_runs([replace(found, state=RunState.SUCCEEDED, result=1, usage=Usage(wall_s=0.1), sequence=2)])
    (task,) = tx.lock_tasks([found.task_seq])
    tx.save_tasks([replace(task, state=TaskState.SUCCEEDED)])
    tx.return_parts([Part(header_seq=task.seq, succeeded=True)])
    (below,) = tx.lock_tasks([body.seq])
    tx.save_tasks([replace(below, state=TaskState.READY)])
    tx.runs_of_claim(NODE.id, f"handoff:{found.id}:1")
    tx.queued_counts([ROUTE])
    (ready,) = (one for one in tx.lock_ready(ROUTE, 64, ORG) if one.seq == body.seq)
    fresh = run(ready, state=RunState.RUNNING, node_id=NODE.id, claim_id=f"handoff:{found.id}:1")
    tx.insert_runs([fresh])
    tx.save_tasks([replace(ready, state=TaskState.RUNNING, run_id=fresh.id, runs=1)])
    tx.specs([ready.seq])
    tx.add_counts({owner.seq: {TaskState.WAITING: -1, TaskState.SUCCEEDED: 1}})
    tx.add_events(
        [Event(org_id=ORG, job_id=owner.id, at_us=tx.now_us, kind="tasks", data=[[task.id, "succeeded"]])],
    )
    return fresh


def submit_large(store: Store, tasks: int = 100_000, needs: int = 3) -> str:
    owner = job(store.write(lambda tx: tx.reserve("job", 1)))
    first = store.write(lambda tx: tx.reserve("task", tasks))
    layer = 1000
    rows = [task(first + at, owner, at, name=f"task-{at}", height=at) for at in range(tasks)]
    specs = [
        TaskSpec(name=one.name, executor="python", submitted={"name": one.name, "executor": "python"}) for one in rows
    ]
    chords = [
        (first + at, [first + (at // layer - 1) * layer + (at * 7 + step * 13) % layer for step in range(needs)])
        for at in range(layer, tasks)
    ]
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    times = [time.perf_counter()]

    def work(tx: Writer) -> None:
        tx.insert_job(owner)
        tx.insert_tasks(rows, specs)
        times.append(time.perf_counter())
        tx.insert_chords(chords)
        times.append(time.perf_counter())

    store.write(work)
    times.append(time.perf_counter())
    after_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    parts = [f"{after - before:.2f} s" for before, after in pairwise(times)]
    began = time.perf_counter()
    store.write(lambda tx: tx.delete_job(owner.seq))
    return (
        f"{tasks} tasks, {sum(len(header) for _, header in chords)} edges: "
        f"tasks {parts[0]}, chords {parts[1]}, commit {parts[2]}; "
        f"peak memory {before_mb} -> {after_mb} MB; deleted in {time.perf_counter() - began:.2f} s"
    )


def main(url: str) -> None:
    sql.upgrade(url)
    store = sql.open_store(url, threads=2)
    store.write(lambda tx: tx.save_node(NODE))
    one, many = (timed(store, calls_of(store, size)) for size in (1, 64))
    print(f"{'us a call':24}{'1':>8}{'64':>8}")
    for (name, single), (_, batch) in zip(one, many, strict=True):
        print(f"{name:24}{single:8.0f}{batch:8.0f}")
    store.write(
        lambda tx: tx.save_tasks([replace(one, state=TaskState.SUCCEEDED) for one in tx.lock_ready(ROUTE, 10_000, ORG)])
    )
    times = sorted(record_one(store))
    print(f"record of one run, ms: median {times[len(times) // 2]:.3f}, p99 {times[int(len(times) * 0.99)]:.3f}")
    print(submit_large(store))
    store.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(f"sqlite:///{folder}/store.db")
