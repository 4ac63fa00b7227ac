"""Calls to the API: what is repeated, what is not, and whatever form the answer comes in."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from app.wire.claim import Claim
from app.wire.resources import NOTHING
from worker.api_client import Api, AwayError, Place, RefusedError

CLAIM = Claim(claim_id="c", run_ids=("r",), free=NOTHING)
BODY = b'{"nowUs": 7, "runs": []}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Script:
    """A server that answers each request with the next piece of its script; None closes the connection."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                self.requests.append(data)
                answer = self.answers.pop(0)
                if answer is None:
                    return
                for start in range(0, len(answer), 7):
                    connection.sendall(answer[start : start + 7])

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    yield made
    made.close()


@pytest.fixture
def claim(script: Script) -> Callable[[], int]:
    api = Api(script.url + "/base/", "secret")
    api.named("n")
    return lambda: api.claim(CLAIM)[0].now_us


def test_calls_share_a_connection_and_bear_the_token(script: Script, claim: Callable[[], int]) -> None:
    script.answers = [PLAIN, PLAIN]
    assert [claim(), claim()] == [7, 7]
    assert script.connections == 1
    assert script.requests[0].startswith(b"POST /base/v1/nodes/n/claims HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret\r\n" in script.requests[0]


def test_an_answer_in_chunks_is_read(script: Script, claim: Callable[[], int]) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\nTrailer: 1\r\n\r\n"
    script.answers = [chunked % (BODY[:5], len(BODY) - 5, BODY[5:]), PLAIN]
    assert [claim(), claim()] == [7, 7]
    assert script.connections == 1


def test_a_connection_that_was_closed_while_idle_is_replaced(script: Script, claim: Callable[[], int]) -> None:
    script.answers = [PLAIN, None, PLAIN]
    assert [claim(), claim()] == [7, 7]
    assert script.connections == 2


def test_a_server_that_says_close_gets_a_new_connection(script: Script, claim: Callable[[], int]) -> None:
    script.answers = [PLAIN.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), PLAIN]
    assert [claim(), claim()] == [7, 7]
    assert script.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_what_is_no_answer_is_to_be_repeated(script: Script, claim: Callable[[], int], answer: bytes | None) -> None:
    script.answers = [answer, PLAIN]
    with pytest.raises(AwayError):
        claim()
    assert claim() == 7


def test_the_wish_when_to_repeat_is_kept(script: Script, claim: Callable[[], int]) -> None:
    script.answers = [b"HTTP/1.1 503 No\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"]
    with pytest.raises(AwayError) as away:
        claim()
    assert away.value.after_s == 3


@pytest.mark.parametrize(("status", "stranger"), [(400, False), (401, True), (404, True)])
def test_a_no_is_a_no(script: Script, claim: Callable[[], int], status: int, stranger: bool) -> None:
    script.answers = [b'HTTP/1.1 %d No\r\nContent-Length: 17\r\n\r\n{"title": "nope"}' % status]
    with pytest.raises(RefusedError, match="nope") as refused:
        claim()
    assert refused.value.stranger is stranger


def test_nobody_there_is_away() -> None:
    api = Api("http://127.0.0.1:1", "")
    with pytest.raises(AwayError):
        api.claim(CLAIM)


def test_addresses() -> None:
    place = Place.parse("https://user@[::1]/x/")
    assert (place.tls, place.host, place.port, place.netloc, place.path) == (True, "::1", 443, "[::1]", "/x")
