"""One fleet for the tests that leave it as they found it; fleets of their own for those that do not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, path_without_broker

NODE_CPUS = 2
NODE_MEMORY_MB = 1024

Start = Callable[..., Fleet]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two nodes, and no redis-server on the PATH: the broker is the one that came with us."""
    folder = tmp_path_factory.mktemp("fleet")
    path = path_without_broker(folder / "bin")
    options = ("--nodes", "2", "--cpus", str(NODE_CPUS), "--memory", str(NODE_MEMORY_MB))
    made = Fleet(folder / "data", *options, PATH=path)
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a fleet of the test's own, on the same data each time."""
    made: list[Fleet] = []

    def begin(*options: str, **environ: str) -> Fleet:
        made.append(Fleet(tmp_path / "data", *options, **environ))
        return made[-1].start()

    yield begin
    for one in made:
        one.remove()
