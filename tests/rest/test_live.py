"""Events as they happen, on a real socket: in order, for whom they are, and without a thread for each who follows."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.adapters.event_streams import EventStreams
from app.ports.records import Event
from app.rest.server import Server
from app.services import live
from app.services.access import ORG
from tests.rest.conftest import Api, make_api, noop
from tests.wait import wait_until

THREADS = 4


@dataclass(kw_only=True)
class Follower:
    """Reads a stream until it ends, in a thread of its own."""

    address: tuple[str, int]
    path: str = "/v1/events"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    answered: Mapping[str, str] = field(default_factory=dict)
    text: bytes = b""
    ended: bool = False

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(*self.address, timeout=30)
        self.connection.request("GET", self.path, headers={"Accept": live.MEDIA_TYPE, **self.headers})
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status, self.answered = self.response.status, dict(self.response.getheaders())
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while piece := self.response.read1(65536):
                self.text += piece
        except (OSError, http.client.HTTPException):
            pass
        self.ended = True

    def events(self) -> list[dict[str, Any]]:
        """Of the frames that are whole; the id of each is the number in its data."""
        found = []
        for part in self.text.decode().split("\n\n")[:-1]:
            lines = dict(line.partition(": ")[::2] for line in part.split("\n"))
            if "data" in lines:
                event = json.loads(lines["data"])
                assert lines["id"] == str(event["seq"])
                found.append(event)
        return found

    def leave(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: self.ended, 5)
        self.response.close()
        self.connection.close()


@dataclass(kw_only=True)
class Served:
    api: Api
    server: Server
    hub: EventStreams

    def follow(self, path: str = "/v1/events", as_: str | None = "viewer", **headers: str) -> Follower:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if as_ is not None:
            sent["Authorization"] = f"Bearer {self.api.tokens[as_]}"
        return Follower(address=self.server.addresses[0], path=path, headers=sent)


@contextmanager
def serving(api: Api, **rules: Any) -> Iterator[Served]:
    hub = EventStreams(api.core.store, live.frame, **{"most": 100, "look_s": 0.02, **rules})
    object.__setattr__(api.core, "live", hub)
    server = Server(api.app, host="127.0.0.1", port=0, threads=THREADS, on_drain=hub.close)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Served(api=api, server=server, hub=hub)
    finally:
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def served(api: Api) -> Iterator[Served]:
    with serving(api) as made:
        yield made


def test_what_happens_comes_at_once_and_is_what_the_list_shows(served: Served) -> None:
    follower = served.follow()
    assert follower.status == 200
    assert follower.answered["Content-Type"].startswith("text/event-stream")
    assert follower.answered["Cache-Control"] == "no-store"
    job = served.api.submit(noop("a"))
    wait_until(lambda: any(event["jobId"] == job["id"] for event in follower.events()), 5)
    served.api.post(f"/v1/jobs/{job['id']}/cancel")
    listed = served.api.get("/v1/events").json["items"]
    wait_until(lambda: follower.events() == listed, 5, follower.events)
    follower.leave()


def test_who_comes_back_gets_what_he_missed_and_nothing_twice(served: Served) -> None:
    for _ in range(3):
        served.api.submit(noop("a"))
    listed = served.api.get("/v1/events").json["items"]
    middle = listed[2]["seq"]
    by_header = served.follow(Last_Event_ID=str(middle))
    by_query = served.follow(f"/v1/events?after={middle}")
    both = served.follow("/v1/events?after=0", Last_Event_ID=str(middle))
    served.api.submit(noop("b"))
    expected = [event for event in served.api.get("/v1/events").json["items"] if event["seq"] > middle]
    for follower in (by_header, by_query, both):
        wait_until(lambda one=follower: one.events() == expected, 5, follower.events)
        follower.leave()


def test_a_long_past_is_read_in_pages_and_the_newest_are_enough_without_a_number(served: Served) -> None:
    many = [Event(org_id=ORG, job_id="j", at_us=n, kind="job", data={"n": n}) for n in range(1700)]
    served.api.core.store.write(lambda tx: tx.add_events(many))
    follower = served.follow("/v1/events?after=0")
    wait_until(lambda: len(follower.events()) == 1700, 10, lambda: len(follower.events()))
    assert [event["data"]["n"] for event in follower.events()] == list(range(1700))
    newest = served.follow()
    wait_until(lambda: len(newest.events()) == live.RECENT, 5)
    assert newest.events()[-1]["data"] == {"n": 1699}
    follower.leave()
    newest.leave()


def test_each_follows_what_is_his(served: Served) -> None:
    job, other = served.api.submit(noop("a")), served.api.submit(noop("a"))
    of_job = served.follow(f"/v1/events?job={job['id']}")
    foreign = served.follow(as_="foreign")
    served.api.post(f"/v1/jobs/{other['id']}/cancel")
    served.api.post(f"/v1/jobs/{job['id']}/cancel")
    wait_until(lambda: len(of_job.events()) >= 2, 5)
    assert {event["jobId"] for event in of_job.events()} == {job["id"]}
    assert foreign.events() == []
    refused = served.follow(f"/v1/events?job={job['id']}", as_="foreign")
    assert refused.status == 404
    for follower in (of_job, foreign, refused):
        follower.leave()


@pytest.mark.parametrize("number", ["x", "-1", "1e3", "99999999999999999999"])
def test_a_number_that_is_none_is_refused(served: Served, number: str) -> None:
    follower = served.follow(Last_Event_ID=number)
    assert follower.status == 400
    follower.leave()


def test_streams_hold_no_threads(served: Served) -> None:
    """Twice as many as there are threads, and all other requests are answered."""
    followers = [served.follow(as_=role) for role in ("viewer", "member", "admin") for _ in range(3)]
    assert [follower.status for follower in followers] == [200] * 9
    for _ in range(20):
        started = time.monotonic()
        connection = http.client.HTTPConnection(*served.server.addresses[0], timeout=10)
        with closing(connection):
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        assert time.monotonic() - started < 5
    job = served.api.submit(noop("a"))
    for follower in followers:
        wait_until(lambda one=follower: [e["jobId"] for e in one.events()][-1:] == [job["id"]], 5)
        follower.leave()
    wait_until(lambda: served.hub.count() == 0, 5)


def test_there_is_a_most_for_each_and_for_all(api: Api) -> None:
    with serving(api, most=7) as served:
        mine = [served.follow() for _ in range(5)]
        sixth = served.follow()
        assert (sixth.status, sixth.answered["Retry-After"]) == (503, "10")
        others = [served.follow(as_="member") for _ in range(3)]
        assert [follower.status for follower in others] == [200, 200, 503]
        assert served.api.get("/v1/events?after=0").status_code == 200, "the list is there for all"
        mine.pop().leave()
        wait_until(lambda: served.hub.count() == 6, 5)
        again = served.follow()
        assert again.status == 200
        for follower in (*mine, sixth, *others, again):
            follower.leave()


def test_a_silent_stream_has_a_heartbeat(api: Api) -> None:
    with serving(api, heartbeat_s=0.05) as served:
        follower = served.follow()
        wait_until(lambda: follower.text.count(b": still here\n\n") >= 3, 5)
        follower.leave()


@pytest.mark.parametrize("how", ["revoked", "rotated", "expired"])
def test_a_stream_ends_with_its_token(api: Api, how: str) -> None:
    with serving(api, ask_again_s=0.05) as served:
        more = {"expiresInSeconds": 2} if how == "expired" else {}
        made = api.post("/v1/tokens", {"name": "t", **more}).json
        other = served.follow(as_="member")
        follower = served.follow(as_=None, Authorization=f"Bearer {made['token']}")
        assert follower.status == 200
        if how == "revoked":
            api.send("DELETE", f"/v1/tokens/{made['id']}")
        elif how == "rotated":
            api.post(f"/v1/tokens/{made['id']}/rotate")
        wait_until(lambda: follower.ended, 8)
        assert not other.ended
        other.leave()


def test_a_drain_ends_streams_well(api: Api) -> None:
    with serving(api) as served:
        follower = served.follow()
        served.server.stop()
        wait_until(lambda: follower.ended, 5)
        assert follower.response.isclosed(), "the last chunk came"
        follower.leave()


def test_who_does_not_read_is_cut_off(served: Served) -> None:
    connection = http.client.HTTPConnection(*served.server.addresses[0], timeout=30)
    headers = {"Accept": live.MEDIA_TYPE, "Authorization": f"Bearer {served.api.tokens['viewer']}"}
    connection.request("GET", "/v1/events", headers=headers)
    wait_until(lambda: served.hub.count() == 1, 5)

    def flood() -> bool:
        large = Event(org_id=ORG, job_id="j", at_us=0, kind="job", data={"x": "x" * 500_000})
        served.api.core.store.write(lambda tx: tx.add_events([large]))
        return served.hub.count() == 0

    wait_until(flood, 20)
    connection.close()


def test_a_ticket_is_good_once_for_a_browser(served: Served) -> None:
    made = served.api.post("/v1/events/tickets", as_="viewer")
    assert made.status_code == 201
    path = f"/v1/events?ticket={made.json['ticket']}"
    follower = served.follow(path, as_=None)
    assert follower.status == 200
    job = served.api.submit(noop("a"))
    wait_until(lambda: any(event["jobId"] == job["id"] for event in follower.events()), 5)
    again = served.follow(path, as_=None)
    assert again.status == 401
    for wrong in ("x", made.json["ticket"] + "x", ""):
        refused = served.follow(f"/v1/events?ticket={wrong}", as_=None)
        assert refused.status == 401
        refused.leave()
    assert served.api.get("/v1/jobs", headers={"Authorization": f"Bearer {made.json['ticket']}"}).status_code == 401
    follower.leave()
    again.leave()


def test_a_ticket_ends_with_its_token(served: Served) -> None:
    made = served.api.post("/v1/tokens", {"name": "t"}).json
    bearer = {"Authorization": f"Bearer {made['token']}"}
    ticket = served.api.post("/v1/events/tickets", headers=bearer).json["ticket"]
    served.api.send("DELETE", f"/v1/tokens/{made['id']}")
    refused = served.follow(f"/v1/events?ticket={ticket}", as_=None)
    assert refused.status == 401
    refused.leave()


def test_another_server_walks_through_the_stream(tmp_path: Path) -> None:
    """Any WSGI server can serve it, with a thread."""
    api = make_api(tmp_path)
    hub = EventStreams(api.core.store, live.frame, most=2, look_s=0.01)
    object.__setattr__(api.core, "live", hub)
    answer = api.get("/v1/events", headers={"Accept": "text/event-stream"})
    pieces: Iterator[bytes] = iter(answer.response)
    assert next(pieces).startswith(b"retry:")
    job = api.submit(noop("a"))
    assert job["id"].encode() in next(pieces)
    answer.close()
    assert hub.count() == 0
    api.core.store.close()
    api.broker.close()


def test_a_list_is_a_list_whatever_else_may_be_had(served: Served) -> None:
    for accept in ("*/*", "application/json", "text/event-stream;q=0.5, application/json"):
        answer = served.api.get("/v1/events", headers={"Accept": accept})
        assert answer.mimetype == "application/json"
    assert served.api.send("HEAD", "/v1/events", headers={"Accept": "text/event-stream"}).status_code == 200
    assert served.hub.count() == 0


def test_without_streams_there_is_the_list(api: Api) -> None:
    answer = api.get("/v1/events", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 503
