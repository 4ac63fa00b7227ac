"""What does this machine have for runs, who is this node, and what did its former life leave behind?

Reads /proc and the control groups; knows no API, no broker and no run that is alive.
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

from app.wire.resources import Resources
from worker import cgroup
from worker.stage import folder as scratch_folder

MIB = 1024 * 1024
RESERVED_MEMORY_SHARE = 0.1
"""Of the host's memory stays for the node itself and the system, when nobody says how much runs may have."""
NODE_DIR_VARIABLE = "FLOTILLA_NODE_DIR"
NODE_PID_VARIABLE = "FLOTILLA_NODE_PID"
CLEAN_UP_S = 8.0


class HostError(RuntimeError):
    """The node cannot live here; the text says why and what to do."""


def capacity() -> Resources:
    """All cores that this process may use, and the memory of the host or of its control group but for a tenth."""
    cores = len(os.sched_getaffinity(0)) * 1000
    quota = _cpu_quota_milli()
    memory = int(min(_memory_total(), _memory_limit()) * (1 - RESERVED_MEMORY_SHARE)) // MIB
    return Resources(cpu_milli=min(cores, quota or cores), memory_mib=memory)


def _memory_total() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 1 << 62


def _memory_limit() -> int:
    """The tightest limit of the control groups that this process is in."""
    limits = [1 << 62]
    for line in _read("/proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if "memory" in names.split(","):
            limits.append(_number(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"))
        elif not names:
            limits.append(_number(f"/sys/fs/cgroup{path}/memory.max"))
    limits.append(_number("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
    limits.append(_number("/sys/fs/cgroup/memory.max"))
    return min(limits)


def _cpu_quota_milli() -> int | None:
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if not quota:
        quota, period = _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), _read("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    try:
        return int(quota) * 1000 // int(period) if int(quota) > 0 else None
    except ValueError:
        return None


def _number(path: str) -> int:
    try:
        return int(_read(path))
    except ValueError:
        return 1 << 62


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
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
