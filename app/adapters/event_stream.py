"""One who follows events: text goes in from the thread that reads the store, and out to a server, or to who walks
through it.

A server gives a sink, and then no thread of its own waits (`app/rest/streaming.py`). Who does not take what comes is
cut off, and may come back with the number of the last event that he has seen.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Final

from app.ports.live import Sink, Wish

GREETING: Final = b"retry: 2000\n\n"
"""When a browser comes back by itself; it also shows at once that the stream is open."""

_MOST_WAITING: Final = 1 << 20
_ROOM: Final = 64 << 10


class EventStream:
    """`position` is the last event it has, `current`: it has all there was when last looked. Both are the hub's."""

    def __init__(self, wish: Wish, now: float, leave: Callable[["EventStream"], None]) -> None:
        self.wish = wish
        self.position = wish.after
        self.current = False
        self.heard_at = self.asked_at = now
        self._leave = leave
        self._waiting = [GREETING]
        self._size = 0
        self._over = False
        self._sink: Sink | None = None
        self._changed = threading.Condition()

    @property
    def over(self) -> bool:
        return self._over

    @property
    def behind(self) -> bool:
        """There may be more of the past, and room for it."""
        sink = self._sink
        return not self.current and not self._over and (sink.backlog() if sink else self._size) < _ROOM

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            if not self._waiting:
                raise StopIteration
            text, self._waiting, self._size = b"".join(self._waiting), [], 0
            return text

    def pour(self, sink: Sink) -> None:
        with self._changed:
            text, self._waiting, self._size = b"".join(self._waiting), [], 0
            if not self._over and sink.write(text):
                self._sink = sink
                return
        self.close()
        sink.end()

    def put(self, text: bytes, now: float) -> None:
        self.heard_at = now
        with self._changed:
            if self._over:
                return
            if self._sink is not None:
                self._over = not self._sink.write(text)
                return
            self._waiting.append(text)
            self._size += len(text)
            self._over = self._size > _MOST_WAITING
            self._changed.notify()

    def close(self) -> None:
        """From any thread, any number of times."""
        with self._changed:
            self._over = True
            sink, self._sink = self._sink, None
            self._changed.notify()
        self._leave(self)
        if sink is not None:
            sink.end()
