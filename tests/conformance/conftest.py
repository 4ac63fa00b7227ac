"""Every store there is, empty, with the tables of the last migration. The migrations run once a session and not once a
test: a file is copied, a database is emptied.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from app.adapters import sql
from app.adapters.memory import MemoryStore
from app.adapters.sql.tables import METADATA
from app.ports.store import Store
from tests.conformance.values import NOW_US
from tests.servers import PostgresServer

SQL_STORES = ("sqlite", "postgresql")


@pytest.fixture(params=SQL_STORES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "store.db"
    sql.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as name:
        url = postgres_server.url(name)
        sql.upgrade(url)
        yield url


def emptied(url: str) -> str:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {', '.join(METADATA.tables)} RESTART IDENTITY")
    engine.dispose()
    return url


def tables_url(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "postgresql":
        return emptied(request.getfixturevalue("postgres_tables"))
    shutil.copy(request.getfixturevalue("sqlite_file"), folder / "store.db")
    return f"sqlite:///{folder}/store.db"


@pytest.fixture(params=SQL_STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with empty tables."""
    return tables_url(request.param, request, tmp_path)


@pytest.fixture
def sql_store(store_url: str) -> Iterator[sql.SqlStore]:
    store = sql.open_store(store_url, threads=8)
    yield store
    store.close()


@pytest.fixture(params=("memory", *SQL_STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore(lambda: NOW_US)
        return
    store = sql.open_store(tables_url(request.param, request, tmp_path), threads=8)
    yield store
    store.close()
