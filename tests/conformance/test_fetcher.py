"""Does the fetcher bring what is there, and connect to nothing that the gate does not open?"""

import socket
from collections.abc import Iterator

import pytest

from app.adapters.guarded_fetch import GuardedFetcher
from app.domain.errors import Unavailable
from app.ports.fetcher import Unfetchable
from app.wire.addresses import Gate
from tests.worker.stage.web import Web, page


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


def opened(web: Web) -> GuardedFetcher:
    return GuardedFetcher(Gate.parse(allow="127.0.0.1", ports=str(web.port)))


def content(fetcher: GuardedFetcher, url: str, most: int = 1 << 20) -> bytes:
    return b"".join(fetcher.fetch(url, most))


def test_what_is_there_is_brought(web: Web) -> None:
    web.pages["/list"] = page(b"[1, 2]")
    assert content(opened(web), f"{web.url}/list") == b"[1, 2]"
    assert web.asked[0][1]["Host"] == web.netloc


def test_a_redirect_is_followed_and_judged_anew(web: Web) -> None:
    web.pages["/a"] = page(b"", 302, Location="/b")
    web.pages["/b"] = page(b"[]")
    web.pages["/out"] = page(b"", 302, Location="http://169.254.169.254/latest")
    web.pages["/round"] = page(b"", 302, Location="/round")
    assert content(opened(web), f"{web.url}/a") == b"[]"
    with pytest.raises(Unfetchable, match="link-local"):
        content(opened(web), f"{web.url}/out")
    with pytest.raises(Unfetchable, match="redirects more than 3 times"):
        content(opened(web), f"{web.url}/round")


def test_nothing_is_connected_to_that_is_not_open(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = Gate.parse(ports=str(web.port))
    with pytest.raises(Unfetchable, match="a loopback address"):
        content(GuardedFetcher(ports), f"{web.url}/list")
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, web.port)) for host in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Unfetchable, match=r"10\.0\.0\.1 is a private address"):
        content(GuardedFetcher(ports), f"http://example.org:{web.port}/list")
    with pytest.raises(Unfetchable, match="port 6379"):
        content(GuardedFetcher(Gate.parse()), "http://example.org:6379/")
    assert web.asked == []


def test_what_may_do_later_is_told_apart_from_what_will_not(web: Web) -> None:
    web.pages["/busy"] = page(b"secret", 503)
    with pytest.raises(Unavailable, match="answered 503") as busy:
        content(opened(web), f"{web.url}/busy")
    assert "secret" not in str(busy.value)
    with pytest.raises(Unfetchable, match="answered 404"):
        content(opened(web), f"{web.url}/absent")
    gone = opened(web)
    web.close()
    with pytest.raises(Unavailable, match="no answer from 127"):
        content(gone, f"{web.url}/list")


def test_no_more_is_taken_than_asked_for(web: Web) -> None:
    web.pages["/large"] = page(b"x" * 5000)
    assert len(content(opened(web), f"{web.url}/large", 5000)) == 5000
    with pytest.raises(Unfetchable, match="more than 4999 bytes"):
        content(opened(web), f"{web.url}/large", 4999)
