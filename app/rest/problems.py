"""Which status does an error have, and how is it told? One table, and RFC 9457 `application/problem+json`.

`explain` turns any error into an `Answer`, which knows no format. The native API shows it by `render`; a dialect puts
its own renderer for its paths with `speak`. Nothing is unmapped: what is in no row is a fault of ours, 500.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from flask import Flask, Request, Response, current_app, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from app.domain import errors, limits
from app.wire import protocol
from app.wire.codec import WireError

log = structlog.get_logger(__name__)

_SPEAKERS = "flotilla.speakers"
_REQUEST_ID = "flotilla.request_id"
_SHOWABLE = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[errors.FlotillaError], int] = {
    errors.Invalid: 422,
    errors.Malformed: 400,
    errors.NotFound: 404,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.Conflict: 409,
    errors.Incompatible: 409,
    errors.Outdated: 412,
    errors.TooLarge: 413,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    errors.IllegalTransition: 500,
}

TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    401: "A valid token is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Not a method of this address",
    408: "The request took too long",
    409: "The present state does not allow this",
    412: "Changed by somebody else",
    413: "Too large",
    415: "Not a type that is read here",
    422: "The content is not valid",
    428: "If-Match is needed",
    429: "Too many requests",
    431: "The headers are too large",
    500: "A fault of the server",
    501: "Not implemented",
    503: "Not available now",
}

_FAULT = "the server failed; its log has the details under this request's id"


class BadParameters(errors.Malformed):
    """Query parameters or headers with wrong values, by name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {detail}" for name, detail in problems.items()))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An error in words for the caller. `errors` has one object a wrong place, at most `limits.MAX_PROBLEMS`."""

    status: int
    detail: str
    errors: tuple[Mapping[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES.get(self.status, "An error")


Renderer = Callable[[Answer], Response]


def explain(error: Exception) -> Answer:
    if isinstance(error, errors.FlotillaError):
        return _explain_ours(error)
    if isinstance(error, HTTPException):
        return _explain_http(error)
    if isinstance(error, WireError):
        return _explain_ours(errors.Invalid([errors.Problem(error.pointer, error.detail)]))
    if isinstance(error, ValidationError):
        return _explain_ours(errors.Invalid(places(messages(error))))
    return Answer(status=500, detail=_FAULT)


def _explain_ours(error: errors.FlotillaError) -> Answer:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    if status == 500:
        return Answer(status=500, detail=_FAULT)
    detail, headers, found = str(error), dict[str, str](), tuple[Mapping[str, str], ...]()
    if isinstance(error, errors.Invalid):
        found = tuple({"pointer": one.pointer, "detail": one.detail} for one in error.problems[: limits.MAX_PROBLEMS])
        if error.total > 1:
            detail = f"{error.total} places are wrong; the first: {detail}"
    elif isinstance(error, errors.Incompatible):
        found = ({"pointer": f"/{protocol.FIELD}", "detail": "not served here"},)
    elif isinstance(error, BadParameters):
        found = tuple({"parameter": name, "detail": text} for name, text in error.problems.items())
    elif isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="flotilla"'
    elif isinstance(error, errors.Unavailable | errors.TooMany):
        headers["Retry-After"] = str(error.retry_after_s)
    return Answer(status=status, detail=detail, errors=found, headers=headers)


def _explain_http(error: HTTPException) -> Answer:
    status = error.code or 500
    if status >= 500:
        return Answer(status=status, detail=_FAULT)
    headers = {name: value for name, value in error.get_headers() if name not in ("Content-Type", "Content-Length")}
    detail = {
        404: "there is nothing at this address",
        405: f"allowed here: {headers.get('Allow', 'nothing')}",
    }.get(status, error.description or TITLES.get(status, ""))
    return Answer(status=status, detail=detail, headers=headers)


def messages(error: ValidationError) -> Any:
    """marshmallow's tree of messages, with `_schema` for what belongs to no field."""
    return error.normalized_messages()  # type: ignore[no-untyped-call]  # of marshmallow


def places(messages: object, pointer: str = "") -> list[errors.Problem]:
    """marshmallow's tree of messages as pointers into the document."""
    if isinstance(messages, Mapping):
        found = []
        for key, below in messages.items():
            step = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            found += places(below, pointer + step)
        return found
    if isinstance(messages, list | tuple):
        return [problem for one in messages for problem in places(one, pointer)]
    return [errors.Problem(pointer, str(messages))]


def encode(answer: Answer) -> bytes:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": answer.title,
        "status": answer.status,
        "detail": answer.detail,
    }
    if answer.errors:
        body["errors"] = answer.errors
    return orjson.dumps(body)


def render(answer: Answer) -> Response:
    return Response(encode(answer), answer.status, answer.headers, mimetype=MEDIA_TYPE)


def respond(error: Exception, request: Request) -> Response:
    """In the native form, from outside of Flask's contexts too."""
    told = explain(error)
    if told.status == 500:
        log.error("fault", method=request.method, path=request.path, exc_info=error)
    return render(told)


def install(app: Flask) -> None:
    """Every error of the app is answered here, those of unknown addresses included."""
    app.extensions.setdefault(_SPEAKERS, [])
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """To the request under way, in the form of its surface."""
    native = respond(error, request)
    speakers: list[tuple[str, Renderer]] = current_app.extensions[_SPEAKERS]
    speaker = next((one for prefix, one in speakers if request.path.startswith(prefix)), None)
    return speaker(explain(error)) if speaker else native


def speak(app: Flask, prefix: str, renderer: Renderer) -> None:
    """Errors of addresses below `prefix` are shown by `renderer`."""
    app.extensions.setdefault(_SPEAKERS, []).append((prefix, renderer))


def request_id(request: Request) -> str:
    """The caller's own where it can be shown, else a new one; the same throughout the request."""
    known: str | None = request.environ.get(_REQUEST_ID)
    if known is None:
        given = request.headers.get("X-Request-Id", "")
        known = request.environ[_REQUEST_ID] = given if _SHOWABLE.fullmatch(given) else os.urandom(8).hex()
    return known
