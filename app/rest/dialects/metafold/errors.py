"""How does an error look here? `{code, name, description}`; what is wrong with a request's content is 400."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from flask import Response
from marshmallow import fields

from app.rest.native.schemas.shown import Shown
from app.rest.problems import Answer

_AS_400: Final = frozenset({412, 422, 428})
_NAMED: Final = 5


class ErrorShown(Shown):
    code = fields.Integer(metadata={"description": "The status."})
    name = fields.String(metadata={"description": "The status in words."})
    description = fields.String(metadata={"description": "What is wrong, where, and what is allowed."})


def render(answer: Answer) -> Response:
    status = 400 if answer.status in _AS_400 else answer.status
    document = {"code": status, "name": HTTPStatus(status).phrase, "description": _described(answer)}
    return Response(orjson.dumps(document), status, dict(answer.headers), mimetype="application/json")


def _described(answer: Answer) -> str:
    told = [_place(each) for each in answer.errors[:_NAMED]]
    more = f" (and {len(answer.errors) - _NAMED} more)" if len(answer.errors) > _NAMED else ""
    return "; ".join(told) + more if told else answer.detail


def _place(error: Mapping[str, str]) -> str:
    where = error.get("pointer", "").strip("/").replace("/", ".") or error.get("parameter", "")
    return f"{where}: {error['detail']}" if where else error["detail"]
