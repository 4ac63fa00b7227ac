"""Hosts that are network namespaces: made for one run of the tests, with names of its own, and removed at its end.

The bridge is in a namespace as well, so that the machine itself gets one interface more, by which the test is a host
like the others, and nothing else. A cable between two hosts is cut by giving each a wrong hardware address of the
other: what is sent goes nowhere and nobody says so, as when a switch fails.
"""

import contextlib
import ipaddress
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

import psutil

NOWHERE = "02:00:00:00:00:01"
"""A hardware address that no host has."""
RANGE = ipaddress.ip_network("198.18.0.0/15")
"""For tests of networks (RFC 2544); no host of the world has such an address."""
COMMAND_S = 20.0
END_S = 5.0
REFUSED = ("Operation not permitted", "Permission denied", "No space left on device", "Operation not supported")
"""By a kernel, or by what fences this process in."""


class NoNamespacesError(Exception):
    """The kernel lets this process make none; the text is its own."""


class ToolsMissingError(Exception):
    """iproute2 is not installed."""


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_S, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Host:
    """One namespace. `command` makes a command of one that runs in it, in the same process."""

    def __init__(self, name: str, namespace: str, address: str) -> None:
        self.name, self.namespace, self.address = name, namespace, address

    def command(self, words: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *words]

    def pids(self) -> list[int]:
        return [int(word) for word in run("ip", "netns", "pids", self.namespace).split()]

    def ip(self, *words: str) -> None:
        run("ip", "-n", self.namespace, *words)


class Network:
    """The test's own host is `here`, an address of the machine."""

    def __init__(self, *names: str) -> None:
        if shutil.which("ip") is None:
            raise ToolsMissingError("the program ip is not installed (package iproute2)")
        self._tag = f"{os.getpid():x}{time.time_ns() & 0xFFF:03x}"
        self._outer = f"fl{self._tag}"
        self._switch = f"flotilla-{self._tag}-switch"
        self._made: list[str] = []
        self.hosts: dict[str, Host] = {}
        subnet = self._free_subnet()
        addresses = iter(subnet.hosts())
        self.here, self._length = str(next(addresses)), subnet.prefixlen
        try:
            self._make_switch()
            for name in names:
                self.hosts[name] = self._make_host(name, str(next(addresses)))
        except BaseException as problem:
            self.remove()
            if any(text in str(problem) for text in REFUSED):
                raise NoNamespacesError(str(problem)) from None
            raise

    def _free_subnet(self) -> ipaddress.IPv4Network:
        """One that the machine has no route to yet."""
        taken = {line.split()[0] for line in run("ip", "-4", "route", "show").splitlines()}
        subnets = list(RANGE.subnets(new_prefix=24))
        start = os.getpid() + int(self._tag[-3:], 16)
        return next(each for n in range(512) if str(each := subnets[(start + n) % len(subnets)]) not in taken)

    def _make_switch(self) -> None:
        self._add(self._switch)
        run("ip", "-n", self._switch, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", self._switch, "link", "set", "bridge", "up")
        run("ip", "link", "add", self._outer, "type", "veth", "peer", "name", "here", "netns", self._switch)
        self._plug_in("here")
        run("ip", "address", "add", f"{self.here}/{self._length}", "dev", self._outer)
        run("ip", "link", "set", self._outer, "up")

    def _make_host(self, name: str, address: str) -> Host:
        host = Host(name, f"flotilla-{self._tag}-{name}", address)
        self._add(host.namespace)
        host.ip("link", "set", "lo", "up")
        port = f"to-{name}"[:15]
        host.ip("link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", self._switch)
        host.ip("address", "add", f"{address}/{self._length}", "dev", "eth0")
        host.ip("link", "set", "eth0", "up")
        self._plug_in(port)
        return host

    def _plug_in(self, port: str) -> None:
        run("ip", "-n", self._switch, "link", "set", port, "master", "bridge", "up")

    def _add(self, namespace: str) -> None:
        run("ip", "netns", "add", namespace)
        self._made.append(namespace)

    def remove(self) -> None:
        """With whatever still runs on the hosts."""
        for host in self.hosts.values():
            end_all(host.pids())
        for namespace in reversed(self._made):
            run("ip", "netns", "delete", namespace)
        self._made.clear()
        with contextlib.suppress(OSError):  # gone with its other end
            run("ip", "link", "delete", self._outer)


def end_all(pids: Sequence[int]) -> None:
    """Processes of a namespace of ours; SIGKILL."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
            os.kill(pid, signal.SIGKILL)
    psutil.wait_procs(found, END_S)


class Cable:
    """What connects a host with others; both directions, or nothing at all."""

    def __init__(self, host: Host, *others: Host) -> None:
        self._host, self._others = host, others

    def cut(self) -> None:
        for one, other in self._ends():
            one.ip("neighbour", "replace", other.address, "lladdr", NOWHERE, "nud", "permanent", "dev", "eth0")

    def heal(self) -> None:
        for one, other in self._ends():
            with contextlib.suppress(OSError):  # was not cut
                one.ip("neighbour", "delete", other.address, "dev", "eth0")

    def _ends(self) -> Iterator[tuple[Host, Host]]:
        for other in self._others:
            yield self._host, other
            yield other, self._host


def has_netem(host: Host) -> bool:
    """Whether the kernel can delay and lose packets by itself."""
    try:
        run("tc", "-n", host.namespace, "qdisc", "replace", "dev", "eth0", "root", "netem", "delay", "1ms")
    except (OSError, FileNotFoundError):
        return False
    run("tc", "-n", host.namespace, "qdisc", "delete", "dev", "eth0", "root")
    return True


@contextlib.contextmanager
def impaired(host: Host, delay_ms: int, loss_percent: int) -> Iterator[None]:
    """All that the host sends is delayed, and some of it lost, while the block runs."""
    tc = ("tc", "-n", host.namespace, "qdisc")
    netem = ("netem", "delay", f"{delay_ms}ms", f"{delay_ms // 4}ms", "loss", f"{loss_percent}%")
    run(*tc, "replace", "dev", "eth0", "root", *netem)
    try:
        yield
    finally:
        run(*tc, "delete", "dev", "eth0", "root")
