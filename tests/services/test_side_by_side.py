"""Web processes and engines side by side on one PostgreSQL: is each task released once, and each run given once?"""

import threading
from collections.abc import Iterator

import pytest

from app.adapters import sql
from app.adapters.memory import MemoryBlobs, MemoryBroker
from app.adapters.system_chance import SystemChance
from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.ports.records import Page
from app.ports.store import Store
from app.services import access, claim, nodes, query, record, release, submit, sweep
from app.services.core import FAST, Core
from app.services.sweep import Sweeper
from app.wire.claim import Claim, RunSpec
from app.wire.heartbeat import Registration
from app.wire.report import Ending, Report, ReportBatch
from app.wire.resources import NOTHING, Resources
from app.wire.states import RunState
from app.wire.usage import Usage
from tests.conformance.test_store_crowds import together

WHO = access.anonymous("admin")
TASKS, PROCESSES = 120, 3
TOTAL = Resources(cpu_milli=2000, memory_mib=1024)


@pytest.fixture
def processes(postgres_url: str) -> Iterator[list[Core]]:
    """Each with connections, estimates and a broker of its own; the store is all that they share."""
    sql.upgrade(postgres_url)
    stores: list[Store] = [sql.open_store(postgres_url, threads=2) for _ in range(PROCESSES)]
    yield [
        Core(store=store, broker=MemoryBroker(), chance=SystemChance(), blobs=MemoryBlobs(), clockwork=FAST)
        for store in stores
    ]
    for store in stores:
        store.close()


def ended(spec: RunSpec) -> Report:
    ending = Ending(state=RunState.SUCCEEDED, at_us=1)
    return Report(
        run_id=spec.run_id,
        fence=spec.fence,
        sequence=1,
        started_at_us=1,
        usage=Usage(wall_s=0.2),
        ending=ending,
        takes=1,
    )


def test_each_task_runs_once_however_many_processes_release(processes: list[Core]) -> None:
    for number, core in enumerate(processes):
        asked = Registration(
            node_id=f"n{number}",
            name=f"n{number}",
            pid=1,
            total=TOTAL,
            queues=("@default",),
            tags=(),
            executors=("command",),
            version="0",
        )
        nodes.register(core, asked)
    middle = [TaskSpec(name=f"t{n}", executor="command", needs=("first",)) for n in range(TASKS)]
    last = TaskSpec(name="last", executor="command", needs=tuple(task.name for task in middle))
    spec = JobSpec(name="job", tasks=(TaskSpec(name="first", executor="command"), *middle, last))
    job = submit.submit(processes[0], WHO, "@default", spec)
    over = threading.Event()
    given: list[str] = []

    def live(number: int) -> None:
        """A web process, the node that talks to it, and an engine, which all want to release."""
        core, sweeper, claims = processes[number], Sweeper(holder=f"e{number}"), 0
        while not over.is_set():
            release.release_ready(core)
            sweep.step(core, sweeper)
            held: list[RunSpec] = []
            while offer := core.broker.take():  # type: ignore[attr-defined]  # the memory's
                claims += 1
                asked = Claim(claim_id=f"{number}-{claims}", run_ids=offer.run_ids, free=NOTHING)
                held += claim.claim(core, f"n{number}", asked).runs
            while held:
                given.extend(each.run_id for each in held)
                batch = ReportBatch(free=TOTAL, reports=tuple(map(ended, held)))
                answer = record.record(core, f"n{number}", batch)
                held = [each for handed in answer.handoffs.values() for each in handed]
            if query.job(core, WHO, job.id).finished_at_us is not None:
                over.set()

    together(PROCESSES, live)
    runs = query.runs(processes[0], WHO, Page(limit=1000), job_id=job.id)
    assert query.job(processes[0], WHO, job.id).state == "succeeded"
    assert [run.number for run in runs] == [1] * (TASKS + 2)
    assert len(given) == len(set(given)) == TASKS + 2
