"""How many requests a second may one caller make? By token, else by address; nodes' own calls are not counted.

A write counts as several reads, and a token that is not good as many of them: guessing is slow, and everybody else's
requests from that address go on.
"""

import math
import time
from collections.abc import Mapping
from typing import Any, Final

from flask import Flask, Response, g, request
from flask_limiter import Limiter, RequestLimit
from flask_limiter.errors import RateLimitExceeded

from app.domain.errors import TooMany
from app.rest import counters, nodes, problems

MEMORY: Final = f"{counters.SCHEME}://"
WRITE_COST: Final = 5
REFUSAL_COST: Final = 100
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: Flask, rate: str, storage_url: str, options: Mapping[str, Any]) -> None:
    """After the gate, which says who calls. `rate` as `5000/second`; `options` are those of the storage."""
    limiter = Limiter(
        _caller,
        app=app,
        application_limits=[rate],
        application_limits_cost=_cost,
        storage_uri=storage_url,
        storage_options=dict(options),
        strategy="fixed-window",
        on_breach=_breached,
        in_memory_fallback=[] if storage_url == MEMORY else [rate],
    )
    limiter.exempt(nodes.routes)
    app.register_error_handler(RateLimitExceeded, _refuse)


def _caller() -> str:
    if "who" not in g:
        return f"address {request.remote_addr}"
    return f"token {g.who.token_id}" if g.who.token_id else f"{g.who.name} {request.remote_addr}"


def _cost() -> int:
    if "refusal" in g:
        return REFUSAL_COST
    return 1 if request.method in _READING else WRITE_COST


def _breached(limit: RequestLimit) -> None:
    g.free_at = limit.window.reset_time


def _refuse(error: RateLimitExceeded) -> Response:
    wait_s = max(1, math.ceil(g.free_at - time.time()))
    detail = f"too many requests: {error.description} is allowed, and a write counts as {WRITE_COST}"
    return problems.answer(TooMany(detail, wait_s))
