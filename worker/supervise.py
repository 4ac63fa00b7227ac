"""How does the node hold a process tree? By a warden, a small process of its own for each tree (`worker/warden.py`).

`Warden` is the node's end: it starts the process, gives it orders and hands out what it tells. `Wardens` keeps idle
ones for the next run. A warden that dies takes its tree along or leaves it to the node, which is a subreaper as well
and ends it here. Knows no run, no report and no executor.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from worker import cgroup, meter

PR_SET_CHILD_SUBREAPER = 36
RECEIVE_BYTES = 256 * 1024
IDLE_KEEP_S = 60.0
Message = dict[str, Any]  # a JSON object of the form that `warden.py` describes


def become_subreaper() -> None:
    """So that what a dead warden leaves behind comes to the node instead of to init. Children that this process has
    already are no run's, and are spared when strays are ended.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    _LIVING.update(meter.children(os.getpid()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A program to start. `watch` samples its usage; without `limit_s` it may run for ever. With `wrapped` the program
    stands around the run and dies of SIGTERM at once, so that only what is below it gets that. `last` is started when
    it was ended before its own end, by whomever, also when the node is gone: it ends what is not below it. `run` tells
    it from others that the warden is told of ahead.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    run: str = ""
    memory_mib: int
    cpu_milli: int
    grace_s: float
    limit_s: float | None = None
    stdin: str | None = None
    watch: bool = True
    wrapped: bool = False
    last: tuple[str, ...] = ()

    def to_order(self) -> Message:
        return {
            "op": "run",
            "run": self.run,
            "argv": self.argv,
            "env": self.env,
            "cwd": self.cwd,
            "stdin": self.stdin,
            "watch": self.watch,
            "limitS": self.limit_s,
            "graceS": self.grace_s,
            "memoryMib": self.memory_mib,
            "cpuMilli": self.cpu_milli,
            "wrapped": self.wrapped,
            "last": self.last,
        }


_LIVING: set[int] = set()
_STARTING = threading.Lock()


class Warden:
    """One warden process. `end` may be called from any thread; all else belongs to the slot that has it."""

    _made = 0

    def __init__(self, mark: dict[str, str], keep: Sequence[int] = ()) -> None:
        """`mark` is its environment, by which leftovers are found; `keep` are descriptors for what it starts."""
        Warden._made += 1
        ours, theirs = socket.socketpair()
        # Kombu sets a timeout for every new socket of the process while it drops a broken connection. With it the
        # warden's end would not block either: the warden would take that for the node's death.
        for end in (ours, theirs):
            end.setblocking(True)
        root = str(Path(__file__).resolve().parent.parent)
        boot = f"import sys; sys.path.insert(0, {root!r}); from worker.warden import main; main()"
        self._group = f"flotilla-{os.getpid()}-{Warden._made}"
        command = [sys.executable, "-I", "-S", "-c", boot, str(theirs.fileno()), self._group]
        with _STARTING:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                command,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", **mark},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *keep),
                start_new_session=True,
                cwd="/",
            )
            _LIVING.add(self._process.pid)
        theirs.close()
        self.socket = ours
        self.alive = True
        self.used_at = time.monotonic()
        self._sending = threading.Lock()
        self._rest = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, launch: Launch) -> None:
        self._send(launch.to_order())

    def limit(self, *, memory_mib: int, cpu_milli: int) -> None:
        self._send({"op": "limit", "memoryMib": memory_mib, "cpuMilli": cpu_milli})

    def sync(self) -> None:
        """Asks to be told `synced` after all output so far."""
        self._send({"op": "sync"})

    def end(self, why: str, grace_s: float, run: str = "") -> None:
        """`run` as it was launched. One that is still ahead is skipped, one that has ended is let be."""
        self._send({"op": "end", "run": run, "why": why, "graceS": grace_s})

    def told(self) -> list[Message]:
        """Waits for news and returns them; empty when the warden has died, and then nothing of its tree is left."""
        while self.alive:
            try:
                data = self.socket.recv(RECEIVE_BYTES)
            except OSError:
                data = b""
            if not data:
                self.bury()
                break
            *whole, self._rest = (self._rest + data).split(b"\n") if b"\n" in data else (self._rest + data,)
            if whole:
                return [orjson.loads(line) for line in whole]
        return []

    def close(self) -> None:
        """Ends the warden and whatever it has."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.bury()

    def bury(self) -> None:
        """The warden is dead or dying: no process of its tree may live on."""
        if not self.alive:
            return
        self.alive = False
        below = meter.descendants(self.pid)
        with contextlib.suppress(OSError):
            self.socket.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _LIVING.discard(self._process.pid)
        _end_orphans(below)
        cgroup.discard(self._group)

    def _send(self, message: Message) -> None:
        with self._sending, contextlib.suppress(OSError):
            self.socket.sendall(orjson.dumps(message) + b"\n")


def _end_orphans(known: list[int]) -> None:
    """Ends what a dead warden had below it: what was seen there, and what has come to the node as its subreaper."""
    for pid in known:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    with _STARTING:
        while strays := set(meter.children(os.getpid())) - _LIVING:
            for pid in strays:
                with contextlib.suppress(ProcessLookupError, PermissionError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)


class Wardens:
    """The node's wardens that wait for a program to start; the last one used is the first one taken."""

    def __init__(self, mark: dict[str, str]) -> None:
        self._mark = mark
        self._idle: deque[Warden] = deque()

    def get(self) -> Warden:
        while True:
            try:
                warden = self._idle.pop()
            except IndexError:
                return Warden(self._mark)
            if warden.alive:
                return warden

    def put(self, warden: Warden) -> None:
        if warden.alive:
            warden.used_at = time.monotonic()
            self._idle.append(warden)

    def trim(self, now: float, keep: int = 0) -> None:
        """Ends those that have been idle for long, but `keep` of them."""
        for warden in list(self._idle)[: max(0, len(self._idle) - keep)]:
            if now - warden.used_at > IDLE_KEEP_S:
                with contextlib.suppress(ValueError):  # a slot has taken it meanwhile
                    self._idle.remove(warden)
                    warden.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


@contextlib.contextmanager
def borrowed(wardens: Wardens) -> Iterator[Warden]:
    warden = wardens.get()
    try:
        yield warden
    finally:
        wardens.put(warden)
