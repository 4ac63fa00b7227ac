"""How is one HTTP request spoken on a connection that has been made already? Files as bodies, either way.

The client never connects by itself (`dial.py` does), follows no redirect, and nothing of an answer gets into an error.
"""

import contextlib
import http.client
import socket
from collections.abc import Iterator, Mapping
from typing import Protocol

from app.wire.addresses import Place

BLOCK_BYTES = 256 * 1024
AGENT = "flotilla-node"
NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another one later."""


class TalkError(OSError):
    """The other side broke off, or speaks something else. A repeat may help."""


class Body(Protocol):
    """What is sent; its length is in the headers."""

    def read(self, size: int = -1, /) -> bytes: ...


class Answer:
    """Status and headers; the body is read by `blocks`, once."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.size = response.length
        """Of the body, if it is said."""

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    @property
    def after_s(self) -> float | None:
        """When to ask again, if it says so in seconds."""
        text = self.header("Retry-After")
        return float(text) if text.isdecimal() else None

    def blocks(self) -> Iterator[bytes]:
        """The body as it comes. Raises TalkError when it ends too early."""
        left = self.size
        while left != 0:
            with _spoken():
                data = self._response.read1(BLOCK_BYTES if left is None else min(left, BLOCK_BYTES))
            if not data:
                if left:
                    raise TalkError(f"the answer broke off {left} bytes before its end")
                return
            left = None if left is None else left - len(data)
            yield data

    def start(self, most: int) -> bytes:
        """The first bytes of the body."""
        out = b""
        for data in self.blocks():
            out += data
            if len(out) >= most:
                break
        return out[:most]


@contextlib.contextmanager
def asked(
    line: socket.socket, place: Place, method: str, headers: Mapping[str, str], body: Body | None = None
) -> Iterator[Answer]:
    """The answer to one request. Raises TalkError, and what reading the body raises."""
    connection = http.client.HTTPConnection(place.host, place.port, blocksize=BLOCK_BYTES)
    connection.auto_open = 0
    connection.sock = line
    head = {"Host": place.netloc, "User-Agent": AGENT, "Connection": "close", **headers}
    with contextlib.closing(connection):
        with _spoken():
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before the end
                connection.request(method, place.target, body=body, headers=head)
            response = connection.getresponse()
        with contextlib.closing(response):
            yield Answer(response)


@contextlib.contextmanager
def _spoken() -> Iterator[None]:
    try:
        yield
    except http.client.RemoteDisconnected:
        raise TalkError("the connection was closed without an answer") from None
    except http.client.HTTPException as wrong:
        raise TalkError(f"the answer is not HTTP as it should be ({type(wrong).__name__})") from None
