"""What does this machine offer: which port is free, how many cpus and how much memory may be shared out?"""

import errno
import os
import socket
from pathlib import Path

from app.cli.failures import Failure, Usage

DEFAULT_PORT = 8080
FLOWER_PORT = 5555
PORTS_TRIED = 100
LOOPBACK = ("127.0.0.1", "::1", "localhost")
CPU_LIMITS = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
"""Quota and period of the container's control group: in one file, or in two."""
MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def free_port(host: str, asked: int | None) -> int:
    """The port to listen on. Raises Failure when the one asked for is taken, or the address is not of this machine."""
    if asked is None:
        return next_free(host, DEFAULT_PORT)
    found = _bindable(host, asked)
    if found is None:
        raise Failure(f"port {asked} of {host} is taken", "choose another with --port, or leave it out")
    return found


def next_free(host: str, first: int) -> int:
    for port in range(first, first + PORTS_TRIED):
        if found := _bindable(host, port):
            return found
    raise Failure(f"no free port from {first} to {first + PORTS_TRIED - 1}", "choose one with --port")


def _bindable(host: str, port: int) -> int | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            probe.bind(address)
            return int(probe.getsockname()[1])
    except socket.gaierror as error:
        raise Usage(f"--host {host}: {error.strerror}") from None
    except PermissionError:
        raise Usage(f"port {port} needs more rights than this user has", "choose one from 1024 on") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise Usage(f"--host {host} is no address of this machine") from None
        return None


def host_cpus() -> int:
    """The machine's, or what this process, or the container it is in, may use when that is less; 1 at least."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for paths in CPU_LIMITS:
        try:
            quota, period = " ".join(Path(path).read_text() for path in paths).split()
            if int(quota) > 0:
                cpus = min(cpus, max(1, int(quota) // int(period)))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return cpus


def host_memory_mb() -> int:
    """The machine's, or what the container may use when that is less."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in MEMORY_LIMITS:
        try:
            memory = min(memory, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return memory >> 20
