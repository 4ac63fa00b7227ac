"""How does an error look here? `{message, modelState}`, with the statuses that the document and its clients know."""

from collections.abc import Mapping
from typing import Final

import orjson
from flask import Response
from marshmallow import fields

from app.rest.native.schemas.shown import Shown
from app.rest.problems import Answer

_STATUS: Final[Mapping[int, int]] = {403: 401, 409: 400, 412: 400, 416: 400, 422: 400, 428: 400}
"""401 is the only refusal there is; what the content or the present state does not allow is 400."""

REFUSED: Final = {"WWW-Authenticate": 'Bearer realm="flotilla"'}


class ErrorShown(Shown):
    message = fields.String(required=True)
    modelState = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        metadata={"description": "What is wrong with each field, by its path in the body or its name in the query."},
    )


def render(answer: Answer) -> Response:
    status = _STATUS.get(answer.status, answer.status)
    headers = dict(answer.headers) if status != 401 else {**REFUSED, **answer.headers}
    message = f"{answer.title}: {answer.detail}" if status == 404 else answer.detail  # clients look for those words
    body = orjson.dumps({"message": message, "modelState": _model_state(answer)})
    return Response(body, status, headers, mimetype="application/json")


def _model_state(answer: Answer) -> Mapping[str, list[str]]:
    state: dict[str, list[str]] = {}
    for each in answer.errors:
        steps = each["pointer"].split("/")[1:] if "pointer" in each else [each.get("parameter", "")]
        path = ".".join(step.replace("~1", "/").replace("~0", "~") for step in steps)
        state.setdefault(path or "request", []).append(each.get("detail", ""))
    return state
