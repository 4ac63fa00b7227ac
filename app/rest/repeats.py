"""Is this POST a repeat? The `Idempotency-Key` header, what it is compared by, and the answer that a repeat gets.

An answer with a secret in it is kept sealed by the caller's own token and key, which the store has in no readable form.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import orjson
from cryptography.fernet import Fernet, InvalidToken
from flask import Response, make_response, request

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.rest.context import core, who
from app.rest.problems import BadParameters
from app.services import repeats
from app.services.submit import Key

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_KEPT_HEADERS: Final = ("Content-Type", "ETag", "Location")
_FILES: Final = "multipart/"

View = TypeVar("View", bound=Callable[..., Any])


def key(route: str) -> Key | None:
    """`route` names the request that the key is for; the body is compared byte for byte, files by their size, since
    they are not read twice. None without the header.
    """
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not 1 <= len(text) <= limits.MAX_IDEMPOTENCY_KEY or not text.isprintable():
        raise BadParameters({HEADER: f"must have 1 to {limits.MAX_IDEMPOTENCY_KEY} printable characters"})
    files = request.mimetype.startswith(_FILES) or request.mimetype == "application/octet-stream"
    body = str(request.content_length).encode() if files else request.get_data()
    return Key(route=route, key=text, body_hash=hashlib.sha256(body).hexdigest())


class _Cover:
    """Keeps the answer as it is."""

    def __init__(self, key: str) -> None:
        self._key = key

    def close(self, text: str) -> str:
        return text

    def open(self, text: str) -> str:
        return text


class _Seal(_Cover):
    def _box(self) -> Fernet:
        secret = hashlib.sha256(orjson.dumps([self._key, request.headers.get("Authorization", "")])).digest()
        return Fernet(base64.urlsafe_b64encode(secret))

    def close(self, text: str) -> str:
        return self._box().encrypt(text.encode()).decode()

    def open(self, text: str) -> str:
        try:
            return self._box().decrypt(text).decode()
        except InvalidToken:
            detail = "this Idempotency-Key was used with another token; use a new key"
            raise Invalid([Problem("", detail)]) from None


def own(view: View) -> View:
    """The view sees to repeats by itself, in the transaction that does the work."""
    view.repeats = None  # type: ignore[attr-defined]  # read back by `once`
    return view


def sealed(view: View) -> View:
    """The view's answer has a secret in it."""
    view.repeats = _Seal  # type: ignore[attr-defined]  # read back by `once`
    return view


def once(view: View) -> Callable[..., Any]:
    """The view, done once for each key."""
    maker: Callable[[str], _Cover] | None = getattr(view, "repeats", _Cover)
    if maker is None:
        return view

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        asked = key(f"answer to {request.method} {request.full_path}")
        if asked is None:
            return view(*args, **kwargs)
        cover = maker(asked.key)
        begun = repeats.begin(core(), who(), asked)
        if begun.status is not None:
            return _again(begun.status, cover.open(begun.answer))
        try:
            made = make_response(view(*args, **kwargs))
        except BaseException:
            repeats.abandon(core(), begun)
            raise
        repeats.complete(core(), begun, made.status_code, cover.close(_text(made)))
        return made

    return answer


def _text(made: Response) -> str:
    headers = {name: made.headers[name] for name in _KEPT_HEADERS if name in made.headers}
    return orjson.dumps([headers, made.get_data(as_text=True)]).decode()


def _again(status: int, text: str) -> Response:
    headers, body = orjson.loads(text)
    return Response(body, status, {**headers, REPLAYED: "true"})
