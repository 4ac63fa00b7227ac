"""One process of the fleet under test: started, signalled by its pid, started again, and never left behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.servers import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
END_S = 10.0


class Process:
    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.command = list(command)
        self.environ = dict(environ)
        self.cwd = ROOT
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.stopped = False

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.alive, f"{self.name} runs already"
        with self.log.open("ab") as log:
            log.write(f"---- {self.name} starts at {time.monotonic():.3f}\n".encode())
            self._process = subprocess.Popen(
                self.command,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        self.stopped = False

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)
            self.stopped = number == signal.SIGSTOP or (self.stopped and number != signal.SIGCONT)

    def kill(self) -> None:
        """This process alone, at once."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(END_S)

    def kill_tree(self) -> None:
        """The process and all that descends from it, as when the power is cut."""
        if not self.alive:
            return
        below = psutil.Process(self.pid).children(recursive=True)
        for each in (psutil.Process(self.pid), *below):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.kill()
        psutil.wait_procs(below, END_S)

    def end(self, patience_s: float = END_S) -> int | None:
        """In good order; killed when it takes too long. Its exit code."""
        if self._process is None:
            return None
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(patience_s)
        self.kill_tree()
        return None

    def tail(self, lines: int = 25) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
