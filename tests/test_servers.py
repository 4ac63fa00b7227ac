"""The servers of the tests keep their own promises."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy

from tests.servers import PostgresServer, RedisServer, ServerMissingError, find_postgres
from tests.wait import wait_until


def test_a_test_gets_an_empty_broker(redis_server: RedisServer, redis_url: str) -> None:
    with redis_server.client() as client:
        assert client.dbsize() == 0
        client.set("left", "behind")
        redis_server.empty()
        assert client.dbsize() == 0
    assert redis_url == f"redis+socket://{redis_server.socket}"


def test_a_test_gets_an_empty_database_that_sqlalchemy_can_open(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_database_can_be_a_copy_of_another(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as origin:
        with postgres_server.connect(origin) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        with postgres_server.database(template=origin) as copy, postgres_server.connect(copy) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_killed_broker_comes_back_empty(own_redis_server: RedisServer) -> None:
    with own_redis_server.client() as client:
        client.set("n", 1)
    own_redis_server.kill()
    with own_redis_server.client() as client, pytest.raises(redis.ConnectionError):
        client.ping()
    own_redis_server.start()
    with own_redis_server.client() as client:
        assert client.get("n") is None


def test_a_killed_database_comes_back_with_all_it_committed(own_postgres_server: PostgresServer) -> None:
    with own_postgres_server.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    own_postgres_server.kill()
    with pytest.raises(psycopg.OperationalError):
        own_postgres_server.connect()
    own_postgres_server.start()
    with own_postgres_server.connect() as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_a_removed_server_leaves_nothing() -> None:
    server = RedisServer()
    server.start()
    pid = server.pid
    server.remove()
    assert not server.folder.exists()
    assert not _lives(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the parent-death signal is Linux's own")
def test_a_server_does_not_outlive_a_killed_test_process(tmp_path: Path) -> None:
    starts_one = (
        "from tests.servers import RedisServer as S; s = S(); s.start(); print(s.pid, s.folder, flush=True); input()"
    )
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", starts_one], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not _lives(int(pid)), 10)
    shutil.rmtree(folder.decode())


def test_a_missing_server_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerMissingError, match="no PostgreSQL: nosuchserver is neither on PATH nor in"):
        find_postgres("nosuchserver")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
