"""What every test may rely on: a clean environment, and real servers of its own, or a skip that says what is missing.

With CI=true a missing server is a failure. Under xdist each worker has its own servers.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import hypothesis
import pytest

from tests.servers import PostgresServer, RedisServer, ServerMissingError
from worker import meter, supervise

# A whole run of the tests may be made with these two set; the rest of the caller's settings must not leak in.
CHOSEN_BY_THE_CALLER = frozenset({"FLOTILLA_HANDOFF", "FLOTILLA_MAX_BUNDLE"})

AnyServer = TypeVar("AnyServer", RedisServer, PostgresServer)

hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=20_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("FLOTILLA_") and name not in CHOSEN_BY_THE_CALLER:
                patch.delenv(name)
        home: Path = tmp_path_factory.mktemp("home")
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        yield


@pytest.fixture(autouse=True)
def spare_our_children() -> None:
    """A node's code that runs in this process takes a child it does not know for a stray of a dead warden and ends it:
    what was started before this test is none.
    """
    supervise._LIVING.update(meter.children(os.getpid()))


def missing(error: ServerMissingError) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))
    pytest.skip(str(error))


@contextmanager
def running(kind: Callable[[], AnyServer]) -> Iterator[AnyServer]:
    try:
        server = kind()
    except ServerMissingError as error:
        missing(error)
    try:
        server.start()
        supervise._LIVING.add(server.pid)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Shared by the session's tests, so none may break it."""
    with running(RedisServer) as server:
        yield server


@pytest.fixture
def own_redis_server() -> Iterator[RedisServer]:
    """For a test that stops, kills or starves its broker."""
    with running(RedisServer) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty broker."""
    redis_server.empty()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Shared by the session's tests, so none may break it."""
    with running(PostgresServer) as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """For a test that stops, kills or starves its database."""
    with running(PostgresServer) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database, gone after the test."""
    with postgres_server.database() as name:
        yield postgres_server.url(name)


@pytest.fixture(scope="module")
def postgres_module_url(postgres_server: PostgresServer) -> Iterator[str]:
    """As postgres_url, but one database for a module's tests."""
    with postgres_server.database() as name:
        yield postgres_server.url(name)
