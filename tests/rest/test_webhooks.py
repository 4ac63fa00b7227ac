"""Webhooks over real connections: what arrives, what is refused to be called, and what the log tells of it."""

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.adapters import postman
from app.adapters.guarded_post import GuardedPoster
from app.domain.errors import Unavailable
from app.ports.hooks import Unsendable
from app.services import deliveries
from app.wire.addresses import Gate
from tests.rest.conftest import SUBMIT, Api, noop
from tests.wait import wait_until


@dataclass
class Receiver:
    """A server that notes what it is sent and answers with `status`, or with what `says` does."""

    status: int = 200
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Location", "http://169.254.169.254/")
                self.send_header("Content-Length", "6")
                self.end_headers()
                self.wfile.write(b"secret")

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@contextmanager
def delivering(api: Api, gate: Gate) -> Iterator[None]:
    object.__setattr__(api.core, "poster", GuardedPoster(gate))
    stop = threading.Event()
    thread = threading.Thread(target=postman.deliver, args=(api.core, stop, 0.02))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)


def opened(*receivers: Receiver) -> Gate:
    return Gate.parse(allow="127.0.0.1", ports=",".join(str(each.port) for each in receivers))


def log_of(api: Api, job: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/v1/jobs/{job['id']}/deliveries").json["items"]
    return found


def cancel(api: Api, job: Mapping[str, Any]) -> None:
    assert api.post(f"/v1/jobs/{job['id']}/cancel").status_code == 200


def test_what_is_sent_arrives_signed_and_is_in_the_log(api: Api, receiver: Receiver) -> None:
    hooks = [{"url": receiver.url("/a?b=c"), "events": ["job.ended", "task.ended"], "secret": "s"}]
    with delivering(api, opened(receiver)):
        job = api.submit(noop("a"), webhooks=hooks)
        assert job["webhooks"] == [{"url": hooks[0]["url"], "events": hooks[0]["events"]}], "the secret is not shown"
        assert "secret" not in json.dumps(api.get(f"/v1/jobs/{job['id']}").json["webhooks"])
        cancel(api, job)
        wait_until(lambda: [each["state"] for each in log_of(api, job)] == ["delivered"] * 2)
    assert {headers["X-Flotilla-Event"] for _, headers, _ in receiver.got} == {"job.canceled", "task.canceled"}
    for path, headers, body in receiver.got:
        assert path == "/a?b=c"
        at, mac = (part.partition("=")[2] for part in headers["X-Flotilla-Signature"].split(","))
        assert mac == hmac.new(b"s", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["Content-Type"] == "application/json"
    first = log_of(api, job)[0]
    assert (first["attempts"], first["status"], first["detail"], first["nextAttemptAt"]) == (1, 200, None, None)
    assert first["body"]["id"] == first["id"]


def test_an_address_that_is_private_is_refused_and_the_log_says_so(api: Api, receiver: Receiver) -> None:
    gate = Gate.parse(ports=str(receiver.port))
    with delivering(api, gate):
        job = api.submit(noop("a"), webhooks=[{"url": receiver.url()}, {"url": "http://169.254.169.254/latest"}])
        cancel(api, job)
        wait_until(lambda: [each["state"] for each in log_of(api, job)] == ["refused"] * 2)
    details = [each["detail"] for each in log_of(api, job)]
    assert "a loopback address" in details[0]
    assert "a link-local address" in details[1]
    assert receiver.got == []


def test_no_redirect_is_followed_and_no_answer_is_shown(api: Api, receiver: Receiver) -> None:
    receiver.status = 302
    with delivering(api, opened(receiver)):
        job = api.submit(noop("a"), webhooks=[{"url": receiver.url()}])
        cancel(api, job)
        wait_until(lambda: log_of(api, job)[0]["status"] == 302)
    [one] = log_of(api, job)
    assert (one["state"], one["attempts"]) == ("pending", 1)
    assert "redirects" in one["detail"]
    assert "secret" not in json.dumps(one)
    assert one["nextAttemptAt"] > one["attemptedAt"]


def test_a_delivery_can_be_asked_for_again(api: Api, receiver: Receiver) -> None:
    receiver.status = 410
    with delivering(api, opened(receiver)):
        job = api.submit(noop("a"), webhooks=[{"url": receiver.url()}])
        cancel(api, job)
        wait_until(lambda: log_of(api, job)[0]["state"] == "failed")
        receiver.status = 204
        [one] = log_of(api, job)
        path = f"/v1/jobs/{job['id']}/deliveries/{one['id']}/redeliver"
        assert api.post(path, as_="viewer").status_code == 403
        assert api.post(path, as_="foreign").status_code == 404
        assert api.post(path).json["state"] == "pending"
        wait_until(lambda: log_of(api, job)[0]["state"] == "delivered")
    assert len({headers["X-Flotilla-Delivery"] for _, headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 2


def test_a_receiver_that_never_ends_holds_up_nobody(api: Api, receiver: Receiver) -> None:
    """It drips a byte now and then: each comes in time, all of them never do."""
    drip = socket.create_server(("127.0.0.1", 0))
    port = drip.getsockname()[1]
    over = threading.Event()

    def serve() -> None:
        line, _ = drip.accept()
        with line:
            while not over.wait(0.05):
                try:
                    line.sendall(b"H")
                except OSError:
                    over.set()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    poster = GuardedPoster(Gate.parse(allow="127.0.0.1", ports=str(port)), deadline_s=0.5)
    with pytest.raises(Unavailable, match=r"no answer from 127\.0\.0\.1"):
        poster.post(f"http://127.0.0.1:{port}/", {}, b"{}")
    wait_until(over.is_set, 5)
    drip.close()


def test_who_does_not_listen_is_tried_later(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    poster = GuardedPoster(Gate.parse(allow="127.0.0.1", ports=str(port)))
    with pytest.raises(Unavailable, match="refused"):
        poster.post(f"http://127.0.0.1:{port}/", {}, b"{}")
    poster = GuardedPoster(Gate.parse(allow="no-such-host.invalid"))
    with pytest.raises(Unavailable, match="not known"):
        poster.post("https://no-such-host.invalid/", {}, b"{}")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://localhost/",
        "http://user:pw@example.org/",
        "http://example.org:6379/",
        "file:///etc/passwd",
        "https://h/#@evil",
    ],
)
def test_what_may_not_be_called_is_not(url: str) -> None:
    with pytest.raises(Unsendable):
        GuardedPoster(Gate.parse()).post(url, {}, b"{}")


@pytest.mark.parametrize(
    ("hook", "pointer"),
    [
        ({}, "/webhooks/0/url"),
        ({"url": "https://h/", "events": []}, "/webhooks/0/events"),
        ({"url": "https://h/", "events": ["job.exploded"]}, "/webhooks/0/events/0"),
        ({"url": "https://h/", "events": ["job.ended", "job.ended"]}, "/webhooks/0/events"),
        ({"url": "https://h/", "secret": ""}, "/webhooks/0/secret"),
        ({"url": "https://h/", "secret": "x" * 201}, "/webhooks/0/secret"),
        ({"url": "https://h/", "more": 1}, "/webhooks/0/more"),
    ],
)
def test_a_hook_that_is_none_is_refused(shared: Api, hook: dict[str, Any], pointer: str) -> None:
    answer = shared.post("/v1/queues/@default/jobs", {"name": "j", "tasks": [], "webhooks": [hook]})
    assert answer.status_code == 422
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == [pointer]


def test_what_lies_in_the_clear_is_sealed_when_an_engine_starts(api: Api, receiver: Receiver) -> None:
    job = api.submit(noop("a"), webhooks=[{"url": receiver.url()}])
    stored = api.core.store.read(lambda tx: tx.job(job["id"]))
    assert stored
    clear = ({"url": receiver.url(), "secret": "from before"},)
    api.core.store.write(lambda tx: tx.save_webhooks(stored.seq, clear))
    with delivering(api, opened(receiver)):
        wait_until(lambda: "from before" not in str(api.core.store.read(lambda tx: tx.job(job["id"]))))
        cancel(api, job)
        wait_until(lambda: log_of(api, job)[0]["state"] == "delivered")
    [(_, headers, body)] = receiver.got
    at, mac = (part.partition("=")[2] for part in headers["X-Flotilla-Signature"].split(","))
    assert mac == hmac.new(b"from before", f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_a_secret_is_nowhere_in_the_database(api: Api, tmp_path: Path) -> None:
    job = {"name": "j", "tasks": [noop("a")], "webhooks": [{"url": "https://h.example/", "secret": "hush-hush-hush"}]}
    assert api.post("/v1/templates", {"name": "t", "job": job}, headers={"Idempotency-Key": "k"}).status_code == 201
    assert api.post(SUBMIT, job, headers={"Idempotency-Key": "k"}).status_code == 201
    api.core.store.read(lambda tx: tx.now_us)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"h.example" in written
    assert b"hush-hush-hush" not in written


def test_a_template_shows_no_secret(api: Api) -> None:
    job = {"name": "j", "tasks": [noop("a")], "webhooks": [{"url": "https://h.example/", "secret": "hush"}]}
    made = api.post("/v1/templates", {"name": "t", "job": job})
    assert made.status_code == 201
    assert "hush" not in made.text + api.get(f"/v1/templates/{made.json['id']}").text
    started = api.post(f"/v1/templates/{made.json['id']}/jobs", {}).json
    cancel(api, started)
    [letter] = deliveries.take(api.core, 1)
    assert letter.secret == "hush"


def test_the_organization_s_secret_is_its_administrator_s(api: Api) -> None:
    mine, theirs = api.get("/v1/webhooks/secret"), api.get("/v1/webhooks/secret", as_="foreign")
    assert mine.json["secret"].startswith("whsec_")
    assert mine.json != theirs.json
    assert api.get("/v1/webhooks/secret").json == mine.json
    assert api.get("/v1/webhooks/secret", as_="member").status_code == 403
