"""One control group a warden: memory and cpu limits by the kernel, where this user may make groups.

Version 2 first, then version 1 (hosts with a hybrid layout have their controllers only there). A warden enters its
group once, at its start; each run then only sets two numbers. It imports next to nothing: it runs in the warden.
"""

import contextlib
import os

from worker.kernel import contents

ROOT = "/sys/fs/cgroup"
MIB = 1024 * 1024
PERIOD_US = 100_000
LEAF = "flotilla.node"
MOST_PROCESSES = 4096
"""Of one run; against fork bombs."""


def _write(path: str, value: str) -> bool:
    try:
        with open(path, "w") as target:
            target.write(value)
    except OSError:
        return False
    return True


def _read(path: str) -> str:
    try:
        with open(path) as source:
            return source.read()
    except OSError:
        return ""


def _own(controller: str) -> str | None:
    """The folder of this process's group for a v1 controller, or of v2 for ''."""
    for line in _read("/proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(",") if controller else not names:
            if controller:
                return f"{ROOT}/{controller}{path}"
            return (f"{ROOT}/unified{path}" if os.path.isdir(f"{ROOT}/unified") else f"{ROOT}{path}").rstrip("/")
    return None


def _base(own: str) -> str:
    """Where groups of wardens are made: beside the node's leaf when it has moved into one."""
    own = own.rstrip("/")
    return os.path.dirname(own) if os.path.basename(own) == LEAF else own


def share(own: str | None = None) -> bool:
    """Version 2: makes room for groups of wardens in the node's own group, when that was given to it (`Delegate=yes`).

    A group that hands its controllers down may have no processes itself, so the node moves into a leaf. When others are
    in the group as well the kernel refuses, and the node moves back. To be called before the first warden starts.
    """
    own = own or _own("")
    if own is None or os.path.basename(own) == LEAF or "memory" not in _read(f"{own}/cgroup.controllers").split():
        return False
    leaf = f"{own}/{LEAF}"
    with contextlib.suppress(OSError):
        os.makedirs(leaf, 0o755, exist_ok=True)
    pid = str(os.getpid())
    if _write(f"{leaf}/cgroup.procs", pid) and _write(f"{own}/cgroup.subtree_control", "+memory +cpu +pids"):
        return True
    _write(f"{own}/cgroup.procs", pid)
    with contextlib.suppress(OSError):
        os.rmdir(leaf)
    return False


class Group:
    """The warden's group. `memory` and `cpu` say what the kernel enforces here; without them somebody must sample."""

    def __init__(self, name: str) -> None:
        self._folders: list[str] = []
        self._unified = self._enter_unified(name)
        self._memory = self._unified or self._enter(name, "memory", "memory.limit_in_bytes")
        self._cpu = self._unified or self._enter(name, "cpu", "cpu.cfs_quota_us")
        pids = None if self._unified else self._enter(name, "pids", "pids.max")
        if pids or self._unified:
            _write(f"{pids or self._unified}/pids.max", str(MOST_PROCESSES))
        self._kills_before = 0
        self._set = (0, 0)

    @property
    def memory(self) -> bool:
        return self._memory is not None

    @property
    def cpu(self) -> bool:
        return self._cpu is not None

    def limit(self, *, memory_bytes: int, cpu_milli: int) -> None:
        """For the run to come. `memory_bytes` should count the warden itself in."""
        before, self._set = self._set, (memory_bytes, cpu_milli)
        self._kills_before = self._kills()
        if before == self._set:
            return
        if self._memory and self._unified:
            _write(f"{self._memory}/memory.max", str(memory_bytes))
            _write(f"{self._memory}/memory.swap.max", "0")
        elif self._memory:
            self._limit_v1(memory_bytes)
        if self._cpu:
            quota = max(1000, cpu_milli * PERIOD_US // 1000)
            if self._unified:
                _write(f"{self._cpu}/cpu.max", f"{quota} {PERIOD_US}")
            else:
                _write(f"{self._cpu}/cpu.cfs_quota_us", str(quota))

    def killed(self) -> bool:
        """Whether the kernel killed something here for memory since `limit`."""
        return self._kills() > self._kills_before

    def peak(self) -> int:
        """The most memory that the group has held since its last limit, in bytes; 0 when not known."""
        name = "memory.peak" if self._unified else "memory.max_usage_in_bytes"
        return min(int(_read(f"{self._memory}/{name}") or 0), self._set[0]) if self._memory else 0

    def leave(self) -> None:
        for folder in self._folders:
            above = os.path.dirname(folder)
            _write(f"{above}/{LEAF}/cgroup.procs" if self._unified else f"{above}/cgroup.procs", str(os.getpid()))
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def _limit_v1(self, memory_bytes: int) -> None:
        """With swap counted in: first the way that widens, then the one that narrows, whichever holds now."""
        files = [f"{self._memory}/memory.limit_in_bytes", f"{self._memory}/memory.memsw.limit_in_bytes"]
        for path in (*files, files[0]):
            _write(path, str(memory_bytes))

    def _kills(self) -> int:
        if not self._memory:
            return 0
        name = "memory.events" if self._unified else "memory.oom_control"
        try:
            words = contents(f"{self._memory}/{name}").split()
            return int(words[words.index(b"oom_kill") + 1])
        except (OSError, ValueError):
            return 0

    def _enter_unified(self, name: str) -> str | None:
        own = _own("")
        if own is None or "memory" not in _read(f"{_base(own)}/cgroup.subtree_control").split():
            return None
        return self._join(f"{_base(own)}/{name}", "memory.max")

    def _enter(self, name: str, controller: str, needs: str) -> str | None:
        own = _own(controller)
        return self._join(f"{own.rstrip('/')}/{name}", needs) if own else None

    def _join(self, folder: str, needs: str) -> str | None:
        try:
            os.mkdir(folder, 0o755)
        except FileExistsError:
            pass
        except OSError:
            return None
        usable = os.path.exists(f"{folder}/{needs}") and _write(f"{folder}/cgroup.procs", str(os.getpid()))
        if not usable:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
            return None
        self._folders.append(folder)
        return folder


def bases() -> list[str]:
    """The folders that may hold groups of this node's wardens."""
    found = [_own(controller) for controller in ("", "memory", "cpu", "pids")]
    return [_base(own) for own in found if own is not None]


def discard(name: str) -> None:
    """Removes what a warden that was killed has left of its group; what is in use stays."""
    for folder in bases():
        with contextlib.suppress(OSError):
            os.rmdir(f"{folder}/{name}")
