"""A command runs within its limits, says how it ended, and leaves nothing behind, whatever it tries."""

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wire.resources import Resources
from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, living, notebook
from worker import supervise
from worker.executors.command import Command
from worker.outcome import Outcome, Why, Work

PYTHON = sys.executable


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    supervise.become_subreaper()
    executor = Command(mark={"FLOTILLA_NODE_DIR": str(tmp_path)}, api_url="http://api")
    yield executor
    executor.close()


def run(command: Command, work: Work) -> Outcome:
    done = [finished for finished in command.run([work]) if finished is not None]
    assert [each[0] for each in done] == [work]
    assert not work.folder.exists()
    return done[0][1]


def shell(text: str) -> dict[str, object]:
    return {"argv": ["sh", "-c", text]}


def code_of(outcome: Outcome) -> str | None:
    return outcome.failure.code if outcome.failure else None


def test_output_exit_code_and_usage_are_told(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("echo out; echo err >&2; exit 3"))
    outcome = run(command, work)
    assert (outcome.state, outcome.exit_code, code_of(outcome)) == (RunState.FAILED, 3, "exit_code")
    assert notebook(work).texts("stdout") == ["out"]
    assert notebook(work).texts("stderr") == ["err"]
    assert outcome.usage.wall_s > 0
    assert outcome.usage.peak_rss_bytes > 0
    assert outcome.usage.max_processes >= 1


def test_success_codes_are_the_payload_s_choice(command: Command, make_work: MakeWork) -> None:
    assert run(command, make_work("r", {**shell("exit 3"), "successCodes": [0, 3]})).state is RunState.SUCCEEDED


def test_the_environment_is_built_and_not_inherited(
    command: Command, make_work: MakeWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_NODE", "1")
    payload = {"argv": ["env"], "env": {"MINE": "yes", "FLOTILLA_TASK": "mine too"}}
    work = make_work("r", payload, attempt=2, shape=Resources(cpu_milli=500, memory_mib=64))
    assert run(command, work).state is RunState.SUCCEEDED
    seen = dict(line.split("=", 1) for line in notebook(work).texts("stdout"))
    assert "SECRET_OF_THE_NODE" not in seen
    assert seen["MINE"] == "yes"
    assert seen["FLOTILLA_TASK"] == "mine too"
    assert seen["FLOTILLA_RUN_ID"] == "r"
    assert seen["FLOTILLA_ATTEMPT"] == "2"
    assert seen["FLOTILLA_CPUS"] == "0.5"
    assert seen["FLOTILLA_MEMORY_MB"] == "64"
    assert seen["FLOTILLA_API_URL"] == "http://api"
    assert seen["FLOTILLA_RUN_TOKEN"] == "run-token"


def test_its_trace_goes_on_in_its_environment(command: Command, make_work: MakeWork) -> None:
    payload = {"argv": ["sh", "-c", "echo ${TRACEPARENT-none}"]}
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for work, seen in ((make_work("r", payload, trace=trace), trace), (make_work("s", payload), "none")):
        assert run(command, work).state is RunState.SUCCEEDED
        assert notebook(work).texts("stdout") == [seen]


def test_it_runs_in_its_scratch_folder_with_its_stdin(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", {**shell("pwd; cat"), "stdin": "x" * 300_000 + "\nlast"})
    assert run(command, work).state is RunState.SUCCEEDED
    out = notebook(work).texts("stdout")
    assert out[0] == str(work.folder)
    assert out[-1] == "last"


def test_a_program_that_does_not_read_its_stdin_does_not_block(command: Command, make_work: MakeWork) -> None:
    assert run(command, make_work("r", {"argv": ["true"], "stdin": "x" * 1_000_000})).state is RunState.SUCCEEDED


def test_the_result_is_the_json_in_the_result_file(command: Command, make_work: MakeWork) -> None:
    outcome = run(command, make_work("r", shell("""echo '{"a": [1]}' > "$FLOTILLA_RESULT" """)))
    assert outcome.result == {"a": [1]}


@pytest.mark.parametrize("text", ["echo '{' > $FLOTILLA_RESULT", "head -c 300000 /dev/zero > $FLOTILLA_RESULT"])
def test_a_result_that_cannot_be_taken_fails_the_run(command: Command, make_work: MakeWork, text: str) -> None:
    outcome = run(command, make_work("r", shell(text)))
    assert (outcome.state, code_of(outcome)) == (RunState.FAILED, "bad_result")


def test_a_program_that_is_not_there_is_named(command: Command, make_work: MakeWork) -> None:
    outcome = run(command, make_work("r", {"argv": ["no-such-program"]}))
    assert code_of(outcome) == "cannot_start"
    assert outcome.failure is not None
    assert "no-such-program" in outcome.failure.message
    assert run(command, make_work("r2", {"argv": ["true"]})).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"argv": []}, {"argv": "true"}, {"argv": ["a\0"]}, {"argv": ["true"], "env": {"A": 1}},
     {"argv": ["true"], "successCodes": ["0"]}, {"argv": ["true"], "env": {"LD_PRELOAD": "/x.so"}},
     {"argv": ["true"], "env": {"DYLD_INSERT_LIBRARIES": "x"}}, {"argv": ["true"], "env": {"=x": "1"}},
     {"argv": ["true"], "env": {"A": "\0"}}],
)  # fmt: skip
def test_a_wrong_payload_fails_the_run_and_says_where(command: Command, make_work: MakeWork, payload: object) -> None:
    outcome = run(command, make_work("r", payload))
    assert (outcome.state, code_of(outcome)) == (RunState.FAILED, "bad_payload")


def test_programs_tell_progress_status_and_failure_on_stdout(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("echo openjd_progress: 40; echo openjd_status: half; echo openjd_fail: sorry"))
    outcome = run(command, work)
    assert notebook(work).shares == [0.4]
    assert notebook(work).statuses == ["half"]
    assert (outcome.state, code_of(outcome)) == (RunState.FAILED, "openjd_fail")
    assert notebook(work).texts("stdout")[0] == "openjd_progress: 40"


def test_time_over_ends_even_what_ignores_sigterm(command: Command, make_work: MakeWork) -> None:
    outcome = run(command, make_work("r", shell("trap '' TERM; sleep 1001 & wait; sleep 1001"), time_limit_s=1))
    assert outcome.state is RunState.TIMED_OUT
    assert outcome.usage.wall_s < 5
    assert living("sleep 1001") == []


def test_sigterm_lets_a_program_clean_up(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("trap 'echo bye; exit 0' TERM; sleep 1002 & wait"), time_limit_s=1, grace_s=10)
    outcome = run(command, work)
    assert outcome.state is RunState.TIMED_OUT
    assert "bye" in notebook(work).texts("stdout")
    assert outcome.usage.wall_s < 5


def test_daemons_do_not_survive_the_run(command: Command, make_work: MakeWork) -> None:
    text = "(setsid sh -c 'sleep 1003 & exec sleep 1003' &) ; sleep 0.05"
    assert run(command, make_work("r", shell(text))).state is RunState.SUCCEEDED
    assert living("sleep 1003") == []


def test_a_background_process_that_holds_stdout_does_not_hold_the_run(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("sleep 1004 & echo started"))
    assert run(command, work).usage.wall_s < 5
    assert notebook(work).texts("stdout") == ["started"]
    assert living("sleep 1004") == []


def test_too_much_memory_is_out_of_memory_with_the_peak(command: Command, make_work: MakeWork) -> None:
    text = "import time; x = bytearray(400 << 20); time.sleep(60)"
    outcome = run(command, make_work("r", {"argv": [PYTHON, "-S", "-c", text]}))
    assert outcome.state is RunState.OUT_OF_MEMORY
    assert outcome.failure is not None
    assert "64 MB" in outcome.failure.message
    assert outcome.usage.wall_s < 5


def test_a_fork_bomb_ends_with_its_run(command: Command, make_work: MakeWork) -> None:
    text = "import os, time\nfor _ in range(6):\n os.fork()\nos.execv('/bin/sleep', ['sleep', '1005'])"
    shape = Resources(cpu_milli=1000, memory_mib=512)
    outcome = run(command, make_work("r", {"argv": [PYTHON, "-S", "-c", text]}, time_limit_s=3, shape=shape))
    assert outcome.state is RunState.TIMED_OUT
    assert outcome.usage.max_processes >= 32
    assert living("sleep 1005") == []


def test_a_flood_of_output_is_cut_and_says_so(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell(f"yes {'y' * 9000} | head -c 100000000; echo end"))
    assert run(command, work).state is RunState.SUCCEEDED
    lines = notebook(work).texts("stdout")
    assert sum(map(len, lines)) <= 65 << 20
    assert lines[-1].startswith("[log cut")


@pytest.mark.parametrize(
    ("why", "state"),
    [(Why.CANCELED, RunState.CANCELED), (Why.RELEASED, RunState.LOST), (Why.STALE, RunState.CANCELED)],
)
def test_a_run_told_to_end_is_gone_in_time(command: Command, make_work: MakeWork, why: Why, state: RunState) -> None:
    work = make_work("r", shell("trap '' TERM; echo up; sleep 1006 & wait; sleep 1006"), grace_s=600)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run(command, work)))
    thread.start()
    wait_until(lambda: "up" in notebook(work).texts("stdout"))
    work.stop(why)
    thread.join(5)
    assert outcomes[0].state is state
    assert outcomes[0].released is (why is Why.RELEASED)
    assert living("sleep 1006") == []


def test_a_run_told_to_end_before_it_began_does_not_begin(
    command: Command, make_work: MakeWork, tmp_path: Path
) -> None:
    work = make_work("r", shell(f"touch {tmp_path}/began"))
    work.stop(Why.CANCELED)
    assert run(command, work).state is RunState.CANCELED
    assert not (tmp_path / "began").exists()


def test_a_killed_warden_fails_the_run_and_leaves_nothing(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("echo up; sleep 1007 & sleep 1007"))
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run(command, work)))
    thread.start()
    wait_until(lambda: "up" in notebook(work).texts("stdout"))
    parent = living("sleep 1007")[0].parents()
    next(each for each in parent if "worker.warden" in " ".join(each.cmdline())).kill()
    thread.join(5)
    assert code_of(outcomes[0]) == "runner_died"
    wait_until(lambda: living("sleep 1007") == [], 2)
    assert run(command, make_work("r2", {"argv": ["true"]})).state is RunState.SUCCEEDED


def test_a_timeout_that_others_set_for_all_sockets_ends_no_run(command: Command, make_work: MakeWork) -> None:
    """As kombu does while it drops a broken connection to the broker."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    try:
        works = [
            make_work(f"r{number}", shell("sleep 0.2")) for number in range(2)
        ]  # the second on a warden that waited
        assert [run(command, work).state for work in works] == [RunState.SUCCEEDED] * 2
    finally:
        socket.setdefaulttimeout(before)


def test_usage_is_sampled_while_it_runs(command: Command, make_work: MakeWork) -> None:
    work = make_work(
        "r", {"argv": [PYTHON, "-S", "-c", "import time\nt = time.time()\nwhile time.time() < t + 0.5: pass"]}
    )
    outcome = run(command, work)
    assert len(notebook(work).samples) >= 1
    assert outcome.usage.cpu_user_s > 0.05
    assert notebook(work).samples[0].current_rss_bytes > 1 << 20


def test_a_run_may_not_open_files_without_end_nor_leave_core_files(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("ulimit -n; ulimit -Hn; ulimit -c"))
    run(command, work)
    assert notebook(work).texts("stdout") == ["8192", "8192", "0"]
