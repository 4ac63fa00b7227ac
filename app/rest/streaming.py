"""A stream of events goes out on a connection of waitress without a thread that waits for it.

waitress gives a request a thread until its answer has been written. Here the thread writes the headers and goes on to
other requests; the request stays where it is, so that waitress leaves the connection alone, and the text is written by
the thread that has it. Whoever is at the other end is watched by the main loop: a stream is closed when he has gone.
"""

from contextlib import suppress
from typing import Any, Final

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import WSGITask

from app.ports.live import Stream
from app.services.live import POURED

_MOST_WAITING: Final = 1 << 20
"""Bytes for a client who does not read. More, and he is cut off."""

_READ_AT_ONCE: Final = 1 << 12


class StreamTask(WSGITask):  # type: ignore[misc]  # waitress ships no types
    """Answers a request; one that is answered with a stream stays open."""

    stream: Stream | None = None
    poured = False

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[POURED] = self._take
        return environ

    def _take(self, stream: Stream) -> None:
        self.stream = stream

    def service(self) -> None:
        try:
            super().service()
        except BaseException:
            if self.stream is not None:
                self.stream.close()
            raise

    def finish(self) -> None:
        if self.stream is None:
            super().finish()
            return
        if not self.wrote_header:
            self.write(b"")
        self.close_on_finish = False
        self.channel.keep_open(self)


class TaskSink:
    """What is poured in goes out as the rest of the task's answer."""

    def __init__(self, task: StreamTask) -> None:
        self._task = task
        self._channel = task.channel

    def write(self, text: bytes) -> bool:
        channel = self._channel
        if not channel.connected or channel.will_close or channel.total_outbufs_len > _MOST_WAITING:
            return False
        try:
            self._task.write(text)
        except ClientDisconnected:
            return False
        return True

    def backlog(self) -> int:
        waiting: int = self._channel.total_outbufs_len
        return waiting

    def end(self) -> None:
        if self._task.chunked_response:
            with suppress(ClientDisconnected):
                self._channel.write_soon(b"0\r\n\r\n")
        self._channel.let_go()


class StreamingChannel(HTTPChannel):  # type: ignore[misc]  # waitress ships no types
    task_class = StreamTask
    kept: StreamTask | None = None

    def keep_open(self, task: StreamTask) -> None:
        """The request is not over with its thread: waitress takes the first one off its list, and finds it again."""
        with self.requests_lock:
            self.requests[1:] = [task.request]
            self.kept = task
        if not self.connected and task.stream is not None:
            task.stream.close()

    def let_go(self) -> None:
        with self.requests_lock:
            self.requests.clear()
            self.close_when_flushed = True
        self.server.pull_trigger()

    def service(self) -> None:
        """Called once more when the request is found again: from then on the stream is on its own."""
        task = self.kept
        if task is None:
            super().service()
        elif not task.poured and task.stream is not None:
            task.poured = True
            task.stream.pour(TaskSink(task))

    def readable(self) -> bool:
        if self.kept is None:
            return bool(super().readable())
        return not self.will_close and not self.close_when_flushed

    def handle_read(self) -> None:
        """Nothing more is asked on this connection; what matters is whether it is there."""
        if self.kept is None:
            super().handle_read()
            return
        try:
            self.recv(_READ_AT_ONCE)
        except OSError:
            self.handle_close()

    def handle_close(self) -> None:
        super().handle_close()
        task = self.kept
        if task is not None and task.stream is not None:
            task.stream.close()
