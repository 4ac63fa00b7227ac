"""A long history: ended jobs with ended runs, put into a store without anybody having run them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from app.adapters import sql
from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.store import Writer
from app.services.access import ORG
from app.wire.states import JobState, RunState, TaskState
from app.wire.usage import Usage
from tests.conformance.values import job, run, task

TASKS_A_JOB: Final = 100
RARE: Final = "needle"
"""What one job in a thousand has in its name."""

_EVERY: Final = 1000
_APART_US: Final = 240 * 1_000_000
"""From one job to the next: 10,000 of them are four weeks."""

_USAGE: Final = Usage(wall_s=1.0, cpu_user_s=0.5, peak_rss_bytes=1 << 24, max_processes=1)
_STATES: Final = (JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED)


def fill(url: str, runs: int) -> None:
    store = sql.open_store(url, threads=1)
    try:
        jobs = -(-runs // TASKS_A_JOB)
        for number in range(jobs):
            ago_us = (jobs - number) * _APART_US
            store.write(lambda tx, number=number, ago_us=ago_us: _write(tx, number, ago_us))  # type: ignore[misc]
    finally:
        store.close()


def _write(tx: Writer, number: int, ago_us: int) -> None:
    at_us = tx.now_us - ago_us
    project = next(iter(tx.projects(ORG)), None)
    first = tx.reserve("task", TASKS_A_JOB)
    ended = replace(
        job(tx.reserve("job", 1)),
        org_id=ORG,
        project_id=project.id if project else "none",
        name=f"{RARE if number % _EVERY == 0 else 'render'} {number}",
        state=_STATES[number % len(_STATES)],
        created_at_us=at_us,
        started_at_us=at_us,
        finished_at_us=at_us,
        labels={"number": str(number % 10)},
        counts={TaskState.SUCCEEDED: TASKS_A_JOB},
    )
    pairs = list(_tasks(ended, first, at_us))
    tx.insert_job(ended)
    tx.insert_tasks([each for each, _ in pairs], [TaskSpec(name=each.name, executor="python") for each, _ in pairs])
    tx.insert_runs([each for _, each in pairs])


def _tasks(owner: Job, first: int, now_us: int) -> Iterator[tuple[Task, Run]]:
    times = {"started_at_us": now_us, "finished_at_us": now_us, "created_at_us": now_us}
    for at in range(TASKS_A_JOB):
        plain = task(first + at, owner, at, state=TaskState.SUCCEEDED, runs=1, attempts=1, **times)
        ran = run(plain, state=RunState.SUCCEEDED, node_id="gone", claim_id="c", usage=_USAGE, **times)
        yield task(first + at, owner, at, id=plain.id, state=TaskState.SUCCEEDED, run_id=ran.id, runs=1, **times), ran
