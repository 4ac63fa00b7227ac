"""The server on a real socket: what HTTP itself demands, in our form, and the drain."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from flask import Response

from app.rest import auth
from app.rest.server import LARGEST_BODY, Server
from tests.rest.conftest import SUBMIT, Api, noop
from tests.wait import wait_until


@contextmanager
def serving(api: Api) -> Iterator[tuple[Server, tuple[str, int]]]:
    server = Server(api.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server, server.addresses[0]
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def address(shared: Api) -> Iterator[tuple[str, int]]:
    with serving(shared) as (_, found):
        yield found


def say(address: tuple[str, int], raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """One raw request; the answer until the server closes."""
    with closing(socket.create_connection(address, timeout=10)) as connection:
        connection.sendall(raw)
        answer = http.client.HTTPResponse(connection, method=raw.partition(b" ")[0].decode())
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([line, "Host: localhost", "Connection: close", *headers, "", ""]).encode() + body


def test_a_connection_is_kept_for_the_next_request(shared: Api, address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=10)
    header = {"Authorization": f"Bearer {shared.tokens['admin']}", "Content-Type": "application/json"}
    body = json.dumps({"name": "j", "tasks": [noop("a")]})
    with closing(connection):
        for _ in range(3):
            connection.request("POST", f"{SUBMIT}?dryRun=true", body, header)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["tasks"]) == (200, 1)
        assert connection.sock is not None


def test_a_body_in_chunks_is_read(shared: Api, address: tuple[str, int]) -> None:
    token = f"Authorization: Bearer {shared.tokens['admin']}"
    body = b'1a\r\n{"name": "j", "tasks": []}\r\n0\r\n\r\n'
    line = f"POST {SUBMIT}?dryRun=true HTTP/1.1"
    status, _, text = say(
        address, request(line, token, "Content-Type: application/json", "Transfer-Encoding: chunked", body=body)
    )
    assert status == 200, text


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (request("GET /healthz HTTP/1.1", "X: " + "x" * 300_000), 431),
        (request("POST /v1/projects HTTP/1.1", f"Content-Length: {LARGEST_BODY + 1}"), 413),
        (request("POST /v1/projects HTTP/1.1", "Content-Length: 1, 2"), 400),
        (request("POST /v1/projects HTTP/1.1", "Content-Length: -1"), 400),
        (request("POST /v1/projects HTTP/1.1", "Transfer-Encoding: gzip"), 501),
        (request("GET /v1/jobs HTTP/1.1"), 401),
        (request("TRACE /v1/jobs HTTP/1.1"), 405),
        (request("GET /../../etc/passwd HTTP/1.1"), 404),
        (request("GET http://evil/v1/nix HTTP/1.1"), 404),
    ],
)
def test_what_is_refused_is_a_problem(address: tuple[str, int], raw: bytes, status: int) -> None:
    found, headers, text = say(address, raw)
    assert (found, headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(text)["status"] == status
    assert headers["x-content-type-options"] == "nosniff"


def test_two_lengths_or_two_tokens_are_400(shared: Api, address: tuple[str, int]) -> None:
    token = f"Authorization: Bearer {shared.tokens['admin']}"
    assert say(address, request("GET /v1/jobs HTTP/1.1", token, token))[0] == 400
    both = request(
        "POST /v1/projects HTTP/1.1", token, "Content-Length: 2", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    )
    assert say(address, both)[0] == 400


def test_head_has_no_body(address: tuple[str, int]) -> None:
    status, headers, text = say(address, request("HEAD /healthz HTTP/1.1"))
    assert (status, text, headers["content-length"]) == (200, b"", "15")


def test_a_drain_finishes_what_is_being_answered_and_takes_nothing_new(api: Api) -> None:
    entered, leave = threading.Event(), threading.Event()

    @auth.scope(auth.PUBLIC)
    def slow() -> Response:
        entered.set()
        leave.wait(10)
        return Response("done" * 500_000)

    api.app.add_url_rule("/slow", view_func=slow)
    answers: list[tuple[int, int]] = []
    with serving(api) as (server, address):
        idle = http.client.HTTPConnection(*address, timeout=10)
        idle.request("GET", "/healthz")
        idle.getresponse().read()

        def ask() -> None:
            status, _, text = say(address, request("GET /slow HTTP/1.1"))
            answers.append((status, len(text)))

        asking = threading.Thread(target=ask)
        asking.start()
        assert entered.wait(10)
        server.stop()
        wait_until(lambda: refuses(address))
        leave.set()
        asking.join(10)
        assert answers == [(200, 2_000_000)]
        assert idle.sock.recv(1) == b"", "an idle connection is closed"
        idle.close()


def refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: the listener closed while this one was in its queue
        return True
    return False


def test_idle_connections_are_not_asked_again_and_again(shared: Api) -> None:
    """Of a hundred that wait only the one that speaks is looked at, and each is heard when it does."""
    health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(shared) as (server, address), ExitStack() as stack:
        connections = [stack.enter_context(closing(socket.create_connection(address, timeout=10))) for _ in range(100)]
        for connection in connections:
            connection.sendall(health)
            assert _status(connection) == 200
        wait_until(lambda: not _unsure(server), 10, lambda: _unsure(server))
        for connection in reversed(connections):
            connection.sendall(health)
            assert _status(connection) == 200


def _status(connection: socket.socket) -> int:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def _unsure(server: Server) -> list[object]:
    """Connections that the loop asks before it waits."""
    return [each for each in server._channels() if each._fileno in server._sockets._unsure]
