"""In the sandbox a command sees the system and its folder, writes to its folder, is limited and ended as outside."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.wire.resources import Resources
from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, living, notebook
from tests.worker.executors.conftest import Declare, code_of, run_one
from worker import supervise
from worker.executors import offered as offered_
from worker.executors.command import Command
from worker.executors.declared.commands import DeclaredCommand
from worker.executors.declared.declaration import Program
from worker.executors.offered import REQUIRED, WHERE_POSSIBLE, Choices, offered
from worker.executors.sandbox import Sandbox, SandboxError
from worker.outcome import Outcome, Why


def fenced(tmp_path: Path, **options: object) -> Command:
    try:
        sandbox = Sandbox(**options)  # type: ignore[arg-type]
    except SandboxError as problem:
        pytest.skip(f"no sandbox on this machine: {problem}")
    supervise.become_subreaper()
    return Command(mark={"FLOTILLA_NODE_DIR": str(tmp_path)}, api_url="http://api", sandbox=sandbox)


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    executor = fenced(tmp_path)
    yield executor
    executor.close()


def shell(text: str) -> dict[str, object]:
    return {"argv": ["sh", "-c", text]}


def test_it_works_as_outside(command: Command, make_work: MakeWork) -> None:
    work = make_work(
        "r", {**shell("cat; pwd; echo '[1]' > $FLOTILLA_RESULT; exit 3"), "stdin": "in\n", "successCodes": [3]}
    )
    outcome = run_one(command, work)
    assert (outcome.state, outcome.exit_code, outcome.result) == (RunState.SUCCEEDED, 3, [1])
    assert notebook(work).texts("stdout") == ["in", str(work.folder)]


def test_nothing_of_the_node_is_there(command: Command, make_work: MakeWork, tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text("secret")
    other = tmp_path / "other-run"
    other.mkdir()
    text = f"cat {tmp_path}/node.json; ls {other}; cat /etc/shadow; ls /root /home /srv /var; ls -A {tmp_path}"
    work = make_work("r", shell(text))
    run_one(command, work)
    assert notebook(work).texts("stdout") == ["r"]
    assert len(notebook(work).texts("stderr")) >= 7


def test_only_its_folder_can_be_written_to(command: Command, make_work: MakeWork, tmp_path: Path) -> None:
    text = f"touch mine /tmp/own; touch /usr/x || touch /etc/x || touch {tmp_path}/x; ls; ls /tmp"
    work = make_work("r", shell(text))
    run_one(command, work)
    out = notebook(work).texts("stdout")
    assert out[0] == "mine"
    assert "own" in out
    assert not (tmp_path / "x").exists()
    assert not Path("/tmp/own").exists()
    assert not Path("/usr/x").exists()


def test_other_processes_are_not_seen_and_rights_are_none(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("ls -d /proc/[0-9]* | wc -l; grep CapEff /proc/self/status; ls /proc/1/cwd"))
    run_one(command, work)
    out = notebook(work).texts("stdout")
    assert int(out[0]) < 8
    assert out[1].split() == ["CapEff:", "0000000000000000"]


def connecting(port: int) -> dict[str, object]:
    text = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2).close()"
    return {"argv": [shutil.which("python3", path=os.defpath) or "python3", "-c", text]}


def test_the_network_is_off_unless_allowed(declare: Declare, make_work: MakeWork, tmp_path: Path) -> None:
    if shutil.which("python3", path=os.defpath) is None:
        pytest.skip("the system has no python3 of its own, which the sandbox would show")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        closed, opened = fenced(tmp_path), fenced(tmp_path, network=True)
        assert run_one(closed, make_work("r", connecting(port))).state is RunState.FAILED
        assert run_one(opened, make_work("r2", connecting(port))).state is RunState.SUCCEEDED
        argv = [*connecting(port)["argv"]]  # type: ignore[misc]
        for index, (said, state) in enumerate((("", RunState.FAILED), ("network = true", RunState.SUCCEEDED))):
            (declaration,) = declare(f'[[executor]]\nname = "x"\nkind = "command"\nargv = {argv!r}\n{said}\n')
            assert isinstance(declaration.how, Program)
            tool = DeclaredCommand(declaration, declaration.how, opened if not said else closed)
            assert run_one(tool, make_work(f"r3-{index}", {})).state is state
        closed.close()
        opened.close()


def test_folders_that_are_allowed_can_be_read(make_work: MakeWork, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "f").write_text("data")
    command = fenced(tmp_path, readable=[shown])
    work = make_work("r", shell(f"cat {shown}/f; touch {shown}/g"))
    run_one(command, work)
    assert notebook(work).texts("stdout") == ["data"]
    assert not (shown / "g").exists()
    command.close()


def test_a_program_that_is_not_there_is_named(command: Command, make_work: MakeWork) -> None:
    outcome = run_one(command, make_work("r", {"argv": ["no-such-program"]}))
    assert code_of(outcome) == "cannot_start"
    assert "'no-such-program'" in (outcome.failure.message if outcome.failure else "")


def test_sigterm_lets_a_program_clean_up(command: Command, make_work: MakeWork) -> None:
    work = make_work("r", shell("trap 'echo bye; exit 0' TERM; sleep 1021 & wait"), time_limit_s=1, grace_s=10)
    outcome = run_one(command, work)
    assert outcome.state is RunState.TIMED_OUT
    assert notebook(work).texts("stdout") == ["bye"]
    assert outcome.usage.wall_s < 5


def test_what_ignores_sigterm_and_what_hides_is_ended(command: Command, make_work: MakeWork) -> None:
    work, outcomes = make_work("r", shell("trap '' TERM; (setsid sleep 1022 &); echo up; sleep 1022")), list[Outcome]()
    thread = threading.Thread(target=lambda: outcomes.append(run_one(command, work)))
    thread.start()
    wait_until(lambda: "up" in notebook(work).texts("stdout"))
    assert len(living("sleep 1022")) >= 2
    work.stop(Why.CANCELED)
    thread.join(6)
    assert outcomes[0].state is RunState.CANCELED
    assert living("sleep 1022") == []


def test_memory_is_limited_and_use_is_measured(command: Command, make_work: MakeWork) -> None:
    text = "head -c 200m /dev/zero | tail"
    work = make_work("r", shell(text), shape=Resources(cpu_milli=1000, memory_mib=64))
    outcome = run_one(command, work)
    assert outcome.state is RunState.OUT_OF_MEMORY
    work = make_work("r2", shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"))
    assert run_one(command, work).usage.cpu_user_s > 0.05


def choices(sandbox: str) -> Choices:
    return Choices(sandbox=sandbox)


def test_without_bubblewrap_a_node_that_requires_it_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(offered_.log, "warning", lambda text, *more: warned.append(text % more))
    monkeypatch.setenv("PATH", str(tmp_path))
    around = {"mark": {}, "api_url": "http://api", "node_id": "n", "folder": tmp_path}
    with pytest.raises(SandboxError, match="install bubblewrap"):
        offered(choices(REQUIRED), **around)  # type: ignore[arg-type]
    offered(choices(WHERE_POSSIBLE), **around).close()  # type: ignore[arg-type]
    assert "commands run without a sandbox: there is no bwrap" in warned[0]


def test_a_bubblewrap_that_may_do_nothing_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bwrap"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --help ] || { echo "setting up uid map: Permission denied" >&2; exit 1; }\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxError, match="uid map: Permission denied; the node's user must be allowed"):
        Sandbox()
