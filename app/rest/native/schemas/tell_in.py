"""What a run may tell of itself, as read."""

from typing import Any, Final

import orjson
from marshmallow import ValidationError, fields, validate

from app.domain import limits
from app.rest.native.fields import Choice, Strict

LEVELS: Final = ("debug", "info", "warning", "error")
MOST_MESSAGES: Final = 100


class Fraction(fields.Float):
    """A number from 0 to 1, and no boolean or text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise ValidationError("must be a number from 0 to 1")
        return float(value)


class Line(fields.String):
    """Anything that is text, as a log line of the program itself may be."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value.encode()) > limits.MAX_LINE_BYTES:
            raise ValidationError(f"must be a string of at most {limits.MAX_LINE_BYTES} bytes")
        return value


class Result(fields.Raw):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if len(orjson.dumps(value)) > limits.MAX_RESULT_BYTES:
            raise ValidationError(
                f"must be at most {limits.MAX_RESULT_BYTES} bytes of JSON; send more as an output of the run"
            )
        return value


class ProgressIn(Strict):
    fraction = Fraction(data_key="progress", metadata={"description": "It never falls.", "minimum": 0, "maximum": 1})
    status_text = Line(data_key="statusText")


class SaidIn(Strict):
    text = Line(required=True)
    level = Choice(LEVELS, load_default="info")


class MessagesIn(Strict):
    messages = fields.List(fields.Nested(SaidIn), required=True, validate=validate.Length(1, MOST_MESSAGES))


class ResultIn(Strict):
    result = Result(required=True, allow_none=True, metadata={"description": "Any JSON."})
