"""A node that has a join token becomes one for good."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from worker.host import Home, HostError
from worker.joining import Membership, Wanted, membership

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


def ask(server: Joined, home: Home, join_token: str = "", node_token: str = "", url: str | None = None) -> Membership:
    wanted = Wanted(
        server_url=f"http://127.0.0.1:{server.server_port}" if url is None else url,
        node_token=node_token,
        join_token=join_token,
        needs_broker=True,
    )
    return membership(home, wanted)


def test_a_join_token_is_used_once_and_its_fruit_kept_in_private(server: Joined, home: Home) -> None:
    assert ask(server, home, FIRST).token == "token 1"
    assert server.asked == [(FIRST, "n1")]
    kept = home.folder / "token"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert FIRST not in kept.read_text()
    assert ask(server, home, FIRST).token == "token 1", "the next start"
    assert len(server.asked) == 1
    assert ask(server, home, SECOND).token == "token 2", "a new invitation"


def test_a_node_that_has_joined_starts_again_without_being_told_anything(server: Joined, home: Home) -> None:
    first = ask(server, home, FIRST)
    assert ask(server, home, url="") == first
    assert ask(server, home, url="http://moved.example") == Membership(
        server_url="http://moved.example", token="token 1"
    )
    assert len(server.asked) == 1


def test_a_node_that_knows_no_api_says_how_to_join(server: Joined, home: Home) -> None:
    with pytest.raises(HostError, match="flotilla node --join URL --token TOKEN"):
        ask(server, home, url="")


def test_a_node_token_needs_no_joining(server: Joined, home: Home) -> None:
    assert ask(server, home, FIRST, node_token="mine").token == "mine"
    assert ask(server, home).token == ""
    assert server.asked == []


def test_an_api_that_is_away_is_waited_for(server: Joined, home: Home) -> None:
    server.statuses = [503, 503]
    assert ask(server, home, FIRST).token == "token 3"


def test_a_refusal_ends_the_start(server: Joined, home: Home) -> None:
    server.statuses = [401]
    with pytest.raises(HostError, match=r"refused the join token: used up; make a new one with `flotilla tokens join`"):
        ask(server, home, FIRST)
    assert not (home.folder / "token").exists()


def test_what_is_not_the_tokens_fault_does_not_ask_for_another(server: Joined, home: Home) -> None:
    server.statuses = [409]
    with pytest.raises(HostError, match=r"refused the join token: used up$"):
        ask(server, home, FIRST)


def test_a_broken_file_is_none(server: Joined, home: Home) -> None:
    (home.folder / "token").write_text("{")
    assert ask(server, home, FIRST).token == "token 1"
