"""The nodes' side of the protocol of `app.wire`: registration, claims, reports, heartbeats.

The last three are the hot path: JSON to wire objects and back, one service call, nothing else. `FastLane`
answers their ordinary requests before Flask: 38 us a request outside the service instead of 133. Every other request
for these addresses (without a token, another method, OPTIONS) goes on to Flask, whose routes call the same functions.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
import structlog
from flask import Blueprint, Request, Response, request
from structlog.contextvars import bound_contextvars

from app.domain import limits
from app.domain.errors import Incompatible, Unauthorized
from app.rest import auth, body, peers, problems
from app.rest.context import core, who
from app.rest.together import Together
from app.rest.trail import Trail
from app.services import claim as claims
from app.services import joining, record, turning_away
from app.services import nodes as fleet
from app.services.core import Core
from app.wire import protocol
from app.wire.claim import Claim
from app.wire.codec import take
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Registration
from app.wire.report import ReportBatch

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger(__name__)

T = TypeVar("T")
Answer = tuple[int, bytes]
"""Status and JSON."""

SCOPE: Final = "runs:report"
HOT_ENDPOINTS: Final = frozenset({"protocol.claim", "protocol.report", "protocol.beat"})

routes = Blueprint("protocol", __name__)


@routes.post("/v1/nodes")
@auth.scope(SCOPE)
def register() -> Response:
    """A node presents itself; once a start"""
    source = body.read_json(request, limits.MAX_SUBMIT_BYTES)
    node_id = take(source, "nodeId", str)
    who().speaks_for(node_id)
    _understand(core(), node_id, source)
    registration = Registration.from_wire(source)
    told = {}
    if registration.needs_broker:
        told = {"brokerUrl": joining.broker_for_nodes(core(), is_near=peers.is_near(request))}
    now_us = fleet.register(core(), registration)
    clockwork = core().clockwork
    answer = {
        "nodeId": registration.node_id,
        "nowUs": now_us,
        "leaseS": clockwork.lease_s,
        "heartbeatS": clockwork.heartbeat_s,
        **told,
    }
    return Response(orjson.dumps(answer), 201, mimetype=_JSON)


@routes.post("/v1/nodes/<key:node_id>/claims")
@auth.scope(SCOPE)
def claim(node_id: str) -> Response:
    """A node takes runs"""
    who().speaks_for(node_id)
    return _respond(_claim(core(), node_id, request))


@routes.post("/v1/nodes/<key:node_id>/reports")
@auth.scope(SCOPE)
def report(node_id: str) -> Response:
    """News of a node's runs"""
    who().speaks_for(node_id)
    return _respond(_report(core(), node_id, request))


@routes.post("/v1/nodes/<key:node_id>/heartbeat")
@auth.scope(SCOPE)
def beat(node_id: str) -> Response:
    """A node is alive"""
    who().speaks_for(node_id)
    return _respond(_beat(core(), node_id, request))


def _claim(core: Core, node_id: str, request: Request) -> Answer:
    return 200, claims.claim(core, node_id, _read(request, Claim.from_wire)).encoded()


def _report(core: Core, node_id: str, request: Request) -> Answer:
    """409 when every report of the batch was stale: there is nothing in it worth repeating."""
    batch = _read(request, ReportBatch.from_wire)
    answer = record.record(core, node_id, batch)
    stale = set(answer.stale)
    refused = bool(batch.reports) and all(each.run_id in stale for each in batch.reports)
    return 409 if refused else 200, answer.encoded()


def _beat(core: Core, node_id: str, request: Request) -> Answer:
    return 200, fleet.beat(core, node_id, _heard(core, node_id, request)).encoded()


def _heard(core: Core, node_id: str, request: Request) -> Heartbeat:
    source = body.read_json(request, limits.MAX_SUBMIT_BYTES)
    _understand(core, node_id, source)
    return Heartbeat.from_wire(source)


def _understand(core: Core, node_id: str, source: Any) -> None:
    """Before anything else of a message is read: another form of it may mean anything. Raises Incompatible."""
    number = protocol.spoken(source)
    if why := protocol.mismatch(number):
        turning_away.turn_away(core, node_id, number, why, source)
        raise Incompatible(why)


_JSON: Final = "application/json"
_HOT: Final[Mapping[str, Callable[[Core, str, Request], Answer]]] = {
    "claims": _claim,
    "reports": _report,
    "heartbeat": _beat,
}
_STATUS_LINES: Final = {200: "200 OK", 409: "409 CONFLICT"}


def _read(request: Request, read: Callable[[Any], T]) -> T:
    return read(body.read_json(request, limits.MAX_SUBMIT_BYTES))


def _respond(answer: Answer) -> Response:
    return Response(answer[1], answer[0], mimetype=_JSON)


class FastLane:
    """A WSGI application around Flask's."""

    def __init__(
        self,
        app: "WSGIApplication",
        core: Core,
        gate: auth.Gate,
        trail: Trail,
        headers: Iterable[tuple[str, str]],
    ) -> None:
        self._app, self._core, self._gate, self._trail = app, core, gate, trail
        self._headers = [("Content-Type", _JSON), *headers]
        self._beats: Together[tuple[str, Heartbeat], HeartbeatAnswer] = Together(
            partial(fleet.beats, core), alike=lambda one: one[0]
        )
        self._hot = {**_HOT, "heartbeat": self._beat}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        parts = path.split("/")
        if (
            len(parts) != 5
            or parts[4] not in _HOT
            or not path.startswith("/v1/nodes/")
            or environ["REQUEST_METHOD"] != "POST"
            or "HTTP_AUTHORIZATION" not in environ
            or "HTTP_X_REQUEST_ID" in environ
            or not (parts[3] and parts[3].isascii() and parts[3].isprintable())
        ):
            return self._app(environ, start_response)
        request = Request(environ)
        try:
            who = self._gate.admit(self._core, auth.bearer(request))
            who.require(SCOPE)
            who.speaks_for(parts[3])
            status, text = self._hot[parts[4]](self._core, parts[3], request)
        except Exception as error:  # the table of problems has a row for each
            if isinstance(error, Unauthorized):
                auth.note_refusal(self._trail, request, environ["HTTP_AUTHORIZATION"].partition(" ")[2])
            with bound_contextvars(request_id=problems.request_id(request), node_id=parts[3]):
                refused = problems.respond(error, request)
            refused.headers.extend([*self._headers[1:], ("X-Request-Id", problems.request_id(request))])
            return refused(environ, start_response)
        start_response(_STATUS_LINES[status], [*self._headers, ("Content-Length", str(len(text)))])
        return [text]

    def _beat(self, core: Core, node_id: str, request: Request) -> Answer:
        """Answered when it is written, together with those of other nodes that came at the same time."""
        return 200, self._beats.ask((node_id, _heard(core, node_id, request))).encoded()
