"""A container gets what its file says and nothing of the machine but its run's folder, and ends with its run.

No engine can be counted on where tests run, so that its program is played by one that records what it is told
(`engines.py`). What docker itself makes of those words is not tested here.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from app.wire.resources import Resources
from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, notebook
from tests.worker.executors import engines
from tests.worker.executors.conftest import Declare, code_of, message_of, run_one
from worker.executors.command import Command
from worker.executors.containers.choosing import find
from worker.executors.containers.daemon import Daemon
from worker.executors.containers.engine import FOLDER, Box, EngineError
from worker.executors.containers.runc import Runc, config
from worker.executors.declared.boxes import DeclaredContainer
from worker.executors.declared.declaration import Image
from worker.executors.declared.images import allow
from worker.outcome import Outcome, Why
from worker.supervise import Launch, Warden

DIGEST = f"registry.example/tool@sha256:{'0' * 64}"
FILE = f"""
[[executor]]
name = "tool"
kind = "container"
image = "{DIGEST}"
argv = ["sh", "-c", "{{{{ parameters.text }}}}", "sh", "{{{{ run.folder }}}}"]
[executor.parameters]
text = {{default = "echo out"}}
[executor.environment]
set = {{SECRET = "s3cret", HOME = "/tmp/home"}}
"""


class Engine:
    """The recording engine and what it was told."""

    def __init__(self, folder: Path, kind: str = "docker") -> None:
        self.folder = engines.install(folder, kind)

    def told(self, word: str) -> list[list[str]]:
        lines = (self.folder / "told").read_text().splitlines()
        return [words for words in map(json.loads, lines) if words[0] == word]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine(tmp_path / "engine")
    monkeypatch.setenv("PATH", f"{made.folder}{os.pathsep}{os.environ['PATH']}")
    return made


def executor(
    declare: Declare, command: Command, tmp_path: Path, text: str = FILE, *registries: str
) -> DeclaredContainer:
    (declaration,) = declare(text)
    assert isinstance(declaration.how, Image)
    found = find("docker", "node-1", tmp_path / "runc")
    return DeclaredContainer(declaration, declaration.how, command, found, frozenset(registries))


def test_what_the_engine_is_told(
    engine: Engine, declare: Declare, command: Command, make_work: MakeWork, tmp_path: Path
) -> None:
    work = make_work("r", {"text": "$(id)"}, shape=Resources(cpu_milli=1500, memory_mib=128))
    run_one(executor(declare, command, tmp_path), work)
    (words,) = engine.told("run")
    at = words.index(DIGEST)
    assert words[at + 1 :] == ["sh", "-c", "$(id)", "sh", "/work"]
    options = words[:at]
    for expected in (
        ["--rm"], ["--name", "flotilla-r.1"], ["--label", "flotilla.node=node-1"], ["--network", "none"],
        ["--read-only"], ["--cap-drop", "ALL"], ["--security-opt", "no-new-privileges"], ["--pids-limit", "4096"],
        ["--memory", "128m"],
        ["--memory-swap", "128m"], ["--cpus", "1.5"], ["--workdir", "/work"],
        ["--mount", f"type=bind,source={work.folder},target=/work"],
    ):  # fmt: skip
        place = options.index(expected[0])
        assert options[place : place + len(expected)] == expected
    uid = os.getuid() or 65534
    assert options[options.index("--user") + 1].startswith(f"{uid}:")
    assert [word for word in options if word in ("--mount", "--volume", "-v", "--privileged", "--device")] == [
        "--mount"
    ]
    assert "docker.sock" not in " ".join(words)
    assert "--interactive" not in words
    assert not engine.told("rm")


def test_tokens_go_by_name_so_that_ps_does_not_show_them(
    engine: Engine, declare: Declare, command: Command, make_work: MakeWork, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("FLOTILLA_NODE_TOKEN", "of-the-node")
    run_one(executor(declare, command, tmp_path), make_work("r", {}))
    (words,) = engine.told("run")
    said = [words[index + 1] for index, word in enumerate(words) if word == "--env"]
    assert {"FLOTILLA_RUN_TOKEN", "SECRET", "HOME=/tmp/home", "FLOTILLA_RESULT"} <= set(said)
    assert not [name for name in said if name.startswith(("PATH", "FLOTILLA_NODE"))]
    assert not [word for word in words if "run-token" in word or "s3cret" in word]
    env = orjson.loads((engine.folder / "env").read_bytes())
    assert (env["FLOTILLA_RUN_TOKEN"], env["SECRET"], env["FLOTILLA_RESULT"]) == (
        "run-token", "s3cret", f"{FOLDER}/.flotilla-result.json",
    )  # fmt: skip
    assert "FLOTILLA_NODE_TOKEN" not in env
    assert env.get("HOME") == os.environ.get("HOME")  # a run's folder must not bring the engine's configuration


def test_network_and_stdin_are_given_when_the_file_says_so(
    engine: Engine, declare: Declare, command: Command, make_work: MakeWork, tmp_path: Path
) -> None:
    text = FILE.replace("[executor.parameters]", 'network = true\nstdin = "hello"\n[executor.parameters]')
    work = make_work("r", {"text": "cat"})
    assert run_one(executor(declare, command, tmp_path, text), work).state is RunState.SUCCEEDED
    (words,) = engine.told("run")
    assert "--network" not in words
    assert "--interactive" in words
    assert notebook(work).texts("stdout") == ["hello"]


def test_output_result_and_exit_code_come_through(
    engine: Engine, declare: Declare, command: Command, make_work: MakeWork, tmp_path: Path
) -> None:
    work = make_work("r", {"text": "echo out; echo '[1]' > $FLOTILLA_RESULT"})
    outcome = run_one(executor(declare, command, tmp_path), work)
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, [1])
    assert notebook(work).texts("stdout") == ["out"]
    for code, state, said in (
        (3, RunState.FAILED, "exit_code"),
        (125, RunState.FAILED, "cannot_start"),
        (137, RunState.OUT_OF_MEMORY, "out_of_memory"),
    ):  # fmt: skip
        outcome = run_one(executor(declare, command, tmp_path), make_work("r", {"text": f"exit {code}"}))
        assert (outcome.state, outcome.exit_code, code_of(outcome)) == (state, code, said)


def inside(engine: Engine) -> psutil.Process:
    """What runs in the container of the run `r`."""
    path = engine.folder / "flotilla-r.1"
    wait_until(lambda: path.exists() and path.read_text())
    return psutil.Process(int(path.read_text()))


LOOP = {"text": "trap '' TERM; echo up; while :; do sleep 0.1; done"}


@pytest.mark.parametrize(("why", "state"), [(Why.CANCELED, RunState.CANCELED), (None, RunState.TIMED_OUT)])
def test_a_container_ends_with_its_run(
    engine: Engine,
    declare: Declare,
    command: Command,
    make_work: MakeWork,
    tmp_path: Path,
    why: Why | None,
    state: RunState,
) -> None:
    work, outcomes = make_work("r", LOOP, time_limit_s=1 if why is None else 60), list[Outcome]()
    tool = executor(declare, command, tmp_path)
    thread = threading.Thread(target=lambda: outcomes.append(run_one(tool, work)))
    thread.start()
    program = inside(engine)
    if why is not None:
        work.stop(why)
    thread.join(8)
    assert outcomes[0].state is state
    assert engine.told("rm") == [["rm", "--force", "--volumes", "flotilla-r.1"]]
    assert not program.is_running()


@pytest.mark.fault
def test_a_container_ends_when_its_warden_is_killed(
    engine: Engine, declare: Declare, command: Command, make_work: MakeWork, tmp_path: Path
) -> None:
    work, outcomes = make_work("r", LOOP), list[Outcome]()
    tool = executor(declare, command, tmp_path)
    thread = threading.Thread(target=lambda: outcomes.append(run_one(tool, work)))
    thread.start()
    program = inside(engine)
    warden = next(each for each in program.parents() if "worker.warden" in " ".join(each.cmdline()))
    os.kill(warden.pid, signal.SIGKILL)
    thread.join(8)
    assert code_of(outcomes[0]) == "runner_died"
    assert engine.told("rm") == [["rm", "--force", "--volumes", "flotilla-r.1"]]
    wait_until(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    "image", ["--privileged", "-v /:/h", "tool@sha256:abc", "tool:test --privileged", "../x", "a\nb"]
)
def test_an_image_from_a_task_is_a_name_and_nothing_else(
    engine: Engine, declare: Declare, command: Command, make_work: MakeWork, tmp_path: Path, image: str
) -> None:
    text = FILE.replace(DIGEST, "{{ parameters.image }}").replace(
        "[executor.parameters]", "[executor.parameters]\nimage = {required = true}"
    )
    outcome = run_one(executor(declare, command, tmp_path, text, "docker.io"), make_work("r", {"image": image}))
    assert (outcome.state, code_of(outcome)) == (RunState.FAILED, "bad_image")
    assert "is no image" in message_of(outcome)
    assert not engine.told("run")


@pytest.mark.parametrize(
    ("image", "registries", "allowed"),
    [
        (DIGEST, set(), True),
        ("tool:test", set(), False),
        ("tool:test", {"docker.io"}, True),
        ("team/tool", {"docker.io"}, True),
        ("docker.io.evil.example/tool", {"docker.io"}, False),
        ("registry.example:5000/a/b:1", {"registry.example:5000"}, True),
        ("registry.example:5000/a/b:1", {"registry.example"}, False),
        ("localhost/tool", {"docker.io"}, False),
        ("registry.example/docker.io/tool", {"docker.io"}, False),
    ],
)
def test_images_come_from_allowed_registries_or_by_digest(image: str, registries: set[str], allowed: bool) -> None:
    if allowed:
        allow(image, registries)
    else:
        with pytest.raises(ValueError, match="FLOTILLA_CONTAINER_REGISTRIES"):
            allow(image, registries)


def test_what_an_earlier_life_left_is_ended(engine: Engine, tmp_path: Path) -> None:
    found = find("docker", "node-1", tmp_path)
    (engine.folder / "flotilla-old.1").write_text("4194304")
    assert found.sweep() == 1
    assert engine.told("ps") == [["ps", "--all", "--quiet", "--filter", "label=flotilla.node=node-1"]]
    assert engine.told("rm") == [["rm", "--force", "--volumes", "flotilla-old.1"]]
    assert found.sweep() == 0


def test_the_first_engine_that_answers_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    podman, docker = Engine(tmp_path / "a", "podman"), Engine(tmp_path / "b", "docker")
    monkeypatch.setenv("PATH", f"{podman.folder}{os.pathsep}{docker.folder}")
    assert find("auto", "n", tmp_path).kind == "podman"
    (podman.folder / "dead").touch()
    assert find("auto", "n", tmp_path).kind == "docker"
    (docker.folder / "dead").touch()
    with pytest.raises(EngineError, match=r"podman version: Cannot connect.*docker version: Cannot.*no runc on PATH"):
        find("auto", "n", tmp_path)
    with pytest.raises(EngineError, match="no runc on PATH"):
        find("runc", "n", tmp_path)


def box(folder: Path, **changed: Any) -> Box:
    fields: dict[str, Any] = {
        "name": "flotilla-r.1", "image": "/srv/root", "argv": ("tool", "a b"), "env": {"A": "1"}, "folder": folder,
        "stdin": False, "network": False, "cpu_milli": 1500, "memory_mib": 128,
    }  # fmt: skip
    return Box(**{**fields, **changed})


def test_podman_keeps_the_user_s_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(tmp_path / "a", "podman")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    words = Daemon(str(engine.folder / "podman"), "podman", "n").prepare(box(tmp_path))
    assert words[words.index("--userns") + 1] == "keep-id"
    assert words[words.index("--user") + 1].startswith("1000:")


def test_a_folder_that_would_be_read_as_options_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="commas"):
        find("docker", "n", tmp_path).prepare(box(Path("/a,readonly=false")))


def test_the_bundle_of_runc_allows_as_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    told = config(box(tmp_path))
    assert told["root"] == {"path": "/srv/root", "readonly": True}
    process = told["process"]
    assert process["args"] == ["tool", "a b"]
    assert process["noNewPrivileges"] is True
    assert process["user"] == {"uid": 65534, "gid": 65534}
    assert not any(process["capabilities"].values())
    assert {each["type"] for each in told["linux"]["namespaces"]} >= {"pid", "mount", "ipc", "network"}
    assert told["linux"]["resources"]["memory"]["limit"] == 128 << 20
    binds = [mount for mount in told["mounts"] if mount["type"] == "bind"]
    assert [(mount["source"], mount["destination"]) for mount in binds] == [(str(tmp_path), "/work")]
    assert "network" not in {each["type"] for each in config(box(tmp_path, network=True))["linux"]["namespaces"]}
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert "user" in {each["type"] for each in config(box(tmp_path))["linux"]["namespaces"]}


def test_a_bundle_is_made_for_a_run_and_forgotten(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "a", "runc")
    runc = Runc(str(engine.folder / "runc"), tmp_path / "state")
    words = runc.prepare(box(tmp_path))
    bundle = Path(words[words.index("--bundle") + 1])
    assert words[-1] == "flotilla-r.1"
    assert orjson.loads((bundle / "config.json").read_bytes()) == config(box(tmp_path))
    assert bundle.stat().st_mode & 0o077 == 0
    runc.forget(box(tmp_path))
    assert not bundle.exists()


@pytest.mark.fault
def test_the_warden_ends_what_is_not_below_it_also_without_the_node(tmp_path: Path) -> None:
    warden = Warden({"FLOTILLA_NODE_DIR": str(tmp_path)})
    ended = tmp_path / "ended"
    launch = Launch(
        argv=("sleep", "1030"), env={"PATH": os.environ["PATH"]}, cwd="/", memory_mib=64, cpu_milli=1000, grace_s=1,
        last=("touch", str(ended)),
    )  # fmt: skip
    warden.start(launch)
    wait_until(lambda: psutil.Process(warden.pid).children())
    warden.socket.shutdown(socket.SHUT_RDWR)  # as when the node dies
    wait_until(ended.exists)
    warden.close()


def test_docker_s_own_program_understands_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("docker")
    if program is None:
        pytest.skip("there is no docker on this machine")
    monkeypatch.setattr("worker.executors.containers.daemon.ask", lambda command: "")
    docker = Daemon(program, "docker", "n")
    nowhere = {"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{tmp_path}/nowhere", "A": "1"}
    for words in (docker.prepare(box(tmp_path, image=DIGEST, stdin=True)), docker.end(box(tmp_path))):
        told = subprocess.run(words, env=nowhere, capture_output=True, text=True, timeout=20, check=False)
        assert told.returncode != 0
        assert "daemon" in told.stderr, told.stderr  # it got as far as looking for one
        assert "flag" not in told.stderr
