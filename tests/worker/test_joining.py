"""A node that has a join token becomes one for good."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from worker.host import Home, HostError
from worker.joining import token

FIRST, SECOND = "fl_aaaaaaaa_" + "x" * 43, "fl_bbbbbbbb_" + "y" * 43


class Joined(ThreadingHTTPServer):
    """Answers with these statuses in turn; remembers who asked as what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Joined

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/v1/nodes/join"
        self.server.asked.append((self.headers["Authorization"].removeprefix("Bearer "), body["nodeId"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 201
        answer = json.dumps({"token": f"token {len(self.server.asked)}", "detail": "used up"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[Joined]:
    made = Joined()
    serving = Thread(target=made.serve_forever)
    serving.start()
    yield made
    made.shutdown()
    serving.join()
    made.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(folder=tmp_path, node_id="n1", lock=-1)


def ask(server: Joined, home: Home, join_token: str, node_token: str = "") -> str:
    url = f"http://127.0.0.1:{server.server_port}"
    return token(home, server_url=url, node_token=node_token, join_token=join_token)


def test_a_join_token_is_used_once_and_its_fruit_kept_in_private(server: Joined, home: Home) -> None:
    assert ask(server, home, FIRST) == "token 1"
    assert server.asked == [(FIRST, "n1")]
    kept = home.folder / "token"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert FIRST not in kept.read_text()
    assert ask(server, home, FIRST) == "token 1", "the next start"
    assert len(server.asked) == 1
    assert ask(server, home, SECOND) == "token 2", "a new invitation"


def test_a_node_token_needs_no_joining(server: Joined, home: Home) -> None:
    assert ask(server, home, FIRST, node_token="mine") == "mine"
    assert ask(server, home, "") == ""
    assert server.asked == []


def test_an_api_that_is_away_is_waited_for(server: Joined, home: Home) -> None:
    server.statuses = [503, 503]
    assert ask(server, home, FIRST) == "token 3"


def test_a_refusal_ends_the_start(server: Joined, home: Home) -> None:
    server.statuses = [401]
    with pytest.raises(HostError, match=r"FLOTILLA_JOIN_TOKEN was refused: 401.*used up"):
        ask(server, home, FIRST)
    assert not (home.folder / "token").exists()


def test_a_broken_file_is_none(server: Joined, home: Home) -> None:
    (home.folder / "token").write_text("{")
    assert ask(server, home, FIRST) == "token 1"
