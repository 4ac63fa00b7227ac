"""The main scenarios on a PostgreSQL and a Redis that are somebody else's: under `up`, and each process by itself."""

from collections.abc import Iterator

import psutil
import pytest

from app.cli.machine import next_free
from tests.conftest import running
from tests.e2e.apart import Apart
from tests.e2e.conftest import NODE_CPUS, NODE_MEMORY_MB, Start
from tests.e2e.fleet import Fleet, alive
from tests.e2e.test_jobs import (  # noqa: F401  # the same, on the fleets of this module
    test_a_diamond_runs_its_shared_task_once_and_waits_for_nothing_it_does_not_need,
    test_a_fan_of_a_thousand_and_its_join,
    test_cancel_ends_what_runs_and_what_waits,
    test_two_nodes_share_the_work_and_neither_is_over_committed,
    test_wait_show_and_logs_tell_what_became_of_it,
)
from tests.e2e.test_up import up
from tests.servers import PostgresServer, RedisServer
from tests.wait import wait_until

FIRST_PORT = 16379


def tcp(server: RedisServer) -> str:
    """The address of this server on a TCP port, which it has none of at first."""
    port = next_free("127.0.0.1", FIRST_PORT)
    with server.client() as client:
        client.config_set("bind", "127.0.0.1")
        client.config_set("port", port)
    return f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="module", params=["up, broker on a socket", "up, broker on TCP", "apart, socket", "apart, TCP"])
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("others")
    with postgres_server.database() as database, running(RedisServer) as broker:
        servers = {"FLOTILLA_DATABASE_URL": postgres_server.url(database)}
        servers["FLOTILLA_BROKER_URL"] = tcp(broker) if "TCP" in request.param else broker.url
        made: Fleet
        if "apart" in request.param:
            able = {"FLOTILLA_CPUS": str(NODE_CPUS), "FLOTILLA_MEMORY_MB": str(NODE_MEMORY_MB)}
            made = Apart(folder / "data", nodes=2, node=able, **servers)
        else:
            able_up = ("--nodes", "2", "--cpus", str(NODE_CPUS), "--memory", str(NODE_MEMORY_MB))
            made = Fleet(folder / "data", *able_up, **servers)
        try:
            yield made.start()
        finally:
            made.remove()


def test_up_starts_no_server_of_its_own_beside_those_it_was_given(
    start: Start, postgres_url: str, redis_url: str
) -> None:
    fleet = start("--no-node", FLOTILLA_DATABASE_URL=postgres_url, FLOTILLA_BROKER_URL=redis_url)
    assert "broker" not in fleet.children()
    assert not list(fleet.data.glob("*.db"))


def test_processes_apart_end_well_and_leave_nothing(tmp_path, postgres_url: str, redis_url: str) -> None:
    servers = {"FLOTILLA_DATABASE_URL": postgres_url, "FLOTILLA_BROKER_URL": redis_url}
    fleet = Apart(tmp_path / "data", nodes=1, node={"FLOTILLA_CPUS": "1"}, **servers)
    try:
        fleet.start()
        assert any("was empty" in line for line in fleet.said)
        assert fleet.cli("run", "--", "echo", "apart").stdout == "apart\n"
        tree: list[psutil.Process] = fleet.tree()
        assert fleet.stop() == {"node-1": 0, "web": 0, "engine": 0}
        wait_until(lambda: not alive(tree), 5, lambda: alive(tree))
    finally:
        fleet.remove()


def test_an_empty_database_is_set_up_unless_that_is_forbidden(tmp_path, postgres_url: str, redis_url: str) -> None:
    servers = {"FLOTILLA_DATABASE_URL": postgres_url, "FLOTILLA_BROKER_URL": redis_url}
    options = ("--data", str(tmp_path / "data"), "--port", "0", "--no-node")
    refused = up(*options, FLOTILLA_DATABASE_SETUP="0", **servers)
    assert refused.returncode == 1
    first, second = refused.stderr.splitlines()
    assert "empty" in first
    assert "`flotilla db upgrade`" in first
    assert "web.log" in second


def test_a_database_of_another_version_is_left_to_who_knows_it(
    tmp_path, postgres_server: PostgresServer, redis_url: str
) -> None:
    with postgres_server.database() as name:
        with postgres_server.connect(name) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
            connection.execute("INSERT INTO alembic_version VALUES ('0000')")
        servers = {"FLOTILLA_DATABASE_URL": postgres_server.url(name), "FLOTILLA_BROKER_URL": redis_url}
        refused = up("--data", str(tmp_path / "data"), "--port", "0", "--no-node", **servers)
    assert refused.returncode == 1
    assert "at version 0000" in refused.stderr.splitlines()[0]
    assert "install the newer version" in refused.stderr.splitlines()[0]


def test_a_database_that_is_away_is_one_line(tmp_path, redis_url: str) -> None:
    away = f"postgresql+psycopg://postgres@/t?host={tmp_path}"
    servers = {"FLOTILLA_DATABASE_URL": away, "FLOTILLA_BROKER_URL": redis_url}
    refused = up("--data", str(tmp_path / "data"), "--port", "0", "--no-node", **servers)
    assert refused.returncode == 1
    assert "the database is away" in refused.stderr
    assert "Traceback" not in refused.stderr
