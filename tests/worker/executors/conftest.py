"""What the tests of declared executors share: a file's text becomes declarations, and those run as on a node."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from worker import supervise
from worker.executors.callables import Table
from worker.executors.command import Command
from worker.executors.declared.declaration import Declaration
from worker.executors.declared.reading import read_files
from worker.outcome import Executor, Outcome, Work

Declare = Callable[[str], tuple[Declaration, ...]]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    def read(text: str) -> tuple[Declaration, ...]:
        path = tmp_path / "executors.toml"
        path.write_text(text)
        return read_files([path], Table({}))

    return read


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    supervise.become_subreaper()
    executor = Command(mark={"FLOTILLA_NODE_DIR": str(tmp_path)}, api_url="http://api")
    yield executor
    executor.close()


def run_one(executor: Executor, work: Work) -> Outcome:
    (done,) = [finished for finished in executor.run([work]) if finished is not None]
    assert done[0] is work
    assert not work.folder.exists()
    return done[1]


def code_of(outcome: Outcome) -> str | None:
    return outcome.failure.code if outcome.failure else None


def message_of(outcome: Outcome) -> str:
    return outcome.failure.message if outcome.failure else ""


def how(declarations: tuple[Declaration, ...]) -> Any:
    (declaration,) = declarations
    return declaration.how
