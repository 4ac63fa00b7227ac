"""What the server listens to, so that a thousand connections on which nothing happens cost nothing.

waitress's own loop asks every connection before each wait whether it wants to be read or written: 2 us each, with a
thousand nodes three quarters of all the work. Here the kernel keeps what each one wants (epoll), and only those are
asked again that may have changed their mind: where something has come, and those that a thread says it has changed.
"""

import select
import time
from contextlib import suppress
from typing import Any, Final

from waitress import wasyncore
from waitress.channel import HTTPChannel

_READ: Final = select.EPOLLIN | select.EPOLLPRI
_ALL_S: Final = 1.0
"""So often all are asked: waitress closes connections that have been silent for long by a mark on them."""


class Sockets(dict[int, Any]):
    """waitress's map of everything it polls, by descriptor. But for `note` it belongs to the thread of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._wants: dict[int, int] = {}
        self._unsure: set[int] = set()
        self._listeners: set[int] = set()
        self._all_at = 0.0

    def __setitem__(self, fd: int, socket: Any) -> None:
        super().__setitem__(fd, socket)
        self._unsure.add(fd)

    def __delitem__(self, fd: int) -> None:
        super().__delitem__(fd)
        self._listeners.discard(fd)
        self._want(fd, 0)

    def note(self, fd: int) -> None:
        """It may want something else from now on. From any thread; the loop has to be woken after it."""
        self._unsure.add(fd)

    def step(self, timeout_s: float, *, ask_all: bool = False) -> None:
        """Waits once, and does what there is to do."""
        now = time.monotonic()
        if ask_all or now >= self._all_at:
            self._unsure.update(self)
            self._all_at = now + _ALL_S
        self._unsure |= self._listeners
        for _ in range(len(self._unsure)):
            self._ask(self._unsure.pop())  # taken out before it is asked: what is noted from here on is not lost
        for fd, found in self._epoll.poll(timeout_s):
            socket = self.get(fd)
            if socket is not None:
                self._unsure.add(fd)
                wasyncore.readwrite(socket, found)

    def _ask(self, fd: int) -> None:
        socket = self.get(fd)
        if socket is None:  # closed meanwhile
            return
        wanted = _READ if socket.readable() else 0
        if not isinstance(socket, HTTPChannel):  # it does waitress's housekeeping when it is asked
            self._listeners.add(fd)
        if socket.writable() and not socket.accepting:
            wanted |= select.EPOLLOUT
        self._want(fd, wanted)

    def _want(self, fd: int, wanted: int) -> None:
        known = self._wants.pop(fd, 0)
        if wanted:
            self._wants[fd] = wanted
        if wanted == known:
            return
        if not known:
            self._epoll.register(fd, wanted)
        elif wanted:
            self._epoll.modify(fd, wanted)
        else:
            with suppress(OSError):  # it has been closed already
                self._epoll.unregister(fd)
