"""What the node's tests share: runs in a slot with a journal that remembers, and a fake API."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.wire.usage import Usage
from tests.worker.fake_api import FakeApi, make_spec
from tests.worker.nodes import Fleet
from worker.outcome import Work


class Notebook:
    """A journal that keeps all it is told."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.lines: list[tuple[str, str]] = []
        self.levels: list[str] = []
        self.shares: list[float] = []
        self.statuses: list[str] = []
        self.passings: list[str] = []
        self.samples: list[Usage] = []

    def begin(self, at: float) -> None:
        self.began = self.began or at

    def line(self, at: float, stream: str, level: str, text: str) -> None:
        self.lines.append((stream, text))
        self.levels.append(level)

    def progress(self, share: float) -> None:
        self.shares.append(share)

    def status(self, text: str) -> None:
        self.statuses.append(text)

    def passing(self, text: str) -> None:
        self.passings.append(text)

    def sample(self, at: float, usage: Usage) -> None:
        self.samples.append(usage)

    def texts(self, stream: str) -> list[str]:
        return [text for name, text in self.lines if name == stream]


def notebook(work: Work) -> Notebook:
    assert isinstance(work.journal, Notebook)
    return work.journal


def living(text: str) -> list[psutil.Process]:
    """Processes of this test session's runs whose command line holds `text`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("FLOTILLA_NODE_DIR", "").startswith(BASE[0])
            if ours and text in " ".join(process.cmdline()):
                found.append(process)
    return found


BASE: list[str] = []


@pytest.fixture(autouse=True, scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where this session's nodes have their folders; another session on this machine has another place."""
    BASE[:] = [str(tmp_path_factory.getbasetemp())]


MakeWork = Callable[..., Work]


@pytest.fixture
def make_work(tmp_path: Path) -> MakeWork:
    def make(run_id: str, payload: Any, **changed: Any) -> Work:
        return Work(make_spec(run_id, payload, **changed), Notebook(), tmp_path / run_id)

    return make


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    yield fake
    fake.close()


@pytest.fixture
def fleet(api: FakeApi, redis_url: str, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(api, redis_url, tmp_path)
    yield made
    made.close()
