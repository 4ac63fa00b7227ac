"""What tests of dialects run against: an API in this process, or a real `flotilla up` with one node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet
from tests.rest.conftest import Api, make_api

NODE_CPUS = 2
NODE_MEMORY_MB = 2048


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """One of the test's own."""
    yield from _api(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One for a module whose tests do not mind each other's jobs."""
    yield from _api(tmp_path_factory.mktemp("api"))


def _api(folder: Path) -> Iterator[Api]:
    made = make_api(folder)
    yield made
    made.core.store.close()
    made.broker.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Its address is `server.url`. Shared by the session: leave it standing. It has a project `default`."""
    data = tmp_path_factory.mktemp("server") / "data"
    made = Fleet(data, "--nodes", "1", "--cpus", str(NODE_CPUS), "--memory", str(NODE_MEMORY_MB))
    try:
        made.start()
        made.submit([{"name": "first", "executor": "command", "payload": {"argv": ["true"]}}])  # makes the project
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="session")
def token(server: Fleet) -> str:
    """An administrator's, for `server`."""
    return (server.data / "token").read_text().strip()
