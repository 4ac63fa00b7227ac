"""How does `flotilla up` keep its processes alive, and how does it end them?

A child has a process group of its own, so that the terminal's Ctrl-C reaches `up` alone; it dies with `up` however that
dies; its output goes straight to a file of bounded size. A child that ended is started again, at once the first time,
then after growing pauses. One thread only: `preexec_fn` is not safe with more.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 30.0
"""A child that lived this long starts its pauses anew."""
MISUSED = 2
"""The exit code of a program of ours that was told something wrong: the same again would be wrong again."""
LARGEST_LOG = 16 << 20
LOG_KEPT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`keep` are file descriptors that it holds open as long as it lives."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    keep: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class Child:
    """One program, and the process that is it at present."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    falls: int = 0
    """Ends since it was last steady."""

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def pause_s(self) -> float:
        """From its last end to its next start."""
        return PAUSES_S[min(max(self.falls - 1, 0), len(PAUSES_S) - 1)]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # the commands are ours
                self.program.command,
                env=dict(self.program.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                pass_fds=self.program.keep,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        self.started_at = time.monotonic()

    def step(self, now: float) -> int | None:
        """Starts it again when that is due. The exit code when it has ended since the last step, else None."""
        if self.process is None:
            if now >= self.start_again_at:
                self.start()
            return None
        code = self.process.poll()
        if code is None:
            _bound(self.log)
            return None
        self.falls = 0 if now - self.started_at >= STEADY_S else self.falls + 1
        self.process = None
        self.start_again_at = now + self.pause_s
        if not self.pause_s:
            self.start()
        return code

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def tail(self, count: int = 12) -> str:
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 8192))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
        return ""


def end(children: Sequence[Child], patience_s: float, hurried: Callable[[], bool]) -> list[str]:
    """Asks them to end, then kills; `hurried` cuts the waiting short. The names of those that were killed."""
    for child in children:
        child.send(signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while not all(child.ended() for child in children) and time.monotonic() < deadline and not hurried():
        time.sleep(0.02)
    forced = [child.program.name for child in children if not child.ended()]
    for child in children:
        child.send(signal.SIGKILL)
    for child in children:
        if child.process is not None:
            child.process.wait()
    return forced


def _bound(log: Path) -> None:
    """The child appends to the file it has open, so what is old is copied aside and the file itself cut to nothing."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > LARGEST_LOG:
            shutil.copyfile(log, log.with_suffix(f".log.{LOG_KEPT}"))
            os.truncate(log, 0)


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For a child to get this signal when its parent is gone. Linux only; elsewhere it lives on."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)

    return ask
