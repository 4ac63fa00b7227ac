"""Streams, measurements and webhooks of a whole installation: its processes apart, its engine, its nodes."""

import http.client
import threading
from contextlib import closing, suppress
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.conftest import Start
from tests.faults.fleet import free_port
from tests.rest.test_webhooks import Receiver
from tests.wait import wait_until

TASK = {"name": "a", "executor": "command", "payload": {"argv": ["true"]}}


def read_until(response: http.client.HTTPResponse, wanted: bytes, got: list[bytes]) -> None:
    with suppress(OSError, http.client.HTTPException):
        while wanted not in b"".join(got) and (piece := response.read1(65536)):
            got.append(piece)


@pytest.mark.timeout(180)
def test_whoever_follows_measures_or_is_called_knows_how_a_job_ended(start: Start) -> None:
    receiver = Receiver()
    port = free_port()
    fleet = start(
        "--cpus",
        "1",
        FLOTILLA_METRICS_PORT=str(port),
        FLOTILLA_FETCH_ALLOW="127.0.0.1",
        FLOTILLA_FETCH_PORTS=str(receiver.port),
    )
    place = urlsplit(fleet.url)
    stream = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    token = (fleet.data / "token").read_text().strip()
    stream.request("GET", "/v1/events", headers={"Accept": "text/event-stream", "Authorization": f"Bearer {token}"})
    response = stream.getresponse()
    assert response.status == 200
    got: list[bytes] = []
    reading = threading.Thread(target=read_until, args=(response, b'"state":"succeeded"', got), daemon=True)
    reading.start()

    body = {"name": "told", "tasks": [TASK], "webhooks": [{"url": receiver.url()}]}
    job_id = str(fleet.client.post("/v1/queues/@default/jobs", body)["id"])
    assert fleet.ended(job_id)["state"] == "succeeded"
    reading.join(10)
    assert job_id.encode() in b"".join(got)
    wait_until(lambda: receiver.got, 20)
    assert receiver.got[0][1]["X-Flotilla-Event"] == "job.succeeded"
    wait_until(lambda: fleet.client.get(f"/v1/jobs/{job_id}/deliveries")["items"][0]["state"] == "delivered", 10)

    def measured() -> str:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as own:
            own.request("GET", "/metrics")
            return own.getresponse().read().decode()

    for line in (
        'flotilla_runs_ended_total{executor="command",state="succeeded"} 1.0',
        'flotilla_nodes{state="online"} 1.0',
        'flotilla_webhook_tries_total{outcome="delivered"} 1.0',
    ):
        wait_until(lambda line=line: line in measured(), 20, measured)
    web = psutil.Process(fleet.children()["web"])
    fleet.interrupt()
    assert not web.is_running(), "an open stream holds up no drain"
    receiver.server.shutdown()
    receiver.server.server_close()
