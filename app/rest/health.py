"""Does the process live, and can it do its work? `/healthz` asks nobody; `/readyz` asks each part by its check."""

from collections.abc import Callable, Mapping

import orjson
import structlog
from flask import Blueprint, Flask, Response, current_app

from app.rest import auth

log = structlog.get_logger(__name__)

Checks = Mapping[str, Callable[[], None]]
"""By the part's name: returns when it is well, raises otherwise."""

CHECKS = "flotilla.checks"

routes = Blueprint("health", __name__)


@routes.get("/healthz")
@auth.scope(auth.PUBLIC)
def alive() -> Response:
    """The process lives"""
    return _answer({"status": "ok"}, 200)


@routes.get("/readyz")
@auth.scope(auth.PUBLIC)
def ready() -> Response:
    """Whether each part is well

    503 while one is away. What exactly is wrong goes to the log: anybody may ask here.
    """
    found = outcomes(current_app)
    well = all(outcome == "ok" for outcome in found.values())
    answer = {"status": "ok" if well else "unavailable", "checks": {name: {"status": found[name]} for name in found}}
    return _answer(answer, 200 if well else 503)


def outcomes(app: Flask) -> dict[str, str]:
    """Of each part's check: `ok`, or `failed`."""
    return {name: _outcome(name, check) for name, check in app.extensions[CHECKS].items()}


def _outcome(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as wrong:  # whatever a part raises, it is not ready
        log.warning("not ready", part=name, why=str(wrong))
        return "failed"
    return "ok"


def _answer(content: object, status: int) -> Response:
    headers = {} if status == 200 else {"Retry-After": "2"}
    return Response(orjson.dumps(content), status, headers, mimetype="application/json")
