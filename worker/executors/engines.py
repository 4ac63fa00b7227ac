"""Which program runs containers on this node, and how is it spoken to? podman, docker or runc, whatever is there.

An engine says what is started for a run, what ends it, and which containers an earlier life of the node has left. What
is allowed inside is the same for all: no network unless the file says so, nothing of the image can be written to, no
capabilities and no way to new ones, another user than root, so many processes, cpu and memory as the run has, and of
this machine the run's folder alone.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from worker.cgroup import MOST_PROCESSES

NOBODY = 65534
FOLDER = "/work"
ASK_S = 10.0
LABEL = "flotilla.node"
CLIENT_VARIABLES = (
    *("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "REGISTRY_AUTH_FILE"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "CONTAINER_HOST"),
)
"""What an engine's own program needs of the node's environment; nothing of it gets into a container."""


class EngineError(RuntimeError):
    """No containers here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One container to be. `env` is what its program finds, by name; `folder` the run's, on this machine."""

    name: str
    image: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path
    stdin: bool
    network: bool
    cpu_milli: int
    memory_mib: int
    run_id: str


class Engine(Protocol):
    """`kind` is podman, docker or runc."""

    kind: str

    def start(self, box: Box) -> tuple[str, ...]:
        """What is run, and goes on as long as the container does."""

    def end(self, box: Box) -> tuple[str, ...]:
        """What ends and removes it, however it is; nothing when it is gone."""

    def sweep(self) -> int:
        """Removes what an earlier life of this node has left; how many there were."""


def user() -> tuple[int, int]:
    """Who a container's program is: the node's user, who owns the run's folder, but never root."""
    return (os.getuid(), os.getgid()) if os.getuid() else (NOBODY, NOBODY)


def client_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    return {name: environ[name] for name in CLIENT_VARIABLES if name in environ}


class Daemon:
    """docker, or podman, which takes the same words."""

    def __init__(self, program: str, kind: str, node_id: str) -> None:
        self.kind = kind
        self._program = program
        self._label = f"{LABEL}={node_id}"
        ask([program, "version", "--format", "{{.Server.Version}}" if kind == "docker" else "{{.Client.Version}}"])

    def start(self, box: Box) -> tuple[str, ...]:
        uid, gid = user()
        own = ("--userns", "keep-id") if self.kind == "podman" and os.getuid() else ()
        memory = f"{box.memory_mib}m"
        return (
            *(self._program, "run", "--rm", "--name", box.name),
            *("--label", self._label, "--label", f"flotilla.run={box.run_id}"),
            *("--network", "bridge" if box.network and self.kind == "docker" else "private" if box.network else "none"),
            *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", f"{uid}:{gid}", *own, "--pids-limit", str(MOST_PROCESSES)),
            *("--memory", memory, "--memory-swap", memory, "--cpus", f"{box.cpu_milli / 1000:g}"),
            *("--mount", f"type=bind,source={box.folder},target={FOLDER}", "--workdir", FOLDER),
            *("--tmpfs", f"/tmp:rw,nosuid,nodev,size={memory}"),  # noqa: S108  the container's own
            *(word for name in box.env for word in ("--env", name)),
            *(("--interactive",) if box.stdin else ()),
            box.image,
            *box.argv,
        )

    def end(self, box: Box) -> tuple[str, ...]:
        return (self._program, "rm", "--force", "--volumes", box.name)

    def sweep(self) -> int:
        left = ask([self._program, "ps", "--all", "--quiet", "--filter", f"label={self._label}"]).split()
        if left:
            ask([self._program, "rm", "--force", "--volumes", *left])
        return len(left)


def ask(command: Sequence[str]) -> str:
    """What the engine answers. Raises EngineError."""
    try:
        told = subprocess.run(  # noqa: S603  no shell
            command, capture_output=True, text=True, timeout=ASK_S, check=False, env=client_environment()
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise EngineError(f"{command[0]} cannot be asked: {problem}") from None
    if told.returncode:
        why = told.stderr.strip().splitlines()[:1] or [f"exit code {told.returncode}"]
        raise EngineError(f"{' '.join(command[:2])}: {why[0]}")
    return told.stdout


def find(wanted: str, node_id: str, state: Path) -> Engine:
    """The one that is wanted, or with `auto` the first that answers. `state` is a folder of the node. Raises
    EngineError that says what was tried.
    """
    tried = []
    for kind in KINDS if wanted == "auto" else (wanted,):
        program = shutil.which(kind)
        try:
            if program is None:
                raise EngineError(f"{kind} is not on PATH")
            return _MAKE[kind](program, node_id, state)
        except EngineError as problem:
            tried.append(str(problem))
    raise EngineError("; ".join(tried))
