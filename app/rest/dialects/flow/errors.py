"""How does an error look here? `{title, detail}`, with the statuses of the document and those of HTTP itself."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from flask import Response
from marshmallow import fields

from app.rest.native.schemas.shown import Shown
from app.rest.problems import Answer

_AS_400: Final = frozenset({409, 412, 422, 428})
_NAMED: Final = 5


class ErrorShown(Shown):
    title = fields.String(required=True)
    detail = fields.String(required=True, metadata={"description": "What is wrong, where, and what is allowed."})
    developerMessage = fields.String(metadata={"description": "With 429 only."})


def render(answer: Answer) -> Response:
    status = 400 if answer.status in _AS_400 else answer.status
    document = {"title": HTTPStatus(status).phrase, "detail": _detail(answer)}
    if status == 429:
        document["developerMessage"] = answer.detail
    return Response(orjson.dumps(document), status, dict(answer.headers), mimetype="application/json")


def _detail(answer: Answer) -> str:
    """There is one text only, so that the places are in it."""
    told = [_place(each) for each in answer.errors[:_NAMED] if each.get("pointer") or each.get("parameter")]
    if not told:
        return answer.detail
    more = f" (and {len(answer.errors) - _NAMED} more)" if len(answer.errors) > _NAMED else ""
    return "; ".join(told) + more


def _place(error: Mapping[str, str]) -> str:
    return f"{error.get('pointer') or error.get('parameter')}: {error.get('detail', '')}"
