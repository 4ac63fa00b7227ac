"""A webhook is called, and never becomes a way into the network that the engine stands in.

Where it leads is judged by `app/wire/addresses.py`, all addresses of its name are, and the connection goes to one that
was. No redirect is followed, nothing of the answer is read but its status, and all of it ends within DEADLINE_S,
however slowly the other side speaks.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Final

from app.domain.errors import Unavailable
from app.ports.hooks import Unsendable
from app.wire.addresses import Gate, Place, Refused

CONNECT_S: Final = 5.0
DEADLINE_S: Final = 15.0


class GuardedPoster:
    def __init__(self, gate: Gate, deadline_s: float = DEADLINE_S) -> None:
        self._gate = gate
        self._deadline_s = deadline_s
        self._trust = ssl.create_default_context()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            place = self._gate.read(url)
            addresses = _resolved(place)
            self._gate.judge(place, addresses)
        except Refused as refused:
            raise Unsendable(str(refused)) from None
        try:
            with self._connected(place, addresses[0]) as line:
                return _asked(line, place, headers, body)
        except ssl.SSLCertVerificationError:
            raise Unavailable(f"the certificate of {place.host} is not accepted") from None
        except (OSError, http.client.HTTPException) as problem:
            raise Unavailable(f"no answer from {place.host} ({_named(problem)})") from None

    @contextlib.contextmanager
    def _connected(self, place: Place, address: str) -> Iterator[socket.socket]:
        """To an address that was judged; the name is what the certificate is held against."""
        with contextlib.ExitStack() as stack:
            line = stack.enter_context(socket.create_connection((address, place.port), CONNECT_S))
            held = stack.enter_context(line.dup())
            timer = threading.Timer(self._deadline_s, _hang_up, [held])
            timer.daemon = True
            timer.start()
            stack.callback(timer.cancel)
            line.settimeout(self._deadline_s)
            if place.scheme == "https":
                line = stack.enter_context(self._trust.wrap_socket(line, server_hostname=place.host.rstrip(".")))
            yield line


def _hang_up(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _resolved(place: Place) -> list[str]:
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise Unavailable(f"the name {place.host} is not known now") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _asked(line: socket.socket, place: Place, headers: Mapping[str, str], body: bytes) -> int:
    connection = http.client.HTTPConnection(place.host, place.port)
    connection.auto_open = 0
    connection.sock = line
    head = {"Host": place.netloc, "Connection": "close", **headers}
    with contextlib.closing(connection):
        connection.request("POST", place.target, body=body, headers=head)
        return connection.getresponse().status


def _named(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "it took too long"
    return "the connection was refused" if isinstance(problem, ConnectionRefusedError) else "the connection broke off"
