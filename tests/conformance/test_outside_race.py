"""A node and somebody outside want the same task at once: on every database exactly one of them gets it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.adapters import sql
from app.domain.errors import Conflict
from app.domain.job import JobSpec
from app.services import addition, control, outside, submit
from app.services.outside import News
from app.wire.states import RunState, TaskState
from tests.replacing import replace
from tests.services.world import World, task

ROUNDS = 12


@pytest.fixture
def world(sql_store: sql.SqlStore) -> World:
    return World(store=sql_store)


def opened(world: World, **more: Any) -> str:
    spec = JobSpec(name="open", tasks=(), open=True, **more)
    return submit.submit(world.core, world.who, "@default", spec).id


def at_once(*wanted: Any) -> list[Any]:
    """Each called in a thread of its own, all at the same moment; a refusal is None."""
    start = threading.Barrier(len(wanted))

    def call(one: Any) -> Any:
        start.wait()
        try:
            return one()
        except Conflict:
            return None

    with ThreadPoolExecutor(len(wanted)) as pool:
        return list(pool.map(call, wanted))


def test_a_claim_and_a_run_from_outside(world: World) -> None:
    node = world.node()
    job_id = opened(world)
    # Nobody runs it, so that the job stays open whoever is quicker.
    addition.add_task(world.core, world.who, job_id, task("last", executor="none"))
    for number in range(ROUNDS):
        made = addition.add_task(world.core, world.who, job_id, task(f"t{number}", executor="command")).task
        offer = world.broker.take()
        assert offer is not None
        answer, run = at_once(
            lambda: node.claim(*offer.run_ids),  # noqa: B023  # called within the turn
            lambda: outside.start(world.core, world.who, made.id, News()),  # noqa: B023
        )
        assert (len(answer.runs) == 1) != (run is not None)
        if run is None:
            node.finish(f"t{number}")
        elif number % 2:
            outside.feed(world.core, world.who, run.id, News(succeeded=True))
    world.check()


def test_two_from_outside(world: World) -> None:
    job_id = opened(world)
    for number in range(ROUNDS):
        made = addition.add_task(world.core, world.who, job_id, task(f"t{number}", executor="none")).task
        runs = at_once(*[lambda: outside.start(world.core, world.who, made.id, News())] * 3)  # noqa: B023
        assert len([run for run in runs if run]) == 1
    world.check()


def test_an_end_and_a_cancel(world: World) -> None:
    for _ in range(ROUNDS):
        job_id = opened(world)
        made = addition.add_task(world.core, world.who, job_id, task("t", executor="none")).task
        run = outside.start(world.core, world.who, made.id, News())
        at_once(
            lambda: outside.feed(world.core, world.who, run.id, News(succeeded=True)),  # noqa: B023
            lambda: control.cancel_job(world.core, world.who, job_id),  # noqa: B023
        )
        ended = world.store.read(lambda tx: tx.run(run.id))  # noqa: B023
        assert ended is not None
        assert ended.state in (RunState.SUCCEEDED, RunState.CANCELED)
    world.check()


def test_the_last_end_and_another_task(world: World) -> None:
    """Either the job ends without it, or it takes it and goes on."""
    for _ in range(ROUNDS):
        job_id = opened(world)
        made = addition.add_task(world.core, world.who, job_id, task("t", executor="none")).task
        run = outside.start(world.core, world.who, made.id, News())
        _, added = at_once(
            lambda: outside.feed(world.core, world.who, run.id, News(succeeded=True)),  # noqa: B023
            lambda: addition.add_task(world.core, world.who, job_id, task("u", executor="none")),  # noqa: B023
        )
        job = world.store.read(lambda tx: tx.job(job_id))  # noqa: B023
        assert job is not None
        assert job.total == (2 if added else 1)
        assert job.counts[TaskState.READY] == (1 if added else 0)
    world.check()


def test_the_same_id_at_once_makes_one_job(world: World) -> None:
    spec = JobSpec(name="open", tasks=(), open=True, submitted={"body": "x"})
    for number in range(ROUNDS):
        mine = replace(spec, id=f"0f0f0f0f-0000-4000-8000-0000000000{number:02}")
        jobs = at_once(*[lambda: submit.submit(world.core, world.who, "@default", mine)] * 3)  # noqa: B023
        assert len({job.seq for job in jobs}) == 1
    world.check()
