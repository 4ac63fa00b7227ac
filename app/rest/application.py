"""The Flask application: what holds for every request, and the surfaces that are put together.

At every request: an id, its caller let in, and headers that keep a browser from doing anything with an answer.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import orjson
import structlog
from flask import Flask, Response, g, request
from flask.json.provider import JSONProvider
from werkzeug.routing import BaseConverter

from app.rest import auth, dialects, health, logged, metrics, native, nodes, problems, rates, surface, tracing
from app.rest.context import CORE, TRAIL, trail
from app.rest.dialects.slashes import Slashes
from app.rest.trail import Trail, entry_of
from app.services.core import Core

log = structlog.get_logger(__name__)

HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)
"""A view that needs others sets them itself."""

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

TOO_MANY: Final = 429
"""A flood that was turned away is in no log: it must not fill the disk."""

NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LONGEST_KEY: Final = 200


class Id(BaseConverter):
    """An id in a path. What is no UUID becomes one that nothing has, so that all wrong ids are answered alike."""

    def to_python(self, value: str) -> str:
        return value.lower() if _UUID.fullmatch(value) else NOBODY


class Key(BaseConverter):
    """An id in a path that need not be a UUID: as `Id`, for what no store could hold."""

    def to_python(self, value: str) -> str:
        return value if len(value) <= _LONGEST_KEY and value.isprintable() else NOBODY


class OrjsonProvider(JSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def build(
    core: Core,
    *,
    anonymous_role: str = "",
    allowed_hosts: Sequence[str] = (),
    checks: health.Checks | None = None,
    own_guard: frozenset[str] = frozenset(),
    dialect_names: Collection[str] | None = None,
    rate: str = "",
    rate_counts: tuple[str, Mapping[str, Any]] = (rates.MEMORY, {}),
    region: str = "us",
    query_tokens: bool = True,
    more: Sequence[Callable[[auth.GuardedFlask, auth.Gate], None]] = (),
) -> auth.GuardedFlask:
    """`dialect_names` are the dialects that are served; None: all of them. `allowed_hosts` are the Host headers that
    are answered; empty: any. `own_guard` as in GuardedFlask, `rate` and its storage as in `rates.install`; empty: none.
    `region` is what the dialect flow calls this installation's; `query_tokens`: in threekit's a query may have one.
    `more` is put in beside the API.
    """
    app = auth.GuardedFlask("app.rest", static_folder=None, own_guard=own_guard)
    app.extensions[CORE] = core
    app.extensions[health.CHECKS] = checks or {}
    app.json = OrjsonProvider(app)
    app.config["FLOTILLA_REGION"] = region
    app.config["FLOTILLA_QUERY_TOKENS"] = query_tokens
    app.config["TRUSTED_HOSTS"] = list(allowed_hosts) or None
    app.url_map.merge_slashes = False
    app.url_map.converters.update(id=Id, key=Key)
    app.after_request(_finish)
    problems.install(app)
    app.extensions[TRAIL] = notes = Trail(core)
    gate = auth.Gate(anonymous_role, on_use=notes.note_use)
    auth.install(app, gate, notes)
    logged.install(app)
    tracing.install(app, core.tracer)
    if rate:
        rates.install(app, rate, *rate_counts)
    auth.install_check(app)
    app.register_blueprint(nodes.routes)
    app.register_blueprint(health.routes)
    app.register_blueprint(metrics.routes)
    surface.install(app, native.SURFACE, core.version)
    spoken = [each for each in dialects.SURFACES if dialect_names is None or each.name in dialect_names]
    for each in spoken:
        surface.install(app, each, core.version)
    for install in more:
        install(app, gate)
    app.wsgi_app = Slashes(app.wsgi_app, [p for each in spoken for p in each.prefixes])  # type: ignore[method-assign]
    app.wsgi_app = nodes.FastLane(app.wsgi_app, core, gate, notes, HEADERS)  # type: ignore[method-assign]  # Flask's own way
    metrics.install(app, core)
    return app


def _finish(response: Response) -> Response:
    headers = response.headers
    for name, value in HEADERS:
        headers.setdefault(name, value)
    headers["X-Request-Id"] = problems.request_id(request)
    if request.method not in _READING and "who" in g and response.status_code != TOO_MANY:
        _note(response)
    return response


def _note(response: Response) -> None:
    """The audit: who changed what, from where, and with what outcome. Not what nodes and runs say all the time."""
    if g.who.run_id is None and request.endpoint not in nodes.HOT_ENDPOINTS:
        trail().note(entry_of(g.who, response))
    log.info(
        "changed",
        who=g.who.name,
        org_id=g.who.org_id,
        method=request.method,
        path=request.path,
        status=response.status_code,
        address=request.remote_addr,
    )


def mounted(app: Flask) -> list[tuple[str, str]]:
    """Every route as (method, rule), for the documents and for tests."""
    return sorted(
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )
