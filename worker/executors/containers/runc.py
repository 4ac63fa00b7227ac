"""How is a container run by runc, which has no images and no daemon? From an unpacked image, as a child of the warden.

What docker is told by options stands here in the bundle's `config.json` (Open Container Initiative, runtime 1.0).
"""

import os
import shutil
from pathlib import Path

import orjson

from app.wire.codec import Json
from worker.cgroup import MOST_PROCESSES
from worker.executors.containers.engine import FOLDER, Box, ask, user
from worker.stage import folder as scratch

PERIOD_US = 100_000
MIB = 1024 * 1024
MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"),
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_QUIET = ["nosuid", "noexec", "nodev"]


class Runc:
    """`state` is a folder of the node: bundles and what runc notes there are this node's alone."""

    kind = "runc"

    def __init__(self, program: str, state: Path) -> None:
        self._program = program
        self._state = state
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        ask([program, "--version"])

    def prepare(self, box: Box) -> tuple[str, ...]:
        bundle = self._bundle(box.name)
        scratch.prepare(bundle)
        (bundle / "config.json").write_bytes(orjson.dumps(config(box)))
        return (*self._runc, "run", "--bundle", str(bundle), box.name)

    def end(self, box: Box) -> tuple[str, ...]:
        return (*self._runc, "delete", "--force", box.name)

    def forget(self, box: Box) -> None:
        scratch.remove(self._bundle(box.name))

    def sweep(self) -> int:
        left = ask([*self._runc, "list", "--quiet"]).split()
        for name in left:
            ask([*self._runc, "delete", "--force", name])
        for bundle in (self._state / "bundles").glob("*"):
            shutil.rmtree(bundle, ignore_errors=True)
        return len(left)

    @property
    def _runc(self) -> tuple[str, ...]:
        return (self._program, "--root", str(self._state / "state"))

    def _bundle(self, name: str) -> Path:
        above = self._state / "bundles"
        above.mkdir(mode=0o700, exist_ok=True)
        return above / name


def config(box: Box) -> Json:
    """A node that is not root makes a user namespace, in which its user stands as root without rights."""
    uid, gid = user()
    root = os.getuid() == 0
    namespaces = ["pid", "ipc", "uts", "mount", *(() if box.network else ("network",)), *(() if root else ("user",))]
    linux: Json = {
        "namespaces": [{"type": kind} for kind in namespaces],
        "maskedPaths": list(MASKED),
        "readonlyPaths": list(READ_ONLY),
    }
    if root:
        linux["resources"] = _resources(box)
    else:
        linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
        linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": 1}]
    return {
        "ociVersion": "1.0.2",
        "hostname": "run",
        "root": {"path": box.image, "readonly": True},
        "process": {
            "terminal": False,
            "user": {"uid": uid, "gid": gid} if root else {"uid": 0, "gid": 0},
            "args": list(box.argv),
            "env": [f"{name}={value}" for name, value in {"PATH": os.defpath, **box.env}.items()],
            "cwd": FOLDER,
            "capabilities": {each: [] for each in ("bounding", "effective", "inheritable", "permitted", "ambient")},
            "noNewPrivileges": True,
            "rlimits": [{"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
        },
        "mounts": _mounts(box),
        "linux": linux,
    }


def _resources(box: Box) -> Json:
    memory = box.memory_mib * MIB
    return {
        "memory": {"limit": memory, "swap": memory},
        "cpu": {"quota": max(1000, box.cpu_milli * PERIOD_US // 1000), "period": PERIOD_US},
        "pids": {"limit": MOST_PROCESSES},
    }


def _mounts(box: Box) -> Json:
    sized = f"size={box.memory_mib * MIB}"
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": _QUIET},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": [*_QUIET, "mode=1777", sized]},  # noqa: S108
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777", sized]},  # noqa: S108
        {
            "destination": FOLDER,
            "type": "bind",
            "source": str(box.folder),
            "options": ["bind", "rw", "nosuid", "nodev"],
        },
    ]
