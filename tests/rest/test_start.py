"""A process that starts while its database is away waits for it, and gives up in words."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.adapters import sql
from tests.servers import PostgresServer, RedisServer
from tests.wait import wait_until

PROGRAMS = {"app.main": "listening", "app.engine": "started"}


def start(program: str, database: str, broker: str, assets: Path, wait_s: int) -> "subprocess.Popen[str]":
    environ = {"FLOTILLA_DATABASE_URL": database, "FLOTILLA_BROKER_URL": broker, "FLOTILLA_PORT": "0"}
    environ["FLOTILLA_ASSETS_URL"] = f"file://{assets}"
    environ |= {"PATH": os.environ["PATH"], "FLOTILLA_DATABASE_WAIT_S": str(wait_s), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", program], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_start_waits_for_the_database(
    program: str, own_postgres_server: PostgresServer, own_redis_server: RedisServer, tmp_path: Path
) -> None:
    url = own_postgres_server.url()
    sql.upgrade(url)
    own_postgres_server.stop_at_once()
    process = start(program, url, own_redis_server.url, tmp_path, 60)
    said: list[str] = []
    assert process.stdout
    listening = threading.Thread(target=said.extend, args=(iter(process.stdout.readline, ""),), daemon=True)
    listening.start()
    try:
        wait_until(lambda: "waiting for the database" in "".join(said), 30)
        own_postgres_server.start()
        wait_until(lambda: f'"event": "{PROGRAMS[program]}"' in "".join(said), 30, lambda: said)
    finally:
        process.terminate()
        process.wait(20)
        listening.join(5)
        process.stdout.close()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_start_gives_up_in_one_line(program: str, own_redis_server: RedisServer, tmp_path: Path) -> None:
    database = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    process = start(program, database, own_redis_server.url, tmp_path, 0)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "the database is away" in said
    assert "Traceback" not in said
