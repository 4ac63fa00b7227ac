"""How busy is this machine, who is this node, and what did its former life leave behind?

Reads /proc; knows no API, no broker and no run that is alive.
"""

import contextlib
import fcntl
import os
import signal
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from worker import cgroup
from worker.stage import folder as scratch_folder

NODE_DIR_VARIABLE = "FLOTILLA_NODE_DIR"
NODE_PID_VARIABLE = "FLOTILLA_NODE_PID"
CLEAN_UP_S = 8.0


class HostError(RuntimeError):
    """The node cannot live here; the text says why and what to do."""


def _read(path: str) -> str:
    try:
        with open(path) as source:
            return source.read().strip()
    except OSError:
        return ""


@dataclass(slots=True)
class Load:
    """How busy the host is, between two looks."""

    _busy: float = 0.0
    _all: float = 0.0
    _started: bool = field(default=False)

    def cpu_percent(self) -> float:
        """Of all cores since the last call; 0 at the first."""
        fields = [float(word) for word in _read("/proc/stat").split("\n", 1)[0].split()[1:9]]
        total, busy = sum(fields), sum(fields) - fields[3] - fields[4]
        spent, passed = busy - self._busy, total - self._all
        self._busy, self._all = busy, total
        first, self._started = not self._started, True
        return 0.0 if first or passed <= 0 else round(100 * spent / passed, 1)

    @staticmethod
    def used_memory_bytes() -> int:
        amounts = {line.split(":")[0]: line.split()[1] for line in _read("/proc/meminfo").splitlines()[:3]}
        return (int(amounts["MemTotal"]) - int(amounts["MemAvailable"])) * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The node's own folder: its id, its spool and the scratch folders. One living node at a time has it."""

    folder: Path
    node_id: str
    lock: int

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    def room_bytes(self) -> int:
        """What is left on its disk for this user."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    @property
    def mark(self) -> dict[str, str]:
        """The environment by which whatever this node starts is known as its own."""
        return {NODE_DIR_VARIABLE: str(self.folder), NODE_PID_VARIABLE: str(os.getpid())}


def move_in(folder: Path) -> Home:
    """Takes the folder, ends what a former life has left running and removes its scratch folders."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as wrong:
        raise HostError(
            f"the node's folder {folder} cannot be used: {wrong.strerror}; name another with --dir (FLOTILLA_NODE_DIR)"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HostError(
            f"{folder} belongs to a node that is running; give each node a FLOTILLA_NODE_DIR of its own"
        ) from None
    end_leftovers(folder)
    home = Home(folder=folder, node_id=_identity(folder / "node.json"), lock=lock)
    cgroup.share()
    home.scratch.mkdir(mode=0o700, exist_ok=True)
    for name in os.listdir(home.scratch):
        scratch_folder.remove(home.scratch / name)
    _remove_groups()
    return home


def _identity(path: Path) -> str:
    """The node's id, kept over restarts."""
    with contextlib.suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return str(uuid.UUID(orjson.loads(path.read_bytes())["nodeId"]))
    node_id = str(uuid.uuid4())
    fresh = path.with_suffix(".new")
    fresh.write_bytes(orjson.dumps({"nodeId": node_id}))
    os.replace(fresh, path)
    return node_id


def end_leftovers(folder: Path) -> int:
    """SIGKILL to every process that bears this folder's mark and is not of this life; how many there were."""
    mark = f"{NODE_DIR_VARIABLE}={folder}".encode()
    own = f"{NODE_PID_VARIABLE}={os.getpid()}".encode()
    ended: set[int] = set()
    give_up_at = time.monotonic() + CLEAN_UP_S
    while found := [pid for pid in _pids() if _marked(pid, mark, own)]:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                ended.add(pid)
        if time.monotonic() > give_up_at:
            break
        time.sleep(0.01)
    return len(ended)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _marked(pid: int, mark: bytes, own: bytes) -> bool:
    """The node's own start-up environment names the folder too, but not the pid: only what a node started has both."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as source:
            variables = source.read().split(b"\0")
    except OSError:
        return False
    started_by_node = any(variable.startswith(NODE_PID_VARIABLE.encode() + b"=") for variable in variables)
    return mark in variables and started_by_node and own not in variables


def _remove_groups() -> None:
    """Control groups of wardens that are dead; those in use cannot be removed and stay."""
    for folder in cgroup.bases():
        for group in Path(folder).glob("flotilla-*"):
            with contextlib.suppress(OSError):
                group.rmdir()
