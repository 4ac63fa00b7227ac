"""The database goes away and comes back; transactions get into each other's way."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.adapters import sql
from app.adapters.sql.sqlite import sqlite_engine
from app.domain.errors import Unavailable
from app.ports.store import Writer
from app.wire.states import TaskState
from tests.conformance.test_store_crowds import together
from tests.conformance.values import submit
from tests.replacing import replace
from tests.servers import PostgresServer


@pytest.fixture
def fragile(own_postgres_server: PostgresServer) -> Iterator[sql.SqlStore]:
    url = own_postgres_server.url()
    sql.upgrade(url)
    store = sql.open_store(url, threads=4)
    yield store
    store.close()


@pytest.fixture
def shared(postgres_url: str) -> Iterator[sql.SqlStore]:
    sql.upgrade(postgres_url)
    store = sql.open_store(postgres_url, threads=4)
    yield store
    store.close()


@pytest.mark.fault
def test_a_database_that_is_away_is_unavailable_until_it_is_back(
    own_postgres_server: PostgresServer, fragile: sql.SqlStore
) -> None:
    url = own_postgres_server.url()
    fragile.write(lambda tx: tx.stamp("web"))
    own_postgres_server.kill()
    for _ in range(2):
        with pytest.raises(Unavailable):
            fragile.read(lambda tx: tx.nodes())
        with pytest.raises(Unavailable):
            fragile.write(lambda tx: tx.stamp("web"))
    with pytest.raises(Unavailable):
        sql.current(url)
    with pytest.raises(Unavailable):
        sql.upgrade(url)
    own_postgres_server.start()
    assert fragile.read(lambda tx: tx.nodes()) == []
    assert fragile.write(lambda tx: tx.stamped_at_us("web")) is not None
    assert sql.current(url) == sql.head()


@pytest.mark.fault
def test_a_restart_that_nobody_saw_is_not_noticed(own_postgres_server: PostgresServer, fragile: sql.SqlStore) -> None:
    together(4, lambda number: fragile.write(lambda tx: tx.stamp(f"web {number}")))
    own_postgres_server.kill()
    own_postgres_server.start()
    together(4, lambda number: fragile.write(lambda tx: tx.stamp(f"web {number}")))
    assert fragile.read(lambda tx: tx.nodes()) == []


@pytest.mark.fault
def test_a_restart_in_the_middle_of_a_write_leaves_one_effect(
    own_postgres_server: PostgresServer, fragile: sql.SqlStore
) -> None:
    owner, _ = submit(fragile, [()] * 3)
    tries: list[int] = []

    def work(tx: Writer) -> None:
        tries.append(1)
        tx.add_counts({owner.seq: {TaskState.FAILED: 1}})
        if len(tries) == 1:
            own_postgres_server.kill()
            own_postgres_server.start()
        tx.stamp("web")

    fragile.write(work)
    assert len(tries) == 2
    found = fragile.read(lambda tx: tx.job(owner.id))
    assert found is not None
    assert found.counts[TaskState.FAILED] == 1


def test_a_connection_that_is_cut_is_replaced(shared: sql.SqlStore, postgres_url: str) -> None:
    host, name = postgres_url.split("host=")[1], postgres_url.split("/")[3].split("?")[0]
    shared.write(lambda tx: tx.stamp("web"))
    with psycopg.connect(host=host, user="postgres", dbname=name, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert shared.write(lambda tx: tx.stamped_at_us("web")) is not None


def test_transactions_that_wait_for_each_other_both_end(shared: sql.SqlStore) -> None:
    _, tasks = submit(shared, [(), ()])
    seqs = [task.seq for task in tasks]
    barrier = threading.Barrier(2)

    def lock_both(number: int) -> None:
        tries: list[int] = []

        def work(tx: Writer) -> None:
            tries.append(1)
            for step, seq in enumerate(seqs if number else seqs[::-1]):
                (task,) = tx.lock_tasks([seq])
                tx.save_tasks([replace(task, runs=task.runs + 1)])
                if not step and len(tries) == 1:
                    barrier.wait(20)

        shared.write(work)

    together(2, lock_both)
    assert shared.conflicts >= 1
    assert [task.runs for task in shared.write(lambda tx: tx.lock_tasks(seqs))] == [2, 2]


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    store = sql.open_store(f"sqlite:///{tmp_path}/none/store.db", threads=1)
    with pytest.raises(Unavailable):
        store.read(lambda tx: tx.nodes())
    with pytest.raises(Unavailable):
        store.write(lambda tx: tx.stamp("web"))


def test_a_full_disk_is_unavailable_and_leaves_the_store_whole(tmp_path: Path) -> None:
    """As when no page more may be written: what was there stays readable, and there is a next time."""
    url = f"sqlite:///{tmp_path}/store.db"
    sql.upgrade(url)
    store = sql.open_store(url, threads=1)
    owner, _ = submit(store)
    cursor = store._database._writer.cursor()  # type: ignore[attr-defined]  # the limit is set on the very connection
    pages = cursor.execute("PRAGMA page_count").fetchone()[0]
    cursor.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable):
        submit(store, [()] * 5000)
    assert store.read(lambda tx: tx.job(owner.id)) == owner
    cursor.execute("PRAGMA max_page_count = 1000000")
    submit(store, [()] * 5000)
    store.close()


def test_what_is_committed_on_sqlite_is_on_the_disk(tmp_path: Path) -> None:
    with sqlite_engine(f"sqlite:///{tmp_path}/store.db", threads=1).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/x"])
def test_a_database_that_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:"):
        sql.open_store(url, threads=1)


def test_sqlite_needs_no_driver_of_postgresql(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from app.adapters import sql\n"
        f"url = 'sqlite:///{tmp_path}/store.db'\n"
        "sql.upgrade(url)\n"
        "print(sql.open_store(url, threads=1).write(lambda tx: tx.reserve('job', 1)))\n"
        "try: sql.open_store('postgresql://host/x', threads=1)\n"
        "except ValueError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[0] == "1"
    assert "flotilla[postgres]" in said


def test_a_server_is_asked_for_no_more_connections_than_the_pool_may_have(postgres_url: str) -> None:
    sql.upgrade(postgres_url)
    store = sql.open_store(postgres_url, threads=8, pool=sql.Pool(size=1, extra=0, wait_s=0.2))

    def both(tx: object) -> None:
        with pytest.raises(Unavailable, match="every connection to the database is in use; FLOTILLA_DATABASE_POOL"):
            store.read(lambda inner: inner.nodes())

    store.read(both)
    assert store.read(lambda tx: tx.nodes()) == []
    store.close()


def test_sqlite_is_closed_when_nobody_is_writing(tmp_path: Path) -> None:
    """A thread that is in the middle of a transaction ends it first."""
    url = f"sqlite:///{tmp_path}/store.db"
    sql.upgrade(url)
    store = sql.open_store(url, threads=2)
    begun, may_end = threading.Event(), threading.Event()

    def work(tx: Writer) -> None:
        begun.set()
        assert may_end.wait(30)
        tx.stamp("web")

    writing = threading.Thread(target=lambda: store.write(work))
    closing = threading.Thread(target=store.close)
    writing.start()
    assert begun.wait(30)
    closing.start()
    may_end.set()
    writing.join()
    closing.join()
    again = sql.open_store(url, threads=1)
    assert again.write(lambda tx: tx.stamped_at_us("web")) is not None
    again.close()
