"""Every store there is, empty, with the tables of the first to the last migration."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters import sql
from app.adapters.memory import MemoryStore
from app.ports.store import Store
from tests.conformance.values import NOW_US

SQL_STORES = ("sqlite", "postgresql")


def url_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    return request.getfixturevalue("postgres_url") if kind == "postgresql" else f"sqlite:///{folder}/store.db"


@pytest.fixture(params=SQL_STORES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    return url_of(request.param, request, tmp_path)


@pytest.fixture
def sql_store(database_url: str) -> Iterator[sql.SqlStore]:
    sql.upgrade(database_url)
    store = sql.open_store(database_url, threads=8)
    yield store
    store.close()


@pytest.fixture(params=("memory", *SQL_STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore(lambda: NOW_US)
        return
    url = url_of(request.param, request, tmp_path)
    sql.upgrade(url)
    store = sql.open_store(url, threads=8)
    yield store
    store.close()
