"""What does a command see of the machine when it is fenced in? The system's programs, its own folder, nothing else.

bubblewrap (`bwrap`) makes namespaces of its own for the run: files, processes, users, names, and the network when that
is not allowed. Programs and libraries are read-only, /tmp is the run's own, of the node's secrets and of other runs'
folders nothing is there. Limits, metering and the end of a run stay with the warden, which sees into the sandbox.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

PROGRAM = "bwrap"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
CONFIGURATION = (
    "alternatives ca-certificates crypto-policies fonts group hosts ld.so.cache ld.so.conf ld.so.conf.d localtime "
    "mime.types nsswitch.conf passwd pki protocols resolv.conf services ssl timezone"
)
"""What programs need of /etc; the rest of it may hold secrets that the node's user can read."""
PROBE_S = 10.0
MIB = 1024 * 1024


class SandboxError(RuntimeError):
    """Commands cannot be fenced in here; the text says why and what to do."""


class Sandbox:
    """`readable` are folders that every run sees besides those of the system. Raises SandboxError."""

    def __init__(self, *, readable: Iterable[Path] = (), network: bool = False) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise SandboxError(f"there is no {PROGRAM} on PATH; install bubblewrap")
        self._program = program
        self._network = network
        self._sized = "--size" in self._tell("--help")
        self._base = self._common([str(path) for path in readable])
        self._tell(*self._base, "--unshare-net", "--", "/bin/sh", "-c", ":")

    def wrap(
        self,
        argv: tuple[str, ...],
        folder: Path,
        *,
        network: bool | None = None,
        readable: Iterable[str] = (),
        memory_mib: int = 64,
    ) -> tuple[str, ...]:
        """The same program inside. `network` None is as the node allows."""
        allowed = self._network if network is None else network
        return (
            self._program,
            *self._base,
            *(() if allowed else ("--unshare-net",)),
            *self._fresh("/tmp", memory_mib),  # noqa: S108  the run's own
            *self._fresh("/dev/shm", memory_mib),  # noqa: S108
            *_shown(readable),
            *("--bind", str(folder), str(folder), "--chdir", str(folder), "--"),
            *argv,
        )

    def _common(self, readable: list[str]) -> tuple[str, ...]:
        """For every run. --unshare-all would take the network too, which is said for each run."""
        namespaces = ("--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try")
        links = [word for path in SYSTEM if os.path.islink(path) for word in ("--symlink", os.readlink(path), path)]
        folders = [path for path in SYSTEM if os.path.isdir(path) and not os.path.islink(path)]
        etc = [f"/etc/{name}" for name in CONFIGURATION.split()]
        return (
            *namespaces,
            *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"),
            *links,
            *_shown([*folders, *etc, *readable]),
        )

    def _fresh(self, path: str, memory_mib: int) -> tuple[str, ...]:
        """An empty folder in memory. Where its size can be said it is that of the run's memory at most."""
        return (*(("--size", str(memory_mib * MIB)) if self._sized else ()), "--tmpfs", path)

    def _tell(self, *arguments: str) -> str:
        try:
            told = subprocess.run(  # noqa: S603  no shell
                [self._program, *arguments], capture_output=True, text=True, timeout=PROBE_S, check=False, env={}
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise SandboxError(f"{self._program} cannot be started: {problem}") from None
        if told.returncode:
            why = told.stderr.strip().splitlines()[:1] or [f"exit code {told.returncode}"]
            raise SandboxError(
                f"{self._program} cannot fence anything in here: {why[0]}; "
                "the node's user must be allowed user namespaces (sysctl user.max_user_namespaces, AppArmor)"
            )
        return told.stdout


def _shown(paths: Iterable[str]) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", path, path)]
