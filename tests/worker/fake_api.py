"""An API for tests of the node: a real HTTP server that speaks the node protocol of `app.wire` and keeps what is said.

Runs are put in by the test; offers are published to a real broker by `ring`. Answers can be made to fail. Files: what
is in `links` is given out at its path, and what is put at `/v1/runs/.../outputs/...` is kept in `outputs`.
"""

import hashlib
import itertools
import json
import ssl
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from celery import Celery
from kombu import Exchange, Queue

from app.wire.claim import OFFER_TASK, Claim, ClaimAnswer, RunSpec
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Registration
from app.wire.report import Ending, Report, ReportAnswer, ReportBatch
from app.wire.resources import Resources, Route

SMALL = Resources(cpu_milli=1000, memory_mib=64)
Json = Any  # a JSON value


def make_spec(run_id: str, payload: Json, **changed: Any) -> RunSpec:
    fields: dict[str, Any] = {
        "run_id": run_id,
        "fence": 1,
        "job_id": "job",
        "task_id": f"task-{run_id}",
        "task": "name",
        "attempt": 1,
        "map_index": None,
        "executor": "command",
        "version": "",
        "payload": payload,
        "inputs": [],
        "outputs": [],
        "shape": SMALL,
        "time_limit_s": 60,
        "grace_s": 1,
        "token": "run-token",
    }
    return RunSpec(**{**fields, **changed})


def route_of(spec: RunSpec) -> Route:
    return Route(queue="@default", tag="", executor=spec.executor, version=spec.version, shape=spec.shape)


class FakeApi:
    """All state is under one lock; `endings`, `reports` and `beats` are what nodes said."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.lock = threading.RLock()
        self.runs: dict[str, RunSpec] = {}
        self.owner: dict[str, str] = {}
        self.claims: dict[str, tuple[str, ...]] = {}
        self.claimed_at: dict[str, float] = {}
        self.endings: dict[str, Ending] = {}
        self.ending_reports: dict[str, Report] = {}
        self.started_us: dict[str, int] = {}
        self.reports: list[Report] = []
        self.nodes: dict[str, Registration] = {}
        self.registrations = 0
        self.beats: list[tuple[str, Heartbeat]] = []
        self.queues: set[str] = set()
        self.cancel: set[str] = set()
        self.stale: set[str] = set()
        self.drain: set[str] = set()
        self.next_runs: list[str] = []
        self.known = True
        self.failing: int | None = None
        self.breaks_on: set[str] = set()
        self.drop_after_commit = 0
        self.calls: list[str] = []
        self.least_free: dict[str, Resources] = {}
        self.links: dict[str, bytes] = {}
        self.link_calls: list[str] = []
        self.outputs: dict[tuple[str, str], bytes] = {}
        self.output_calls: list[tuple[str, dict[str, str]]] = []
        self.file_answers: list[int] = []
        self.cuts = 0
        self.broker_url = ""
        self.join_tokens: list[str] = []
        self.turns_away = ""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                self.answer_file(*api.link(self.path))

            def do_PUT(self) -> None:
                if api.cuts:
                    api.cuts -= 1
                    self.rfile.read(1000)
                    self.close_connection = True
                    return
                data = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer_file(*api.store(self.path, dict(self.headers), data))

            def answer_file(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = api.answer(self.path, body)
                if status == 0:
                    self.close_connection = True
                    return
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        def make(port: int) -> Server:
            made = Server(("127.0.0.1", port), Handler)
            if tls:
                made.socket = tls.wrap_socket(made.socket, server_side=True)
            return made

        self._make = make
        self._server = self._make(0)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, run_id: str, payload: Json, **changed: Any) -> RunSpec:
        spec = make_spec(run_id, payload, **changed)
        with self.lock:
            self.runs[run_id] = spec
            self.queues.add(route_of(spec).key)
        return spec

    def answer(self, path: str, body: Json) -> tuple[int, Json]:
        with self.lock:
            *_, node, call = path.split("/") if path != "/v1/nodes" else ("", body["nodeId"], "register")
            self.calls.append(call)
            if self.failing is not None:
                return self.failing, {"title": "failing", "status": self.failing}
            if self.turns_away and call in ("register", "heartbeat", "join"):
                errors = [{"pointer": "/protocol", "detail": "not served here"}]
                return 409, {"title": "t", "detail": self.turns_away, "status": 409, "errors": errors}
            answer = getattr(self, f"_{call}")(node, body)
            if self.drop_after_commit and call in ("claims", "reports"):
                self.drop_after_commit -= 1
                return 0, None
            return answer if isinstance(answer, tuple) else (200, answer)

    def link(self, path: str) -> tuple[int, bytes]:
        with self.lock:
            self.link_calls.append(path)
            if self.file_answers:
                return self.file_answers.pop(0), b"secret words"
            return (200, self.links[path]) if path in self.links else (404, b"secret words")

    def give(self, path: str, data: bytes, **changed: Any) -> Json:
        """An input's source, as the API puts it into a run's spec."""
        self.links[path] = data
        checksum = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return {"asset": "a1", "link": path, "checksum": checksum, "size": len(data), "filename": "f", **changed}

    def store(self, path: str, headers: dict[str, str], data: bytes) -> tuple[int, bytes]:
        with self.lock:
            self.output_calls.append((path, headers))
            if self.file_answers:
                status = self.file_answers.pop(0)
                return status, json.dumps({"title": "Refused", "detail": "for a reason", "status": status}).encode()
            _, _, _, run_id, _, name = urlsplit(path).path.split("/")
            self.outputs[run_id, unquote(name)] = data
            asset = {"id": "asset-1", "uri": "flotilla:asset-1", "size": len(data), "filename": "f"}
            asset["checksum"] = f"sha256:{hashlib.sha256(data).hexdigest()}"
            return 201, json.dumps(asset).encode()

    def _register(self, node: str, body: Json) -> tuple[int, Json]:
        registration = Registration.from_wire(body)
        self.nodes[node] = registration
        self.registrations += 1
        self.known = True
        answer = {"nodeId": node, "nowUs": now_us(), "leaseS": 2, "heartbeatS": 0.5}
        return 201, {**answer, "brokerUrl": self.broker_url} if registration.needs_broker else answer

    def _join(self, node: str, body: Json) -> tuple[int, Json]:
        self.join_tokens.append(body["nodeId"])
        return 201, {"token": "fl_12345678_" + "x" * 43, "brokerUrl": self.broker_url if body["needsBroker"] else None}

    def _claims(self, node: str, body: Json) -> Json:
        claim = Claim.from_wire(body)
        if claim.claim_id not in self.claims:
            got = tuple(each for each in claim.run_ids if each in self.runs and each not in self.owner)
            self.claims[claim.claim_id] = got
            self._own(node, got)
        runs = tuple(self.runs[each] for each in self.claims[claim.claim_id])
        return ClaimAnswer(now_us=now_us(), runs=runs).to_wire()

    def _own(self, node: str, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            self.owner[run_id] = node
            self.claimed_at[run_id] = time.monotonic()

    def _reports(self, node: str, body: Json) -> tuple[int, Json]:
        batch = ReportBatch.from_wire(body)
        if self.breaks_on & {report.run_id for report in batch.reports}:
            return 500, {"title": "broken", "status": 500}
        handoffs: dict[str, tuple[RunSpec, ...]] = {}
        stale = [each.run_id for each in batch.reports if each.run_id in self.stale]
        for report in batch.reports:
            if report.run_id in self.stale:
                continue
            self.reports.append(report)
            if report.started_at_us is not None:
                self.started_us[report.run_id] = report.started_at_us
            if report.ending is not None and report.run_id not in self.endings:
                self.endings[report.run_id] = report.ending
                self.ending_reports[report.run_id] = report
                got, self.next_runs = self.next_runs[: report.takes], self.next_runs[report.takes :]
                if got:
                    self._own(node, got)
                    handoffs[report.run_id] = tuple(self.runs[each] for each in got)
        answer = ReportAnswer(now_us=now_us(), stale=tuple(stale), handoffs=handoffs)
        return 409 if stale and len(stale) == len(batch.reports) else 200, answer.to_wire()

    def _heartbeat(self, node: str, body: Json) -> Json:
        self.beats.append((node, Heartbeat.from_wire(body)))
        return HeartbeatAnswer(
            now_us=now_us(),
            known=self.known,
            drain=node in self.drain,
            cancel=tuple(self.cancel),
            stale=tuple(self.stale),
            queues=tuple(sorted(self.queues)),
        ).to_wire()

    def lines(self, run_id: str, stream: str | None = None) -> list[str]:
        with self.lock:
            lines = [line for report in self.reports if report.run_id == run_id for line in report.lines]
        return [line.text for line in lines if stream in (None, line.stream)]


def now_us() -> int:
    return time.time_ns() // 1000


class Bell:
    """Publishes offers as the API would."""

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("api", broker=broker_url, set_as_current=False)
        self._app.conf.broker_transport_options = {"priority_steps": [0], "global_keyprefix": "flotilla:"}
        self._ids = itertools.count()

    def ring(self, specs: Sequence[RunSpec], bundle: int = 1) -> None:
        with self._app.producer_pool.acquire(block=True) as producer:
            for start in range(0, len(specs), bundle):
                part = specs[start : start + bundle]
                key = route_of(part[0]).key
                self._app.send_task(
                    OFFER_TASK,
                    args=[[spec.run_id for spec in part]],
                    queue=Queue(key, Exchange(""), routing_key=key),
                    producer=producer,
                    ignore_result=True,
                )

    def add_consumer(self, key: str) -> None:
        self._app.control.add_consumer(key, exchange="", routing_key=key, reply=False)

    def beat(self) -> None:
        self._app.control.broadcast("flotilla_beat", reply=False)
