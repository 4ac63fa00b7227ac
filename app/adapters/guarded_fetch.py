"""A fetcher that never becomes a way into the network it stands in: what may be connected to is judged by
`app/wire/addresses.py`, all addresses of a name are, and the connection goes to one that was.
"""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from app.domain.errors import Unavailable
from app.ports.fetcher import Unfetchable
from app.wire.addresses import MOST_REDIRECTS, Gate, Place, Refused

_CONNECT_S: Final = 10.0
_SILENCE_S: Final = 20.0
_PIECE: Final = 64 << 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_UNKNOWN: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class GuardedFetcher:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def fetch(self, url: str, most: int) -> Iterator[bytes]:
        try:
            place = self._gate.read(url)
            for _ in range(MOST_REDIRECTS + 1):
                with closing(self._pool(place)) as pool, closing(_asked(pool, place)) as answer:
                    if answer.status not in _REDIRECTS:
                        yield from _content(answer, place, most)
                        return
                    place = self._gate.follow(place, answer.headers.get("Location", ""))
        except Refused as refused:
            raise Unfetchable(str(refused)) from None
        raise Unfetchable(f"{place.host} redirects more than {MOST_REDIRECTS} times")

    def _pool(self, place: Place) -> urllib3.HTTPConnectionPool:
        """To an address that was judged; the name is what the certificate is held against."""
        address = self._resolved(place)
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=_SILENCE_S)
        if place.scheme == "http":
            return urllib3.HTTPConnectionPool(address, place.port, timeout=timeout, maxsize=1)
        return urllib3.HTTPSConnectionPool(
            address, place.port, timeout=timeout, maxsize=1, server_hostname=place.host, assert_hostname=place.host
        )

    def _resolved(self, place: Place) -> str:
        try:
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except socket.gaierror as wrong:
            if wrong.errno in _UNKNOWN:
                raise Unfetchable(f"no host is known by the name {place.host}") from None
            raise Unavailable(f"the name {place.host} cannot be resolved now") from None
        addresses = [str(entry[4][0]) for entry in found]
        self._gate.judge(place, addresses)
        return addresses[0]


def _asked(pool: urllib3.HTTPConnectionPool, place: Place) -> urllib3.BaseHTTPResponse:
    headers = {"Host": place.netloc, "Accept": "*/*", "Accept-Encoding": "identity"}
    try:
        return pool.urlopen(
            "GET",
            place.target,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            assert_same_host=False,
        )
    except SSLError:
        raise Unfetchable(f"the certificate of {place.host} is not accepted") from None
    except (HTTPError, OSError):
        raise Unavailable(f"no answer from {place.host}") from None


def _content(answer: urllib3.BaseHTTPResponse, place: Place, most: int) -> Iterator[bytes]:
    if answer.status in _LATER:
        raise Unavailable(f"{place.host} answered {answer.status}")
    if answer.status != 200:
        raise Unfetchable(f"{place.host} answered {answer.status}")
    size = 0
    try:
        for piece in answer.stream(_PIECE, decode_content=False):
            size += len(piece)
            if size > most:
                raise Unfetchable(f"{place.host} sends more than {most} bytes, which is the most that is taken")
            yield piece
    except (HTTPError, OSError):
        raise Unavailable(f"{place.host} stopped in the middle") from None
