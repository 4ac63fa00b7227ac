"""Which container engine does this node use? The one that is named, or the first that is there and answers."""

import shutil
from pathlib import Path

from worker.executors.containers.daemon import Daemon
from worker.executors.containers.engine import Engine, EngineError
from worker.executors.containers.runc import Runc

KINDS = ("podman", "docker", "runc")
AUTO = "auto"


def find(wanted: str, node_id: str, state: Path) -> Engine:
    """`state` is a folder of the node. Raises EngineError that says what was tried."""
    tried = []
    for kind in KINDS if wanted == AUTO else (wanted,):
        program = shutil.which(kind)
        if program is None:
            tried.append(f"there is no {kind} on PATH")
            continue
        try:
            return Runc(program, state) if kind == "runc" else Daemon(program, kind, node_id)
        except EngineError as problem:
            tried.append(str(problem))
    raise EngineError("; ".join(tried))
