"""A node's connection is waited at by the thread that has just answered on it: its next report often comes at once.

waitress reads in its main loop and answers in other threads, so that a request costs three changes of thread: to the
loop, to a thread, and to the loop again, which may look for the next one from then on. A node that runs short tasks
speaks again within a millisecond. So the thread stays with the connection for STAY_MS and reads, answers and waits by
itself, as long as nobody else wants it; the loop does not look at the connection meanwhile.
"""

import select
import time
from typing import Any, Final

from app.rest.streaming import StreamingChannel

STAY_MS: Final = 3
_READ_AT_ONCE: Final = 1 << 16
_NODES: Final = "/v1/nodes/"
_ENDS: Final = ("/reports", "/claims")


class StayingChannel(StreamingChannel):
    server: Any
    stays = False
    """Its thread reads, and not the loop."""

    def __init__(self, server: Any, *rest: Any, **more: Any) -> None:
        super().__init__(_Server(server, self), *rest, **more)

    def service(self) -> None:
        if self.kept is not None or not _worth_it(self.requests[0]):
            super().service()
            return
        self.stays = self.server.silent = True
        try:
            super().service()
            while self._heard():
                super().service()
        finally:
            self.server.silent = False
            with self.requests_lock:
                self.stays = False
                if self.connected and self.requests:
                    self.server.add_task(self)
            self.server.pull_trigger()

    def readable(self) -> bool:
        return not self.stays and super().readable()

    def _heard(self) -> bool:
        """Whether there is a request to be answered here; any other state of the connection is the loop's business."""
        poll = select.poll()
        while not (self.requests or self.will_close or self.close_when_flushed or self.total_outbufs_len):
            if not self.connected or self.server.task_dispatcher.queue:
                return False
            try:
                poll.register(self.socket, select.POLLIN)
                data = self.socket.recv(_READ_AT_ONCE) if poll.poll(STAY_MS) else b""
            except (OSError, ValueError):  # closed meanwhile
                return False
            if not data:
                return False
            self.last_activity = time.time()
            self.received(data)
        return bool(self.requests) and self.kept is None and _worth_it(self.requests[0])


class _Server:
    """The server as one of its connections sees it. `silent` while a thread stays: it finds the next request by itself,
    and the loop is woken when it leaves.
    """

    silent = False

    def __init__(self, server: Any, channel: StayingChannel) -> None:
        self._server, self._channel = server, channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def add_task(self, channel: Any) -> None:
        if not self.silent:
            self._server.add_task(channel)

    def pull_trigger(self) -> None:
        """Something of the connection has changed: the loop asks what it wants, once it is awake."""
        if not self.silent:
            if (fd := self._channel._fileno) is not None:  # it has been closed already
                self._server._map.note(fd)
            self._server.pull_trigger()


def _worth_it(request: Any) -> bool:
    return request.error is None and request.path.startswith(_NODES) and request.path.endswith(_ENDS)
