"""The intake as its threads see it: one lock, one clock, and a call when room has come back.

The event loop asks for offers and charges; slots give back from their own threads; the heartbeat pauses and holds.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from app.wire.resources import Resources
from worker.intake import Allocation, Intake


@dataclass(slots=True, kw_only=True)
class Desk:
    """`serve(run_ids, room)` is what a slot does; `on_room` is called from any thread when more may fit than before."""

    intake: Intake
    serve: Callable[[Sequence[str], Resources], None]
    on_room: Callable[[], None] = lambda: None
    popped: str = ""
    offered: tuple[str, ...] = ()
    idle_since: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def offer(self, keys: Iterable[str]) -> list[str]:
        """For the pop that is sent now."""
        with self._lock:
            out = self.intake.offer(keys, time.monotonic())
        self.offered = tuple(out)
        return out

    def widened(self, keys: Iterable[str]) -> bool:
        """Whether the pop in flight should be ended: more routes fit than it has, or nothing is to be taken."""
        with self._lock:
            fits = self.intake.fitting(keys, time.monotonic())
        return not set(fits) <= set(self.offered) or not fits

    def take(self, key: str) -> Allocation | None:
        now = time.monotonic()
        with self._lock:
            self.idle_since = now
            return self.intake.take(key, now)

    def release(self, allocation: Allocation) -> None:
        with self._lock:
            self.intake.release(allocation)
            self.idle_since = time.monotonic()
        self.on_room()

    def set(self, *, paused: bool | None = None, draining: bool | None = None) -> None:
        with self._lock:
            before = (self.intake.paused, self.intake.draining)
            self.intake.paused = self.intake.paused if paused is None else paused
            self.intake.draining = self.intake.draining if draining is None else draining
            changed = before != (self.intake.paused, self.intake.draining)
        if changed:
            self.on_room()

    def listed(self, keys: Sequence[str]) -> list[str]:
        """Of the routes with offers out those that this node can serve."""
        with self._lock:
            self.intake.listed(keys, time.monotonic())
            return [key for key in keys if self.intake.serves(key)]

    def starving(self, patience_s: float) -> str | None:
        with self._lock:
            return self.intake.starving(time.monotonic(), patience_s)

    def hold(self, key: str, for_s: float) -> None:
        with self._lock:
            self.intake.hold_for(key, time.monotonic() + for_s)

    def holding(self) -> bool:
        with self._lock:
            return self.intake.holding(time.monotonic())

    def free(self) -> Resources:
        return self.intake.free

    def idle_s(self) -> float:
        """How long there has been room while nothing was popped."""
        return time.monotonic() - self.idle_since if self.intake.open else 0.0

    @property
    def busy(self) -> int:
        return self.intake.busy
