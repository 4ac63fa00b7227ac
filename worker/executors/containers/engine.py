"""What is a container engine to this node? What starts a container, what ends it, and what an earlier life has left.

Inside, the same is allowed with every engine: no network unless the file says so, nothing of the image can be written
to, no capabilities and no way to new ones, another user than root, so many processes, cpu and memory as the run has,
and of this machine the run's folder alone.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

NOBODY = 65534
FOLDER = "/work"
"""Where a container finds its run's folder."""
ASK_S = 10.0
CLIENT_VARIABLES = (
    *("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "REGISTRY_AUTH_FILE"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "CONTAINER_HOST"),
)
"""What an engine's own program needs of the node's environment; nothing of it gets into a container."""


class EngineError(RuntimeError):
    """No containers here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One container to be. `image` is an image's name, or for runc the folder of an unpacked one; `env` is what its
    program finds; `folder` the run's, on this machine.
    """

    name: str
    image: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: Path
    stdin: bool
    network: bool
    cpu_milli: int
    memory_mib: int


class Engine(Protocol):
    """`kind` is podman, docker or runc."""

    kind: str

    def prepare(self, box: Box) -> tuple[str, ...]:
        """What is started, and goes on as long as the container does. Its environment is `surroundings(box)`."""

    def end(self, box: Box) -> tuple[str, ...]:
        """What ends and removes it, however it is; it does no harm when it is gone."""

    def forget(self, box: Box) -> None:
        """Takes back what `prepare` has made."""

    def sweep(self) -> int:
        """Ends and removes what an earlier life of this node has left; how many there were. Raises EngineError."""


def user() -> tuple[int, int]:
    """Who a container's program is: the node's user, who owns the run's folder, but never root."""
    return (os.getuid(), os.getgid()) if os.getuid() else (NOBODY, NOBODY)


def give(folder: Path) -> None:
    """Lets the container's user write to the run's folder and what lies there, where that is not the node's user."""
    uid, gid = user()
    if uid == os.getuid():
        return
    os.chown(folder, uid, gid)
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(above, name), uid, gid, follow_symlinks=False)


def client_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    return {name: environ[name] for name in CLIENT_VARIABLES if name in environ}


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
