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
FENCES = (
    *("--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
)
"""As --unshare-all, but for the network, which is said for each run."""
FRESH = ("--proc", "/proc", "--dev", "/dev")
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
        etc = [f"/etc/{name}" for name in CONFIGURATION.split()]
        folders = [path for path in SYSTEM if os.path.isdir(path) and not os.path.islink(path)]
        links = [word for path in SYSTEM if os.path.islink(path) for word in ("--symlink", os.readlink(path), path)]
        self._sight = (*links, *_shown([*folders, *etc, *map(str, readable)]))
        self._tell(*FENCES, "--unshare-net", *FRESH, *self._sight, "--", "/bin/sh", "-c", ":")

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
        size = ("--size", str(memory_mib * MIB)) if self._sized else ()
        return (
            self._program,
            *FENCES,
            *(() if allowed else ("--unshare-net",)),
            *FRESH,
            *(*size, "--tmpfs", "/tmp", *size, "--tmpfs", "/dev/shm"),  # noqa: S108  the run's own
            *self._sight,
            *_shown(readable),
            *("--bind", str(folder), str(folder), "--chdir", str(folder), "--"),
            *argv,
        )

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
