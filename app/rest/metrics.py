"""Measurements for Prometheus: `/metrics` shows the whole installation, whichever web process is asked.

What is under way is asked of the store, at most every FRESH_S and however often somebody asks; counters are the tallies
that all processes put there. This process's own are the durations of its requests. Labels are bounded: queues, tags and
executors beyond MOST_LABELS are `other`, and there is never an id among them.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from app.rest import auth
from app.rest.measured import measured
from app.services import measures
from app.services.core import Core

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SCOPE: Final = "metrics:read"
FRESH_S: Final = 2.0
REGISTRY: Final = "flotilla.metrics"
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
_ROUTE: Final = "flotilla.route"
_NO_ROUTE: Final = "none"
_NODES: Final = "/v1/nodes/"
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

routes = Blueprint("metrics", __name__)


def _as_text(view: Callable[[], Response]) -> Callable[[], Response]:
    view.answers = "text/plain"  # type: ignore[attr-defined]  # read back by `app.rest.openapi`
    return view


@routes.get("/metrics")
@auth.scope(SCOPE)
@_as_text
def show() -> Response:
    """Measurements in the text format of Prometheus"""
    return Response(generate_latest(current_app.extensions[REGISTRY]), content_type=CONTENT_TYPE_LATEST)


class StoreCollector(Collector):
    def __init__(self, core: Core) -> None:
        self._core = core
        self._turn = threading.Lock()
        self._read_at = -FRESH_S
        self._found: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that the store is not asked before somebody asks for it."""
        return []

    def collect(self) -> Iterator[Metric]:
        with self._turn:
            if time.monotonic() - self._read_at >= FRESH_S:
                self._found = list(measured(measures.measure(self._core)))
                self._read_at = time.monotonic()
            yield from self._found


class Timed:
    """A WSGI application around all others: how long each request took, by its route, and never by its address."""

    def __init__(self, app: "WSGIApplication", registry: CollectorRegistry) -> None:
        self._app = app
        self._took = Histogram(
            "flotilla_http_request_duration_seconds",
            "Time until a request was answered, by the route's template",
            ("method", "route", "status"),
            buckets=BOUNDS_S,
            registry=registry,
        )
        self._children: dict[tuple[str, str, str], Any] = {}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        began = time.perf_counter()
        statuses: list[str] = []

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            statuses.append(status[:1])
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        answer = self._app(environ, note)
        key = (_method(environ), _route(environ), f"{statuses[-1]}xx" if statuses else "5xx")
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._took.labels(*key)
        child.observe(time.perf_counter() - began)
        return answer


def _method(environ: "WSGIEnvironment") -> str:
    method: str = environ["REQUEST_METHOD"]
    return method if method in _METHODS else "other"


def _route(environ: "WSGIEnvironment") -> str:
    """As Flask has found it; the hot routes of nodes are answered before Flask."""
    known: str | None = environ.get(_ROUTE)
    if known is not None:
        return known
    path: str = environ["PATH_INFO"]
    last = path.rpartition("/")[2]
    hot = path.startswith(_NODES) and path.count("/") == 4 and last in ("claims", "reports", "heartbeat")
    return f"{_NODES}<key:node_id>/{last}" if hot else _NO_ROUTE


def install(app: Flask, core: Core) -> CollectorRegistry:
    """The last one around the application."""
    registry = app.extensions[REGISTRY] = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(StoreCollector(core))

    def note_route() -> None:
        request.environ[_ROUTE] = request.url_rule.rule if request.url_rule else _NO_ROUTE

    app.before_request_funcs.setdefault(None, []).insert(0, note_route)
    app.wsgi_app = Timed(app.wsgi_app, registry)  # type: ignore[method-assign]  # Flask's own way
    return registry


@contextmanager
def on_own_port(app: Flask, host: str, port: int) -> Iterator[int]:
    """While the block runs they are also shown there, without a token. Raises OSError when the port is taken."""
    server, thread = start_http_server(port, host, app.extensions[REGISTRY])
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
