"""Can this machine run Flotilla, and a node with everything that a node can do?"""

import ctypes
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from app.adapters.embedded_broker import BrokerMissingError, find_program
from app.cli.checks.finding import Finding
from app.cli.machine import host_cpus, host_memory_mb

LEAST_DISK_GB = 2
LEAST_PYTHON = (3, 11)
LEAST_FILES = 4096
PATIENCE_S = 5
ENGINES = ("podman", "docker", "runc")
CLOCK_UNKNOWN = 5
"""What the kernel says (adjtimex) of a clock that nobody keeps right."""
CGROUPS = Path("/sys/fs/cgroup")


def host(data: Path) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(what="python", well=sys.version_info >= LEAST_PYTHON, saw=version)
    yield Finding(what="machine", well=True, saw=f"{host_cpus()} cpus, {host_memory_mb()} MB of memory")
    yield _broker()
    yield _disk(data)
    yield _cgroup()
    yield _processes()
    yield _clock()
    yield _files()
    yield _bubblewrap()
    yield _containers()


def _broker() -> Finding:
    try:
        return Finding(what="private broker", well=True, saw=str(find_program(os.environ.get("PATH", os.defpath))))
    except BrokerMissingError as error:
        return Finding(what="private broker", well=False, saw="no program", remedy=str(error))


def _disk(path: Path) -> Finding:
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free / 2**30
    writable = os.access(path, os.W_OK)
    saw = f"{free:.1f} GiB free at {path}" + ("" if writable else ", which this user cannot write to")
    remedy = "" if writable and free >= LEAST_DISK_GB else "choose another place with `flotilla up --data DIR`"
    return Finding(what="disk", well=writable and free >= LEAST_DISK_GB, saw=saw, remedy=remedy)


def _cgroup() -> Finding:
    """Whether limits of memory and cpu can be the kernel's; without that they are watched by sampling."""
    unified = (CGROUPS / "cgroup.controllers").exists()
    folders = [_own_group()] if unified else [CGROUPS / "memory", CGROUPS / "cpu"]
    if all(os.access(folder, os.W_OK) for folder in folders):
        return Finding(what="cgroups", well=True, saw=f"{'v2' if unified else 'v1'}, writable")
    remedy = "memory is limited by sampling; for the kernel's limits give this user a cgroup (systemd: Delegate=yes)"
    return Finding(what="cgroups", well=None, saw="not writable for this user", remedy=remedy)


def _own_group() -> Path:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return CGROUPS
    return next((CGROUPS / line[4:] for line in lines if line.startswith("0::/")), CGROUPS)


def _processes() -> Finding:
    try:
        Path("/proc/self/environ").read_bytes()
        Path("/proc/1/stat").read_text()
    except OSError as error:
        remedy = "a node finds and measures the processes of a run there; mount /proc, without hidepid for this user"
        return Finding(what="/proc", well=False, saw=str(error), remedy=remedy)
    return Finding(what="/proc", well=True, saw="readable")


def _clock() -> Finding:
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        state = -1
    if 0 <= state < CLOCK_UNKNOWN:
        return Finding(what="clock", well=True, saw="kept right by the system")
    remedy = "with SQLite this clock decides leases; keep it right with chrony or systemd-timesyncd"
    return Finding(what="clock", well=None, saw="nobody is known to keep it right", remedy=remedy)


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    well = soft >= LEAST_FILES or soft == resource.RLIM_INFINITY
    remedy = "" if well else f"streams and connections need them: ulimit -n {LEAST_FILES} (systemd: LimitNOFILE)"
    return Finding(what="open files", well=well or None, saw=f"{soft} at a time, may be {hard}", remedy=remedy)


def _bubblewrap() -> Finding:
    program = shutil.which("bwrap")
    if program is None:
        return Finding(
            what="bubblewrap", well=None, saw="not installed", remedy="FLOTILLA_SANDBOX needs it: install bwrap"
        )
    if why := _fails(program, "--ro-bind", "/", "/", "--unshare-all", "true"):
        return Finding(
            what="bubblewrap", well=None, saw=f"{program} cannot be used: {why}", remedy="see user namespaces"
        )
    return Finding(what="bubblewrap", well=True, saw=program)


def _containers() -> Finding:
    there = [name for name in ENGINES if shutil.which(name)]
    good = [name for name in there if not _fails(name, "--version" if name == "runc" else "info")]
    if good:
        return Finding(what="containers", well=True, saw=", ".join(good))
    saw = f"{', '.join(there)} does not answer" if there else f"none of {', '.join(ENGINES)}"
    return Finding(what="containers", well=None, saw=saw, remedy="only executors of the kind container need one")


def _fails(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
