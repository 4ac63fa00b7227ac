"""One server with a node of two cores, on which `python3` is the Python that these tests run on: it has matplotlib."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet
from tests.examples.running import submitted

NODE_MEMORY_MB = 2048


def search_path() -> str:
    """A PATH on which the Python of these tests comes first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Shared by the session: leave it standing."""
    pytest.importorskip("matplotlib")
    data = tmp_path_factory.mktemp("examples") / "data"
    made = Fleet(data, "--cpus", "2", "--memory", str(NODE_MEMORY_MB), PATH=search_path())
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture(scope="session")
def token(fleet: Fleet) -> str:
    return (fleet.data / "token").read_text().strip()


@pytest.fixture(scope="session")
def knot(fleet: Fleet) -> str:
    """The id of a job of `mesh/` that has ended."""
    return submitted(fleet, "mesh")
