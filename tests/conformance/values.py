"""Jobs, tasks, runs and nodes for tests of stores: whole, unlike each other, and short to ask for."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.job import Job
from app.domain.node import Node
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.store import Store, Writer
from app.wire.resources import Resources, Route
from app.wire.states import JobState, RunState, TaskState
from tests.replacing import field_defaults, replace

NOW_US = 1_790_000_000_000_000
ORG = "org-1"
SHAPE = Resources(cpu_milli=1000, memory_mib=256)
ROUTE = Route(queue="@default", tag="", executor="python", version="", shape=SHAPE).key


def unset(value: Any, *but: str) -> set[str]:
    """The fields that are as their defaults, without those named: a test of wholeness wants none, also of new ones."""
    return {name for name, default in field_defaults(value).items() if getattr(value, name) == default} - set(but)


def same(one: Any, other: Any) -> set[str]:
    """The fields in which two do not differ."""
    return {name for name in field_defaults(one) if getattr(one, name) == getattr(other, name)}


def new_id() -> str:
    return str(uuid.uuid4())


def node(**changed: Any) -> Node:
    plain = Node(
        id=new_id(),
        name="host",
        pid=1,
        incarnation=1,
        total=Resources(cpu_milli=4000, memory_mib=4096),
        free=Resources(cpu_milli=4000, memory_mib=4096),
        queues=("@default",),
        tags=("linux",),
        executors=("python", "command"),
        version="1.0",
        registered_at_us=NOW_US,
        heartbeat_at_us=NOW_US,
        lease_until_us=NOW_US,
    )
    return replace(plain, **changed)


def job(seq: int, tasks: Sequence[Task] = (), **changed: Any) -> Job:
    plain = Job(
        seq=seq,
        id=new_id(),
        org_id=ORG,
        project_id="project-1",
        queue="@default",
        name=f"job {seq}",
        state=JobState.PENDING,
        priority=50,
        created_by="somebody",
        created_at_us=NOW_US,
        counts={state: Counter(task.state for task in tasks)[state] for state in TaskState},
    )
    return replace(plain, **changed)


def task(seq: int, job: Job, position: int, **changed: Any) -> Task:
    plain = Task(
        seq=seq,
        id=new_id(),
        job_seq=job.seq,
        job_id=job.id,
        position=position,
        name=f"task {position}",
        state=TaskState.READY,
        route=ROUTE,
        run_when=TaskSpec(name="", executor="").run_when,
        priority=50,
        height=0,
        max_attempts=1,
        retry_delay_s=0,
        created_at_us=NOW_US,
        org_id=job.org_id,
    )
    return replace(plain, **changed)


def run(task: Task, number: int = 1, **changed: Any) -> Run:
    plain = Run(
        id=new_id(),
        task_seq=task.seq,
        job_seq=task.job_seq,
        task_id=task.id,
        job_id=task.job_id,
        map_index=None,
        number=number,
        fence=number,
        route=task.route,
        state=RunState.QUEUED,
        created_at_us=NOW_US,
        offered_at_us=NOW_US,
    )
    return replace(plain, **changed)


def submit(
    store: Store,
    needs: Sequence[Sequence[int]] = ((),),
    *,
    of_job: Mapping[str, Any] | None = None,
    of_tasks: Mapping[int, Mapping[str, Any]] | None = None,
    of_all: Mapping[str, Any] | None = None,
) -> tuple[Job, list[Task]]:
    """A job in the store, a task for each row of needs (positions); tasks that need something wait."""

    def work(tx: Writer) -> tuple[Job, list[Task]]:
        wanted = job(tx.reserve("job", 1), **(of_job or {}))
        first = tx.reserve("task", len(needs)) if needs else 0
        tasks = [
            task(
                first + position,
                wanted,
                position,
                **{"state": TaskState.WAITING if header else TaskState.READY}
                | dict(of_all or {})
                | dict((of_tasks or {}).get(position, {})),
            )
            for position, header in enumerate(needs)
        ]
        counts = Counter(task.state for task in tasks)
        wanted = replace(wanted, counts={state: counts[state] for state in TaskState})
        tx.insert_job(wanted)
        tx.insert_tasks(tasks, [TaskSpec(name=task.name, executor="python") for task in tasks])
        tx.insert_chords([(first + body, [first + h for h in header]) for body, header in enumerate(needs) if header])
        return wanted, tasks

    return store.write(work)


def start(store: Store, task: Task, **changed: Any) -> Run:
    """A run of the task in the store, by default queued; the task knows it as its newest."""

    def work(tx: Writer) -> Run:
        current = tx.lock_tasks([task.seq])[0]
        fresh = run(current, current.runs + 1, **changed)
        tx.insert_runs([fresh])
        tx.save_tasks([replace(current, run_id=fresh.id, runs=fresh.number)])
        return fresh

    return store.write(work)
