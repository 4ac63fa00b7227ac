"""How is a transfer ended from outside, wherever it waits? A cancel or the time cap pulls; the transfer ends at once.

Whoever waits does so in `wait`, in `aside`, or on a socket that is held here: `pull` wakes all of them.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")
LOOK_S = 0.05


class Pulled(Exception):
    """The transfer was told to end."""


class OutOfTime(Exception):
    """The transfer took longer than it may."""


class Leash:
    """One for the transfers of a run, which go one after another. `pull` may be called from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._held: socket.socket | None = None
        self._late = False

    def pull(self) -> None:
        self._end(late=False)

    def check(self) -> None:
        """Raises Pulled or OutOfTime."""
        if self._event.is_set():
            raise OutOfTime if self._late else Pulled

    def wait(self, seconds: float) -> None:
        """A pause. Raises as `check`."""
        self._event.wait(seconds)
        self.check()

    def aside(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, done in a thread that is left behind when the leash is pulled first: for what
        nobody can wake, such as a resolver. Raises as `check` too.
        """
        done = threading.Event()
        results: list[T] = []
        problems: list[Exception] = []

        def run() -> None:
            try:
                results.append(work())
            except Exception as problem:  # raised again by who waits, if anybody does
                problems.append(problem)
            finally:
                done.set()

        threading.Thread(target=run, name="flotilla-aside", daemon=True).start()
        while not done.wait(LOOK_S):
            self.check()
        if problems:
            raise problems[0]
        return results[0]

    @contextlib.contextmanager
    def holding(self, line: socket.socket) -> Iterator[None]:
        """While the block runs, what waits on this socket is woken by a pull. Raises as `check`."""
        held = line.dup()
        try:
            with self._lock:
                self._held = held
            self.check()
            yield
        finally:
            with self._lock:
                self._held = None
            held.close()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What the block does is ended when it takes longer."""
        timer = threading.Timer(seconds, self._end, kwargs={"late": True})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self, *, late: bool) -> None:
        with self._lock:
            if not self._event.is_set():
                self._late = late
                self._event.set()
            if self._held is not None:
                with contextlib.suppress(OSError):
                    self._held.shutdown(socket.SHUT_RDWR)
