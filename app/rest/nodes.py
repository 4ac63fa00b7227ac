"""The nodes' side of the protocol of `app.wire`: registration, claims, reports, heartbeats.

The hot path: JSON to wire objects and back by hand, one service call, nothing else.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from flask import Blueprint, Response, request

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.rest import auth, body
from app.rest.context import core
from app.services import claim as claims
from app.services import nodes as fleet
from app.services import record
from app.wire.claim import Claim
from app.wire.codec import WireError
from app.wire.heartbeat import Heartbeat, Registration
from app.wire.report import ReportBatch

T = TypeVar("T")

routes = Blueprint("fleet", __name__)

SCOPE = "runs:report"


@routes.post("/v1/nodes")
@auth.scope(SCOPE)
def register() -> Response:
    registration = _read(Registration.from_wire)
    now_us = fleet.register(core(), registration)
    clockwork = core().clockwork
    answer = {
        "nodeId": registration.node_id,
        "nowUs": now_us,
        "leaseS": clockwork.lease_s,
        "heartbeatS": clockwork.heartbeat_s,
    }
    return _answer(answer, 201)


@routes.post("/v1/nodes/<key:node_id>/claims")
@auth.scope(SCOPE)
def claim(node_id: str) -> Response:
    return _answer(claims.claim(core(), node_id, _read(Claim.from_wire)).to_wire())


@routes.post("/v1/nodes/<key:node_id>/reports")
@auth.scope(SCOPE)
def report(node_id: str) -> Response:
    """409 when every report of the batch was stale: there is nothing in it worth repeating."""
    batch = _read(ReportBatch.from_wire)
    answer = record.record(core(), node_id, batch)
    stale = set(answer.stale)
    refused = bool(batch.reports) and all(each.run_id in stale for each in batch.reports)
    return _answer(answer.to_wire(), 409 if refused else 200)


@routes.post("/v1/nodes/<key:node_id>/heartbeat")
@auth.scope(SCOPE)
def beat(node_id: str) -> Response:
    return _answer(fleet.beat(core(), node_id, _read(Heartbeat.from_wire)).to_wire())


def _read(read: Callable[[Any], T]) -> T:
    source = body.read_json(request, limits.MAX_SUBMIT_BYTES)
    if not isinstance(source, dict):
        raise Invalid([Problem("", "must be an object")])
    try:
        return read(source)
    except WireError:
        raise
    except (ValueError, TypeError, AttributeError) as wrong:
        raise Invalid([Problem("", f"has not the agreed form: {wrong}")]) from None


def _answer(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, mimetype="application/json")
