"""Several commands of one slot: one after another, the next one known ahead, and none of them pays for another."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, living, notebook
from worker import supervise
from worker.executors.command import Command
from worker.outcome import Finished, Why, Work


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    supervise.become_subreaper()
    executor = Command(mark={"FLOTILLA_NODE_DIR": str(tmp_path)}, api_url="http://api")
    yield executor
    executor.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def shell(text: str) -> dict[str, object]:
    return {"argv": ["sh", "-c", text]}


def finished(command: Command, works: list[Work]) -> list[Finished]:
    return [each for each in command.run(works) if each is not None]


def states(done: list[Finished]) -> list[RunState]:
    return [outcome.state for _, outcome in done]


def under_way(command: Command, works: list[Work], first: str) -> tuple[threading.Thread, list[Finished]]:
    """The works are run in a thread, and the first one has said `first`."""
    done: list[Finished] = []
    thread = threading.Thread(target=lambda: done.extend(finished(command, works)))
    thread.start()
    wait_until(lambda: first in notebook(works[0]).texts("stdout"))
    return thread, done


def test_they_run_one_after_another_in_their_order(command: Command, make_work: MakeWork, log: Path) -> None:
    works = [make_work(f"r{n}", shell(f"echo begin {n} >> {log}; echo {n}; echo end {n} >> {log}")) for n in range(5)]
    done = finished(command, works)
    assert [work for work, _ in done] == works
    assert states(done) == [RunState.SUCCEEDED] * 5
    assert log.read_text().split("\n")[:-1] == [f"{word} {n}" for n in range(5) for word in ("begin", "end")]
    assert [notebook(work).texts("stdout") for work in works] == [[str(n)] for n in range(5)]
    assert not any(work.folder.exists() for work in works)


def test_what_cannot_start_stands_in_nobody_s_way(command: Command, make_work: MakeWork) -> None:
    works = [
        make_work("r0", {"argv": []}),
        make_work("r1", {"argv": ["true"]}),
        make_work("r2", {"argv": ["/no/such/program"]}),
        make_work("r3", {"argv": ["true"]}),
    ]
    done = finished(command, works)
    assert [outcome.failure.code if outcome.failure else None for _, outcome in done] == [
        "bad_payload",
        None,
        "cannot_start",
        None,
    ]


def test_what_is_told_to_end_while_it_is_ahead_does_not_begin(command: Command, make_work: MakeWork, log: Path) -> None:
    go = log.with_name("go")
    works = [
        make_work("r0", shell(f"echo up; while [ ! -e {go} ]; do sleep 0.01; done")),
        make_work("r1", shell(f"echo 1 >> {log}")),
        make_work("r2", shell(f"echo 2 >> {log}")),
    ]
    thread, done = under_way(command, works, "up")
    works[1].stop(Why.CANCELED)
    go.touch()
    thread.join(10)
    assert states(done) == [RunState.SUCCEEDED, RunState.CANCELED, RunState.SUCCEEDED]
    assert log.read_text() == "2\n"


def test_an_end_is_for_the_run_it_names(command: Command, make_work: MakeWork) -> None:
    works = [make_work("r0", shell("echo up; sleep 1011")), make_work("r1", shell("echo still here"))]
    thread, done = under_way(command, works, "up")
    works[0].stop(Why.CANCELED)
    thread.join(10)
    assert states(done) == [RunState.CANCELED, RunState.SUCCEEDED]
    assert living("sleep 1011") == []


def test_a_killed_warden_costs_only_the_run_it_was_at(command: Command, make_work: MakeWork, log: Path) -> None:
    works = [
        make_work("r0", shell("echo up; sleep 1012")),
        *(make_work(f"r{n}", shell(f"echo {n} >> {log}")) for n in (1, 2)),
    ]
    thread, done = under_way(command, works, "up")
    above = living("sleep 1012")[0].parents()
    next(each for each in above if "worker.warden" in " ".join(each.cmdline())).kill()
    thread.join(10)
    assert [outcome.failure.code if outcome.failure else None for _, outcome in done] == ["runner_died", None, None]
    assert log.read_text() == "1\n2\n"
    wait_until(lambda: living("sleep 1012") == [], 2)


def test_whoever_stops_asking_leaves_nothing_behind(command: Command, make_work: MakeWork, log: Path) -> None:
    works = [
        make_work("r0", {"argv": ["true"]}),
        make_work("r1", shell("sleep 1013")),
        make_work("r2", shell(f"echo 2 >> {log}")),
    ]
    asked = command.run(works)
    assert next(each for each in asked if each is not None)[0] is works[0]
    wait_until(lambda: living("sleep 1013") != [])
    asked.close()  # type: ignore[attr-defined]  # it is a generator
    wait_until(lambda: living("sleep 1013") == [], 5)
    assert not any(work.folder.exists() for work in works)
    assert not log.exists()
    assert states(finished(command, [make_work("r3", {"argv": ["true"]})])) == [RunState.SUCCEEDED]
