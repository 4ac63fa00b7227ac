"""A declared command or callable runs with what its file says and a task's parameters, and with nothing else."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, notebook
from tests.worker.executors.conftest import Declare, code_of, message_of, run_one
from worker import supervise
from worker.executors.command import Command
from worker.executors.declared.commands import DeclaredCommand, DeclaredPython
from worker.executors.declared.declaration import Call, Program
from worker.executors.python import Python
from worker.outcome import Outcome, Why

SHOW = """
[[executor]]
name = "show"
versions = ["7", "8"]
kind = "command"
argv = [
    "sh", "-c", 'for each in "$@"; do echo "<$each>"; done; env; cat',
    "sh", "{{ parameters.x }}", "-{{ run.version }}",
]
stdin = "{{ parameters.text }}"
[executor.parameters]
x = {required = true}
text = {default = ""}
[executor.environment]
pass = ["OF_THE_NODE", "NOT_THERE"]
set = {CORES = "{{ run.cpus }}", GIVEN = "{{ parameters.x }}", LD_LIBRARY_PATH = "/opt/x"}
"""


def declared(declare: Declare, text: str, command: Command) -> DeclaredCommand:
    (declaration,) = declare(text)
    assert isinstance(declaration.how, Program)
    return DeclaredCommand(declaration, declaration.how, command)


@pytest.mark.parametrize(
    "value", ["; rm -rf /", "$(id)", "`id`", "-oProxyCommand=x", "two words", "{{ run.id }}", "'\"*"]
)
def test_a_value_reaches_the_program_literally(
    declare: Declare, command: Command, make_work: MakeWork, value: str
) -> None:
    work = make_work("r", {"x": value}, version="8")
    outcome = run_one(declared(declare, SHOW, command), work)
    assert outcome.state is RunState.SUCCEEDED
    out = notebook(work).texts("stdout")
    assert out[:2] == [f"<{value}>", "<-8>"]
    assert f"GIVEN={value}" in out


def test_the_environment_is_what_the_file_says(
    declare: Declare, command: Command, make_work: MakeWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_NODE", "yes")
    monkeypatch.setenv("SECRET_OF_THE_NODE", "1")
    monkeypatch.setenv("PYTHONPATH", "/evil")
    monkeypatch.setenv("FLOTILLA_NODE_TOKEN", "secret")
    work = make_work("r", {"x": "1", "text": "of stdin"})
    assert run_one(declared(declare, SHOW, command), work).state is RunState.SUCCEEDED
    out = notebook(work).texts("stdout")
    assert out[-1] == "of stdin"
    assert out[1] == "<-7>"  # the first version, when none was asked for
    seen = dict(line.split("=", 1) for line in out if "=" in line)
    assert (seen["OF_THE_NODE"], seen["CORES"], seen["LD_LIBRARY_PATH"]) == ("yes", "1", "/opt/x")
    assert not {"NOT_THERE", "SECRET_OF_THE_NODE", "PYTHONPATH", "FLOTILLA_NODE_TOKEN", "FLOTILLA_BROKER_URL"} & set(
        seen
    )
    assert seen["FLOTILLA_RUN_ID"] == "r"


def test_wrong_parameters_fail_the_run_before_anything_starts(
    declare: Declare, command: Command, make_work: MakeWork
) -> None:
    work = make_work("r", {"y": 1})
    outcome = run_one(declared(declare, SHOW, command), work)
    assert (outcome.state, code_of(outcome)) == (RunState.FAILED, "bad_parameters")
    assert "/y: is not a parameter; there are x, text; /x: is missing" in message_of(outcome)
    assert notebook(work).began is None


def test_results_and_news_are_those_of_a_command(declare: Declare, command: Command, make_work: MakeWork) -> None:
    text = """
    [[executor]]
    name = "tell"
    kind = "command"
    success_codes = [3]
    argv = ["sh", "-c", 'echo openjd_progress: 50; echo "{\\"a\\": 1}" > $FLOTILLA_RESULT; exit 3']
    """
    work = make_work("r", None)
    outcome = run_one(declared(declare, text, command), work)
    assert (outcome.state, outcome.result, outcome.exit_code) == (RunState.SUCCEEDED, {"a": 1}, 3)
    assert notebook(work).shares == [0.5]


SLEEP = '[[executor]]\nname = "nap"\nkind = "command"\nargv = ["sleep", "1010"]\ntimeout = 1\n'


def test_the_executor_s_own_time_limit_is_met_and_named(
    declare: Declare, command: Command, make_work: MakeWork
) -> None:
    outcome = run_one(declared(declare, SLEEP, command), make_work("r", {}, time_limit_s=100))
    assert outcome.state is RunState.TIMED_OUT
    assert "1 s that the executor nap gives" in message_of(outcome)


def test_a_task_s_shorter_limit_counts(declare: Declare, command: Command, make_work: MakeWork) -> None:
    text = SLEEP.replace("timeout = 1", "timeout = 50")
    outcome = run_one(declared(declare, text, command), make_work("r", {}, time_limit_s=1))
    assert outcome.state is RunState.TIMED_OUT
    assert "limit of 1 s (limitations" in message_of(outcome)


def test_it_can_be_canceled(declare: Declare, command: Command, make_work: MakeWork) -> None:
    work, outcomes = make_work("r", {}, time_limit_s=100), list[Outcome]()
    executor = declared(declare, SLEEP.replace("timeout = 1", ""), command)
    thread = threading.Thread(target=lambda: outcomes.append(run_one(executor, work)))
    thread.start()
    wait_until(lambda: notebook(work).samples)
    work.stop(Why.CANCELED)
    thread.join(5)
    assert outcomes[0].state is RunState.CANCELED


PAUSE = """
[[executor]]
name = "pause"
kind = "python"
callable = "sleep"
[executor.parameters]
seconds = {type = "number", maximum = 1, default = 0}
"""


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Python]:
    supervise.become_subreaper()
    executor = Python(mark={}, api_url="http://api", callables="", folder=tmp_path)
    yield executor
    executor.close()


def test_a_callable_gets_its_parameters_and_a_bundle_stays_one(
    declare: Declare, python: Python, make_work: MakeWork
) -> None:
    (declaration,) = declare(PAUSE)
    assert isinstance(declaration.how, Call)
    executor = DeclaredPython(declaration, declaration.how, python)
    payloads = [{}, {"seconds": 0.01}, {"seconds": 2}, {"seconds": 0}, {"seconds": "no"}, None]
    works = [make_work(f"r{index}", payload) for index, payload in enumerate(payloads)]
    done = [finished for finished in executor.run(works) if finished is not None]
    assert [work for work, _ in done] == works
    assert [code_of(outcome) for _, outcome in done] == [None, None, "bad_parameters", None, "bad_parameters", None]
    assert done[1][1].usage.wall_s >= 0.01


@pytest.mark.parametrize("name", ["os:system", "builtins:eval", "..:x", "os.system", "worker.executors.trials:noop"])
def test_a_callable_that_is_not_registered_is_refused(python: Python, make_work: MakeWork, name: str) -> None:
    (done,) = [each for each in python.run([make_work("r", {"callable": name, "arguments": {}})]) if each is not None]
    assert code_of(done[1]) == "unknown_callable"
