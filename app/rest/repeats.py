"""Is this POST a repeat? The `Idempotency-Key` header, and what it is compared by."""

import hashlib

from flask import request

from app.domain import limits
from app.rest.problems import BadParameters
from app.services.submit import Key

HEADER = "Idempotency-Key"


def key(route: str) -> Key | None:
    """`route` names the request that the key is for; the body is compared byte for byte. None without the header."""
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not 1 <= len(text) <= limits.MAX_IDEMPOTENCY_KEY or not text.isprintable():
        raise BadParameters({HEADER: f"must have 1 to {limits.MAX_IDEMPOTENCY_KEY} printable characters"})
    return Key(route=route, key=text, body_hash=hashlib.sha256(request.get_data()).hexdigest())
