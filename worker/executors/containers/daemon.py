"""How is a container run by docker, or by podman, which takes the same words?"""

import os

from worker.cgroup import MOST_PROCESSES
from worker.executors.containers.engine import CLIENT_VARIABLES, FOLDER, Box, EngineError, ask, user

LABEL = "flotilla.node"
_VERSION = {"docker": "{{.Server.Version}}", "podman": "{{.Client.Version}}"}


class Daemon:
    """The container is no child of the program that is started here, and outlives it: `end` ends it. Raises EngineError
    when the engine does not answer.
    """

    def __init__(self, program: str, kind: str, node_id: str) -> None:
        self.kind = kind
        self._program = program
        self._label = f"{LABEL}={node_id}"
        ask([program, "version", "--format", _VERSION[kind]])

    def prepare(self, box: Box) -> tuple[str, ...]:
        if set(str(box.folder)) & set(',"'):
            raise EngineError(f"the node's folder {box.folder} must not have commas or quotes in its name")
        uid, gid = user()
        memory = f"{box.memory_mib}m"
        return (
            *(self._program, "run", "--rm", "--name", box.name, "--label", self._label),
            *(() if box.network else ("--network", "none")),
            *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", f"{uid}:{gid}"),
            *(("--userns", "keep-id") if self.kind == "podman" and os.getuid() else ()),
            *("--pids-limit", str(MOST_PROCESSES), "--memory", memory, "--memory-swap", memory),
            *("--cpus", f"{box.cpu_milli / 1000:g}"),
            *("--mount", f"type=bind,source={box.folder},target={FOLDER}", "--workdir", FOLDER),
            *("--tmpfs", f"/tmp:rw,nosuid,nodev,size={memory}"),  # noqa: S108  the container's own
            *(word for name, value in box.env.items() for word in ("--env", _said(name, value))),
            *(("--interactive",) if box.stdin else ()),
            box.image,
            *box.argv,
        )

    def end(self, box: Box) -> tuple[str, ...]:
        return (self._program, "rm", "--force", "--volumes", box.name)

    def forget(self, box: Box) -> None:
        """There is nothing: the engine removes the container."""

    def sweep(self) -> int:
        left = ask([self._program, "ps", "--all", "--quiet", "--filter", f"label={self._label}"]).split()
        if left:
            ask([self._program, "rm", "--force", "--volumes", *left])
        return len(left)


def _said(name: str, value: str) -> str:
    """By its name alone the program takes a variable from its own environment, so that ps does not show a token."""
    return f"{name}={value}" if name in CLIENT_VARIABLES else name
