"""Callables run in a warm process: quickly when they are quick, and within their limits when they are not."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.wire.resources import Resources
from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, living, notebook
from tests.worker.test_command import code_of
from worker import supervise
from worker.executors.callables import configured
from worker.executors.python import Python
from worker.outcome import Outcome, Why, Work

NAMES = "add boom undecodable leave die speak tell stubborn hog daemon spin huge unjson litter where traced log loud"
CALLABLES = ",".join(f"{name}=tests.worker.callables_for_tests:{name}" for name in NAMES.split())


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Python]:
    supervise.become_subreaper()
    mark = {"FLOTILLA_NODE_DIR": str(tmp_path)}
    executor = Python(mark=mark, api_url="http://api", callables=CALLABLES, folder=tmp_path)
    yield executor
    executor.close()


def run(python: Python, *works: Work) -> list[Outcome]:
    done = [finished for finished in python.run(works) if finished is not None]
    assert [each[0] for each in done] == list(works)
    return [each[1] for each in done]


def call(name: str, **arguments: object) -> dict[str, object]:
    return {"callable": name, "arguments": arguments}


def test_the_result_is_what_the_callable_returns(python: Python, make_work: MakeWork) -> None:
    (outcome,) = run(python, make_work("r", call("add", a=1, b=2)))
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, 3)


def test_every_node_has_noop_and_sleep(python: Python, make_work: MakeWork) -> None:
    first, second = run(python, make_work("r", {"callable": "noop"}), make_work("s", call("sleep", seconds=0.01)))
    assert (first.result, second.result) == (None, None)
    assert second.usage.wall_s >= 0.01


def test_the_runs_of_a_bundle_end_in_order_and_each_has_its_own_outcome(python: Python, make_work: MakeWork) -> None:
    works = [make_work(f"r{n}", call("boom", text="x") if n % 7 == 3 else call("add", a=n, b=0)) for n in range(200)]
    outcomes = run(python, *works)
    assert [outcome.result for outcome in outcomes] == [None if n % 7 == 3 else n for n in range(200)]
    assert [code_of(outcome) for outcome in outcomes] == ["exception" if n % 7 == 3 else None for n in range(200)]


def test_runs_share_one_warm_process(python: Python, make_work: MakeWork) -> None:
    pids = {run(python, make_work(f"r{n}", call("where")))[0].result["pid"] for n in range(3)}
    assert len(pids) == 1


def test_an_exception_fails_the_run_with_its_traceback(python: Python, make_work: MakeWork) -> None:
    work = make_work("r", call("boom", text="no such part"))
    (outcome,) = run(python, work)
    assert (outcome.state, code_of(outcome)) == (RunState.FAILED, "exception")
    assert outcome.failure is not None
    assert outcome.failure.message == "ValueError: no such part"
    lines = notebook(work).texts("system")
    assert "callables_for_tests.py" in lines[1]
    assert lines[-1] == "ValueError: no such part"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (call("leave"), "exception"),
        (call("undecodable"), "exception"),
        (call("add", a=1), "exception"),
        (call("nobody"), "unknown_callable"),
        (call("unjson"), "bad_result"),
        ({}, "bad_payload"),
        ({"callable": "add", "arguments": [1]}, "bad_payload"),
    ],
)
def test_what_is_wrong_fails_the_run_and_not_the_runner(
    python: Python, make_work: MakeWork, payload: object, code: str
) -> None:
    wrong, right = run(python, make_work("r", payload), make_work("s", call("add", a=1, b=1)))
    assert (wrong.state, code_of(wrong)) == (RunState.FAILED, code)
    assert right.result == 2


def test_a_large_result_is_left_in_a_file_and_one_that_is_too_large_is_refused(
    python: Python, make_work: MakeWork
) -> None:
    room = Resources(cpu_milli=1000, memory_mib=512)
    works = [make_work(f"r{n}", call("huge", size=size), shape=room) for n, size in enumerate((300_000, 65 << 20, 9))]
    large, larger, small = run(python, *works)
    assert large.state is RunState.SUCCEEDED
    assert large.large is not None
    assert large.large.read_text() == '"' + "x" * 300_000 + '"'
    assert code_of(larger) == "bad_result"
    assert (small.result, small.large) == ("x" * 9, None)


def test_a_run_without_files_is_at_home_after_one_with_files(python: Python, make_work: MakeWork) -> None:
    away = make_work("r", call("litter"), inputs=[{}])
    away.folder.mkdir()
    first, second = run(python, away, make_work("s", call("litter")))
    assert first.result == second.result == ["left-behind"]
    assert (away.folder / "left-behind").exists()


def test_an_unknown_callable_is_answered_with_those_that_exist(python: Python, make_work: MakeWork) -> None:
    (outcome,) = run(python, make_work("r", call("nobody")))
    assert outcome.failure is not None
    assert "'nobody'" in outcome.failure.message
    assert "noop" in outcome.failure.message


def test_output_of_the_callable_and_its_children_is_kept_and_understood(python: Python, make_work: MakeWork) -> None:
    work = make_work("r", call("speak"))
    run(python, work)
    assert set(notebook(work).texts("stdout")) == {"through print", "through a child", "openjd_progress: 30"}
    assert notebook(work).texts("stderr") == ["to stderr"]
    assert notebook(work).shares == [0.3]


def test_a_run_sees_its_own_trace_and_not_that_of_the_run_before_it(python: Python, make_work: MakeWork) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    works = [make_work("r", call("traced"), trace=trace), make_work("s", call("traced"))]
    assert [outcome.result for outcome in run(python, *works)] == [[trace, trace], [None, None]]


def test_a_callable_with_a_context_tells_progress_and_status(python: Python, make_work: MakeWork) -> None:
    work = make_work("r", call("tell"), attempt=4)
    (outcome,) = run(python, work)
    assert outcome.result == {"run": "r", "attempt": 4, "canceled": False}
    assert notebook(work).shares == [0.5]
    assert notebook(work).statuses == ["half"]


def test_time_over_kills_the_runner_and_the_rest_of_the_bundle_runs(python: Python, make_work: MakeWork) -> None:
    quick = [make_work(f"q{n}", call("add", a=n, b=0)) for n in range(4)]
    stuck = make_work("r", call("stubborn"), time_limit_s=1)
    after = [make_work(f"a{n}", call("add", a=n, b=0)) for n in range(4)]
    outcomes = run(python, *quick, stuck, *after)
    assert outcomes[4].state is RunState.TIMED_OUT
    assert [outcome.result for outcome in outcomes[5:]] == [0, 1, 2, 3]


def test_too_much_memory_is_out_of_memory(python: Python, make_work: MakeWork) -> None:
    first, second = run(python, make_work("r", call("hog")), make_work("s", {"callable": "noop"}))
    assert first.state is RunState.OUT_OF_MEMORY
    assert second.state is RunState.SUCCEEDED


def test_a_dead_runner_is_seen_at_once_and_replaced(python: Python, make_work: MakeWork) -> None:
    first, second = run(python, make_work("r", call("die")), make_work("s", {"callable": "noop"}))
    assert (first.state, code_of(first), first.signal) == (RunState.FAILED, "runner_died", 9)
    assert first.usage.wall_s < 2
    assert second.state is RunState.SUCCEEDED


def test_an_idle_runner_that_was_killed_is_replaced(python: Python, make_work: MakeWork) -> None:
    pid = run(python, make_work("r", call("where")))[0].result["pid"]
    victim = psutil.Process(pid)
    victim.kill()
    wait_until(lambda: not victim.is_running() or victim.status() == "zombie")
    wait_until(lambda: run(python, make_work("s", {"callable": "noop"}))[0].state is RunState.SUCCEEDED)


def test_nothing_that_a_callable_started_survives_it(python: Python, make_work: MakeWork) -> None:
    run(python, make_work("r", call("daemon")))
    assert living("sleep 1101") == []


def test_files_left_in_the_runner_s_folder_are_gone_for_the_next(python: Python, make_work: MakeWork) -> None:
    first, second = run(python, make_work("r", call("litter")), make_work("s", call("where")))
    assert first.result == ["left-behind"]
    assert second.result["files"] == []


@pytest.mark.parametrize(("why", "state"), [(Why.CANCELED, RunState.CANCELED), (Why.RELEASED, RunState.LOST)])
def test_a_run_told_to_end_is_gone_in_time_and_those_behind_it_do_not_begin(
    python: Python, make_work: MakeWork, why: Why, state: RunState
) -> None:
    works = [make_work("r", call("stubborn"), grace_s=600), make_work("s", call("add", a=1, b=1))]
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.extend(run(python, *works)))
    thread.start()
    wait_until(lambda: len(psutil.Process().children(recursive=True)) >= 2)
    works[1].stop(why)
    works[0].stop(why)
    thread.join(5)
    assert [outcome.state for outcome in outcomes] == [state, state]


def test_usage_is_each_run_s_own(python: Python, make_work: MakeWork) -> None:
    busy, idle = make_work("r", call("spin", seconds=0.5)), make_work("s", {"callable": "noop"})
    first, second = run(python, busy, idle)
    assert first.usage.cpu_user_s > 0.05
    assert second.usage.cpu_user_s < 0.05
    assert len(notebook(busy).samples) >= 1


def test_configured_callables_are_checked() -> None:
    assert configured("a=m:f, b=m.n:g.h,") == {"a": "m:f", "b": "m.n:g.h"}
    with pytest.raises(ValueError, match="name=module:attribute"):
        configured("a=m")


def test_a_callable_gives_its_lines_levels(python: Python, make_work: MakeWork) -> None:
    work = make_work("r", call("log"))
    (outcome,) = run(python, work)
    assert outcome.state is RunState.SUCCEEDED
    expected = [("info", "printed"), ("warning", "careful"), ("info", "two"), ("info", "lines")]
    expected += [("debug", "openjd_fail: no directive"), ("info", "last")]
    said = notebook(work)
    assert list(zip(said.levels, said.texts("stdout"), strict=True)) == expected
    (refused,) = run(python, make_work("s", call("loud")))
    assert refused.failure is not None
    assert "debug, info, warning, error" in refused.failure.message
