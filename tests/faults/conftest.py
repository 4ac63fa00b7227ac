"""Fleets for scenarios: one for a module's tests, put right again after each, with the invariants checked."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from tests.conftest import missing
from tests.faults.client import ApiError
from tests.faults.fleet import Fleet
from tests.faults.history import check
from tests.servers import ServerMissingError

FIGURES: list[str] = []
QUIET_S = 30.0


@contextmanager
def fleet_of(**options: object) -> Iterator[Fleet]:
    try:
        made = Fleet(**options)  # type: ignore[arg-type]  # options of Fleet
    except ServerMissingError as error:
        missing(error)
    with closing(made):
        made.start()
        made.watch()
        yield made


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def settle(fleet: Fleet, request: pytest.FixtureRequest) -> None:
    """All runs again, nothing is left of a run, every job's invariants hold. What a failed test left is canceled."""
    fleet.start()
    if request.node.stash.get(FAILED, False):
        for job_id in fleet.jobs:
            with suppress(ApiError):
                fleet.cancel(job_id)
    fleet.until(lambda: not fleet.survivors(), QUIET_S)
    fleet.until(
        lambda: all(node["free"] == node["total"] and not node["running"] for node in fleet.client.nodes().values()),
        QUIET_S,
    )
    wrong = check(fleet)
    assert not wrong, "\n".join(wrong)
    fleet.samples.clear()


class Figures:
    """What a scenario measured, shown at the end of the run."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = time.monotonic()

    def note(self, text: str) -> None:
        FIGURES.append(f"{self._name}: {text}")

    def restart(self) -> None:
        self._began = time.monotonic()

    def elapsed_s(self) -> float:
        return time.monotonic() - self._began


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return Figures(request.node.name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("figures of the fault scenarios")
        for line in FIGURES:
            terminalreporter.line(line)
