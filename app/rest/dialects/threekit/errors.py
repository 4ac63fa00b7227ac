"""How does an error look here? `{error: {code, message}}`, with the document's codes where it has one.

No token is 403, a bad one 401. A body with wrong content, and a state that does not allow what is asked, are 422 with a
code made of what was to be done. Messages begin with the document's own words; what is wrong, and where, follows.
"""

from collections.abc import Mapping
from typing import Final

import orjson
from flask import Response, request
from marshmallow import fields

from app.rest.dialects.threekit.caller import sent_token
from app.rest.native.schemas.shown import Shown
from app.rest.problems import Answer

BASE: Final = "/api/jobs"
_AS_422: Final = frozenset({409, 412, 428})
_NAMED: Final = 5
_VERBS: Final = {"POST": "create", "PUT": "update"}
_CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    500: "internal_error",
    503: "service_unavailable",
}


class ErrorInside(Shown):
    code = fields.String(required=True, metadata={"description": "For programs."})
    message = fields.String(required=True, metadata={"description": "For people."})


class ErrorShown(Shown):
    error = fields.Nested(ErrorInside, required=True)


def render(answer: Answer) -> Response:
    status = 422 if answer.status in _AS_422 else answer.status
    if status == 401 and not sent_token():
        status = 403
    code, message = _told(status, answer)
    document = {"error": {"code": code, "message": message}}
    return Response(orjson.dumps(document), status, dict(answer.headers), mimetype="application/json")


def _told(status: int, answer: Answer) -> tuple[str, str]:
    noun = _noun()
    if status == 401:
        return "users_service_unavailable", "Error reaching users service"
    if status == 403:
        return "forbidden", "forbidden" if answer.status == 401 else f"forbidden: {answer.detail}"
    if status == 404:
        return (f"{noun}_not_found", f"{noun.capitalize()} not found") if noun else ("not_found", "Not found")
    if status == 422:
        verb = _VERBS.get(request.method, "request")
        return f"{verb}_{noun or 'job'}_error", f"{verb.capitalize()} {noun or 'job'} error: {_detail(answer)}"
    return _CODES.get(status, "error"), _detail(answer)


def _noun() -> str:
    """What the address is about."""
    path = request.path
    if path != BASE and not path.startswith(BASE + "/"):
        return ""
    first = path.removeprefix(BASE).strip("/").partition("/")[0]
    return {"tasks": "task", "runs": "run", "reports": "runs"}.get(first, "job")


def _detail(answer: Answer) -> str:
    """There is one text only, so that the places are in it."""
    told = [_place(each) for each in answer.errors[:_NAMED] if each.get("pointer") or each.get("parameter")]
    if not told:
        return answer.detail
    more = f" (and {len(answer.errors) - _NAMED} more)" if len(answer.errors) > _NAMED else ""
    return "; ".join(told) + more


def _place(error: Mapping[str, str]) -> str:
    return f"{error.get('pointer') or error.get('parameter')} {error.get('detail', '')}"
