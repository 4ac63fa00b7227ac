"""How requests reach the application: waitress with our limits, our form of errors, and a drain.

waitress is threads in one process. It reads whole requests before a thread sees them, so a slow client holds none:
bodies beyond half a megabyte go to a temporary file (in TMPDIR), never into memory. How large one may be is decided
when its headers have come, or as its chunks do: as a stored file where the address takes one, else LARGEST_BODY.
"""

import resource
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from waitress.utilities import Error, RequestEntityTooLarge

from app.rest import incoming, problems
from app.rest.sockets import Sockets
from app.rest.staying import StayingChannel

LARGEST_BODY: Final = 64 << 20
"""What is read of a body that is no file; each route has a smaller limit of its own."""

DRAIN_S: Final = 20.0
_TICK_S: Final = 1.0
_MOST_CONNECTIONS: Final = 10_000
_OTHER_FILES: Final = 200
_DRAIN_TICK_S: Final = 0.02


class ProblemTask(ErrorTask):  # type: ignore[misc]  # waitress ships no types
    """A request that waitress itself refuses (no HTTP, too large) is answered like any other."""

    def execute(self) -> None:
        refused: Error = self.request.error
        told = problems.Answer(status=refused.code, detail=str(refused.body))
        body = problems.encode(told)
        self.status = f"{refused.code} {refused.reason}"
        self.response_headers.extend([("Content-Type", problems.MEDIA_TYPE), ("X-Content-Type-Options", "nosniff")])
        if refused.code == NoRoom.code:
            self.response_headers.append(("Retry-After", str(NoRoom.retry_after_s)))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # waitress ships no types
    most: int | None = None

    def parse_header(self, header_plus: bytes) -> None:
        """A body with two lengths is two bodies to two readers: a way to smuggle a request past a proxy."""
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("a request has either Content-Length or Transfer-Encoding")

    def received(self, data: bytes) -> int:
        """Refuses a body that is too large before it is read, as far as its length is known."""
        try:
            consumed: int = super().received(data)
        except OSError as wrong:  # of the temporary file
            self._refuse(NoRoom(f"the body cannot be kept: {wrong.strerror}"))
            return len(data)
        if self.error is None and max(self.content_length, self.body_bytes_received) > LARGEST_BODY:
            if self.most is None:
                self.most = self.adj.body_limit(self.command, self.path.encode("latin-1").decode(errors="replace"))
            if max(self.content_length, self.body_bytes_received) > self.most:
                self._refuse(RequestEntityTooLarge(f"the body may have at most {self.most} bytes here"))
        elif self.error is not None:
            self.expect_continue = False
        return consumed

    def _refuse(self, error: Error) -> None:
        self.error = error
        self.completed = True
        self.expect_continue = False  # the body is not asked for


class NoRoom(Error):  # type: ignore[misc]  # waitress ships no types
    code = 503
    reason = "Service Unavailable"
    retry_after_s = 30


class Channel(StayingChannel):
    error_task_class = ProblemTask
    parser_class = StrictParser


class Server:
    """Listens as soon as it is made; `run` serves until `stop`. `on_drain` ends what would never end by itself."""

    def __init__(
        self,
        app: Flask,
        *,
        host: str,
        port: int,
        threads: int,
        largest_file: int = LARGEST_BODY,
        on_drain: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_drain = on_drain
        self._sockets = Sockets()
        self._stopping = threading.Event()
        self._server = create_server(
            app,
            map=self._sockets,
            host=host,
            port=port,
            threads=threads,
            ident=None,
            connection_limit=_most_connections(),
            recv_bytes=1 << 16,
            max_request_body_size=max(largest_file + incoming.FRAME, LARGEST_BODY) + 1,
            channel_timeout=120,
        )
        for listener in self._listeners():
            listener.channel_class = Channel
            listener.adj.body_limit = incoming.body_limit(app, LARGEST_BODY, largest_file)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [(listener.effective_host, int(listener.effective_port)) for listener in self._listeners()]

    def run(self) -> None:
        """From the main thread SIGTERM and SIGINT stop it."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGINT, self._on_signal)
        while not self._stopping.is_set():
            self._sockets.step(_TICK_S)
        self._drain()

    def stop(self) -> None:
        """Finish what is being answered, take nothing new. From any thread."""
        self._stopping.set()
        for listener in self._listeners():
            listener.pull_trigger()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _drain(self) -> None:
        """Connections close as they fall idle, so that clients with keep-alive go elsewhere."""
        for listener in self._listeners():
            listener.accepting = False
            listener.del_channel()
            listener.socket.close()
        self._on_drain()
        until = time.monotonic() + DRAIN_S
        while (open_channels := self._channels()) and time.monotonic() < until:
            for channel in open_channels:
                if not channel.requests and not channel.total_outbufs_len:
                    channel.will_close = True
            self._sockets.step(_DRAIN_TICK_S, ask_all=True)
        self._server.task_dispatcher.shutdown(timeout=1)

    def _listeners(self) -> list[Any]:
        return [each for each in self._sockets.values() if isinstance(each, BaseWSGIServer)]

    def _channels(self) -> list[Any]:
        return [each for each in self._sockets.values() if isinstance(each, HTTPChannel)]


def _most_connections() -> int:
    """As many as there may be open files, less what the rest of the process needs."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(_MOST_CONNECTIONS, max(soft - _OTHER_FILES, 16)) if soft != resource.RLIM_INFINITY else _MOST_CONNECTIONS
