"""Does a node get the same answers where the thread that has answered it waits for its next words?"""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from app.rest import staying
from tests.rest.conftest import NODE_ID, ROOM, Api
from tests.rest.test_server import serving
from tests.wait import wait_until

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
THREADS = 4
"""Of the server in `serving`."""


@pytest.fixture(scope="module", autouse=True)
def joined(shared: Api) -> None:
    shared.join()


@pytest.fixture(scope="module")
def address(shared: Api) -> Iterator[tuple[str, int]]:
    with serving(shared) as (_, found):
        yield found


@pytest.fixture
def long_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whatever a test sends arrives while the thread is there."""
    monkeypatch.setattr(staying, "STAY_MS", 2000)


def report(api: Api) -> bytes:
    body = json.dumps({"free": ROOM, "reports": []}).encode()
    lines = [
        f"POST /v1/nodes/{NODE_ID}/reports HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {api.tokens['node']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(connection: socket.socket) -> tuple[int, Any]:
    found = http.client.HTTPResponse(connection)
    found.begin()
    return found.status, json.loads(found.read())


def opened(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=10)


@pytest.mark.usefixtures("long_stays")
def test_one_after_another_on_one_connection(shared: Api, address: tuple[str, int]) -> None:
    with closing(opened(address)) as connection:
        seen = []
        for _ in range(20):
            connection.sendall(report(shared))
            status, said = answer(connection)
            assert status == 200
            seen.append(said["nowUs"])
    assert seen == sorted(set(seen))


@pytest.mark.usefixtures("long_stays")
def test_a_request_in_pieces_is_one(shared: Api, address: tuple[str, int]) -> None:
    with closing(opened(address)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):
            text = report(shared)
            for at in range(0, len(text), 40):
                connection.sendall(text[at : at + 40])
            assert answer(connection)[0] == 200


@pytest.mark.usefixtures("long_stays")
def test_another_address_on_the_same_connection(shared: Api, address: tuple[str, int]) -> None:
    with closing(opened(address)) as connection:
        for text in (report(shared), HEALTH, report(shared), HEALTH, HEALTH):
            connection.sendall(text)
            assert answer(connection)[0] == 200


@pytest.mark.usefixtures("long_stays")
def test_several_at_once_are_answered_in_order(shared: Api, address: tuple[str, int]) -> None:
    with closing(opened(address)) as connection:
        connection.sendall(report(shared) + report(shared) + HEALTH + report(shared))
        reader = connection.makefile("rb")
        kinds = []
        for _ in range(4):
            status = reader.readline()
            length = 0
            while line := reader.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            assert b" 200 " in status
            kinds.append("nowUs" in json.loads(reader.read(length)))
    assert kinds == [True, True, False, True]


@pytest.mark.usefixtures("long_stays")
def test_nonsense_is_refused_in_our_form_and_ends_the_connection(shared: Api, address: tuple[str, int]) -> None:
    with closing(opened(address)) as connection:
        connection.sendall(report(shared))
        assert answer(connection)[0] == 200
        connection.sendall(b"nonsense\r\n\r\n")
        status, said = answer(connection)
        assert (status, said["status"]) == (400, 400)
        assert connection.recv(1) == b""


def test_more_connections_than_threads(shared: Api, address: tuple[str, int]) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(opened(address))) for _ in range(3 * THREADS)]
        for _ in range(10):
            for connection in connections:
                connection.sendall(report(shared))
            assert {answer(connection)[0] for connection in connections} == {200}


@pytest.mark.usefixtures("long_stays")
def test_who_goes_away_leaves_nothing_behind(shared: Api) -> None:
    with serving(shared) as (server, address):
        for _ in range(THREADS + 1):
            with closing(opened(address)) as connection:
                connection.sendall(report(shared))
                assert answer(connection)[0] == 200
        wait_until(lambda: not server._channels(), 10, lambda: server._channels())


@pytest.mark.usefixtures("long_stays")
def test_a_drain_does_not_wait_for_who_says_nothing(shared: Api) -> None:
    with serving(shared) as (_, address), closing(opened(address)) as connection:
        connection.sendall(report(shared))
        assert answer(connection)[0] == 200
    # `serving` has seen the server end
