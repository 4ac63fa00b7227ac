"""What is ready, and what failed, is at every moment what tasks say of themselves, whichever version writes."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, create_engine, text

from app.adapters import sql
from app.adapters.sql.tables import tasks as table
from app.adapters.sql.tasks import _row
from app.adapters.sql.upgrade import _config, _transaction
from app.domain.task import Task
from app.ports.store import Store, Writer
from app.wire.states import TaskState
from tests.conformance.values import job, submit, task
from tests.replacing import replace
from tests.wait import wait_until

STEPS = 60
DEADLINE_S = 20
READY = "seq, route, org_id, rank, job_seq, height, due_at_us"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


def in_step(engine: Engine) -> None:
    with engine.connect() as connection:
        for listed, state, columns in (
            ("ready_tasks", "ready", READY),
            ("failed_tasks", "failed", "job_seq, seq"),
        ):
            wanted = connection.execute(text(f"SELECT {columns} FROM tasks WHERE state = '{state}' ORDER BY seq"))
            found = connection.execute(text(f"SELECT {columns} FROM {listed} ORDER BY seq"))
            assert [tuple(row) for row in found] == [tuple(row) for row in wanted], listed


def changed(task: Task, random: Random) -> Task:
    state = random.choice([TaskState.READY, TaskState.READY, TaskState.FAILED, *TaskState])
    others = {"route": random.choice(["a", "b"]), "height": random.randrange(3), "due_at_us": random.randrange(2)}
    name = random.choice(list(others))
    ended = state in {TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED, TaskState.SKIPPED}
    return replace(task, state=state, finished_at_us=9 if ended else None, **{name: others[name]})


def prioritize(store: Store, job_seq: int, priority: int) -> None:
    store.write(lambda tx: tx.set_task_priority(job_seq, priority))


def save(store: Store, tasks: list[Task], random: Random) -> None:
    """A transaction that changes some of them, perhaps twice, and has not always read them."""

    def work(tx: Writer) -> None:
        some = random.sample(tasks, random.randrange(1, len(tasks)))
        if random.random() < 0.7:
            some = tx.lock_tasks([each.seq for each in some])
        for _ in range(random.choice([1, 1, 2])):
            some = [changed(each, random) for each in some]
            tx.save_tasks(some)

    store.write(work)


def save_as_before(connection: Connection, tasks: list[Task], random: Random) -> None:
    """As a program of the revision before: it knows the one table alone."""
    for each in random.sample(tasks, 2):
        after = changed(each, random)
        values = {"seq": each.seq, "state": after.state.value, "height": after.height, "end": after.finished_at_us}
        connection.execute(
            text("UPDATE tasks SET state = :state, height = :height, finished_at_us = :end WHERE seq = :seq"), values
        )


@pytest.mark.parametrize("seed", range(3))
def test_the_tables_are_in_step(database_url: str, engine: Engine, seed: int) -> None:
    sql.upgrade(database_url)
    random = Random(seed)
    store = sql.open_store(database_url, threads=1)
    of_job, tasks = submit(store, [()] * 6, of_all={"state": random.choice([TaskState.READY, TaskState.FAILED])})
    in_step(engine)
    for _ in range(STEPS):
        if random.random() < 0.2:
            prioritize(store, of_job.seq, random.randrange(100))
        save(store, tasks, random)
        in_step(engine)
    store.write(lambda tx: tx.delete_job(of_job.seq))
    store.close()
    in_step(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ready_tasks")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM failed_tasks")).scalar() == 0


def test_a_new_priority_is_that_of_the_tasks_it_found(postgres_url: str) -> None:
    """One that became ready while the writer waited for another keeps its own, in both tables."""
    sql.upgrade(postgres_url)
    engine, store = create_engine(postgres_url), sql.open_store(postgres_url, threads=2)
    of_job, (runs, waits) = submit(store, [(), ()], of_tasks={0: {"state": TaskState.RUNNING}})

    def somebody_waits() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())

    def work(tx: Writer) -> Future[None]:
        tx.lock_tasks([runs.seq, waits.seq])
        prioritizing = others.submit(prioritize, store, of_job.seq, 90)
        wait_until(somebody_waits, DEADLINE_S)
        tx.save_tasks([replace(runs, state=TaskState.READY)])
        return prioritizing

    with ThreadPoolExecutor(1) as others:
        store.write(work).result(DEADLINE_S)
    in_step(engine)
    store.close()
    engine.dispose()


def submitted_before(url: str) -> list[Task]:
    """Tasks in tables of the revision before this one."""
    of_job = job(1)
    tasks = [task(seq, of_job, seq, state=state) for seq, state in enumerate(TaskState, 1)]
    with _transaction(url, "BEGIN IMMEDIATE") as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for each in tasks:
            connection.execute(table.insert().values(_row(each)))
    return tasks


@pytest.mark.parametrize("seed", range(3))
def test_two_versions_keep_them_in_step_until_the_older_is_gone(database_url: str, engine: Engine, seed: int) -> None:
    tasks = submitted_before(database_url)
    sql.upgrade(database_url)
    in_step(engine)
    random, store = Random(seed), sql.open_store(database_url, threads=1)
    for _ in range(STEPS):
        with engine.begin() as connection:
            save_as_before(connection, tasks, random)
        in_step(engine)
        save(store, tasks, random)
        in_step(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM tasks WHERE seq = 2"))
    in_step(engine)
    assert "0009" in sql.contract(database_url)
    save(store, tasks, random)
    in_step(engine)
    store.close()
