"""Spans at a real collector: one trace from the request that submitted a job to what its programs were told."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.domain.trace import span_of
from tests.e2e.conftest import Start
from tests.wait import wait_until

pb2 = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="the extra otel")

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


@dataclass
class Collector:
    """Takes OTLP over HTTP. `spans` by name, as the protocol has them."""

    url: str = ""
    spans: dict[str, Any] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)

    def take(self, path: str, data: bytes) -> int:
        if path != "/v1/traces":
            return 404
        request = pb2.ExportTraceServiceRequest.FromString(data)
        for resource in request.resource_spans:
            self.services |= {
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            }
            self.spans |= {span.name: span for scope in resource.scope_spans for span in scope.spans}
        return 200


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = made.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("variable", ["FLOTILLA_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_a_job_arrives_at_the_collector_as_one_trace(start: Start, collector: Collector, variable: str) -> None:
    fleet = start("--nodes", "1", **{variable: collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"})
    client = fleet.client
    client._session.headers["traceparent"] = TRACEPARENT
    script = {"argv": ["sh", "-c", 'printf \'"%s"\' "$TRACEPARENT" > "$FLOTILLA_RESULT"']}
    tasks = [
        {"name": "mesh", "executor": "command", "payload": script},
        {"name": "fail", "executor": "command", "payload": {"argv": ["false"]}},
    ]
    job = client.post("/v1/queues/@default/jobs", {"name": "film", "tasks": tasks})
    fleet.ended(job["id"])
    wanted = {"POST /v1/queues/<queue>/jobs", "job film", "task mesh", "run mesh", "task fail", "run fail"}
    wait_until(lambda: wanted <= set(collector.spans), 20, lambda: f"{set(collector.spans)}\n{fleet.logs()}")

    def ids(name: str) -> tuple[str, str, str]:
        span = collector.spans[name]
        return span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()

    assert {ids(name)[0] for name in wanted} == {TRACE}
    request = ids("POST /v1/queues/<queue>/jobs")
    assert request[2] == CALLER
    assert ids("job film")[1:] == (span_of("job", job["id"]), request[1])
    assert ids("task mesh")[2] == ids("job film")[1]
    assert ids("run mesh")[2] == ids("task mesh")[1]
    assert fleet.tasks(job["id"])["mesh"]["result"] == f"00-{TRACE}-{ids('run mesh')[1]}-01"
    run = collector.spans["run mesh"]
    assert 0 < run.end_time_unix_nano - run.start_time_unix_nano < 60e9
    assert (run.status.code, collector.spans["run fail"].status.code) == (0, 2)
    assert "exit code 1" in collector.spans["run fail"].status.message
    assert collector.services == {"flotilla"}


def test_a_collector_that_is_away_holds_up_nothing(start: Start) -> None:
    fleet = start("--nodes", "1", FLOTILLA_OTEL_ENDPOINT="http://127.0.0.1:9")
    job_id = fleet.submit([{"name": "a", "executor": "python", "payload": {"callable": "noop"}}])
    assert fleet.ended(job_id)["state"] == "succeeded"
    assert fleet.interrupt() < 15
