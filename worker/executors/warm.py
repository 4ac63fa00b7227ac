"""The node's end of a warm runner: starts it below a warden of its own, writes requests, reads answers.

`runner.py` is the other end. Knows nothing of runs, limits or outcomes; `python.py` does.
"""

import contextlib
import os
import select
import sys
import threading
import time
from pathlib import Path

import orjson

from worker.stage import folder as scratch_folder
from worker.supervise import Launch, Message, Warden

START_MEMORY_MIB = 512
"""Until the first run says how much it may have."""


class Runner:
    """One runner process: requests in, answers out. Dead once `alive` is False."""

    def __init__(self, mark: dict[str, str], callables: str, folder: Path) -> None:
        scratch_folder.prepare(folder)
        self.folder = folder
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        self.bell, bell = os.pipe()
        theirs = (requests, answers, bell)
        self.warden = Warden(mark, keep=theirs)
        for end in theirs:
            os.close(end)
        os.set_blocking(self._answers, False)
        os.set_blocking(self.bell, False)
        boot = f"import sys; sys.path[:] = {sys.path!r}; from worker.executors.runner import main; main()"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            "FLOTILLA_CALLABLES": callables,
            "PYTHONUNBUFFERED": "1",
            **mark,
        }
        self.shape = (START_MEMORY_MIB, 1000)
        launch = Launch(
            argv=(sys.executable, "-c", boot, *map(str, theirs)),
            env=environment,
            cwd=str(folder),
            memory_mib=self.shape[0],
            cpu_milli=self.shape[1],
            grace_s=0.0,
            watch=False,
        )
        self.warden.start(launch)
        self.alive = True
        self.pid = 0
        self.peak_rss = 0
        self.cpu_s = (0.0, 0.0)
        self.used_at = time.monotonic()
        self.last: list[Message] = []
        self._sending = threading.Lock()
        self._rest = b""

    def send(self, line: bytes) -> None:
        """From any thread. A dead runner shows itself elsewhere."""
        data = memoryview(line)
        with self._sending, contextlib.suppress(OSError):
            while data and self._requests >= 0:
                data = data[os.write(self._requests, data) :]

    def answers(self) -> list[Message]:
        """What has been answered by now; does not wait."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.bell, 4096)
        try:
            data = os.read(self._answers, 1 << 20)
        except BlockingIOError:
            return []
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [orjson.loads(line) for line in whole]

    def shaped(self, memory_mib: int, cpu_milli: int) -> None:
        if self.shape != (memory_mib, cpu_milli):
            self.shape = (memory_mib, cpu_milli)
            self.warden.limit(memory_mib=memory_mib, cpu_milli=cpu_milli)

    def wait(self, timeout_s: float) -> list[Message]:
        """Until the bell rings or the warden tells something; what it tells."""
        poller = select.poll()
        poller.register(self.bell, select.POLLIN)
        poller.register(self.warden.socket, select.POLLIN)
        for fd, _ in poller.poll(timeout_s * 1000):
            if fd != self.bell:
                return self.heard()
        return []

    def heard(self) -> list[Message]:
        messages = self.warden.told()
        self.last = messages
        for message in messages:
            self.pid = message.get("pid", self.pid)
        if not messages or any("ended" in message or "refused" in message for message in messages):
            self.alive = False
        return messages

    def close(self) -> None:
        if self._requests < 0:
            return
        self.alive = False
        self.warden.close()
        with self._sending:
            for end in (self._requests, self._answers, self.bell):
                os.close(end)
            self._requests = -1
        scratch_folder.remove(self.folder)
