"""Fields of the native API that marshmallow lacks, or is too lenient about: in, nothing is converted.

A boolean is no integer, "4" is no integer, 4.0 is no integer.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from app.domain.times import rfc3339 as rfc3339

_MESSAGES: Final = {
    "required": "is missing",
    "null": "must not be null",
    "invalid_uuid": "must be a UUID",
    "validator_failed": "is not valid",
}


class Strict(Schema):
    """A document that is read: unknown keys are refused, so that a typing error is one."""

    class Meta:
        unknown = "raise"

    error_messages: Mapping[str, str] = {  # type: ignore[assignment]  # a plain dict in the base class
        "unknown": "is not a key of this object",
        "type": "must be an object",
    }

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.error_messages = {**field_obj.error_messages, **_MESSAGES}


class Whole(fields.Integer):
    """An integer from `low` to `high`."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        self._wrong = f"must be an integer from {low} to {high}"
        super().__init__(validate=validate.Range(low, high, error=self._wrong), strict=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if type(value) is not int:
            raise ValidationError(self._wrong)
        return value


class Number(Whole):
    """A `Whole` of a query, where everything comes as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20):
            raise ValidationError(self._wrong)
        return int(value)


class Text(fields.String):
    """From `low` to `high` code points, none of them a control character."""

    def __init__(self, high: int, *, low: int = 1, **kwargs: Any) -> None:
        self._low, self._high = low, high
        kwargs["metadata"] = {"minLength": low, "maxLength": high, **kwargs.get("metadata", {})}
        super().__init__(**kwargs)
        self.validators = [self._check]

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a string")
        return value

    def _check(self, value: str) -> None:
        if wrong := text_problem(value, self._low, self._high):
            raise ValidationError(wrong)


def text_problem(value: Any, low: int, high: int) -> str | None:
    """What is wrong with a name or title; None when nothing is."""
    if not isinstance(value, str):
        return "must be a string"
    if not low <= len(value) <= high:
        return f"must have {low} to {high} characters, not {len(value)}"
    if not value.isprintable() and any(ord(char) < 32 or ord(char) == 127 for char in value):
        return "must have no control characters"
    return None


class Flag(fields.Boolean):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise ValidationError("must be true or false")
        return value


class Choice(fields.String):
    """One of a closed set."""

    def __init__(self, allowed: Iterable[str], **kwargs: Any) -> None:
        self._allowed = tuple(str(each) for each in allowed)
        kwargs["metadata"] = {"enum": list(self._allowed), **kwargs.get("metadata", {})}
        super().__init__(**kwargs)
        self.validators = []

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str) or value not in self._allowed:
            raise ValidationError(f"must be one of {', '.join(self._allowed)}")
        return value


class OneOf(fields.Raw):
    """A document of one of these kinds: for the OpenAPI text (`app/rest/openapi.py`). Who reads it sees which."""

    def __init__(self, *kinds: type[Schema], **kwargs: Any) -> None:
        self.kinds = kinds
        super().__init__(**kwargs)


class Object(fields.Raw):
    """Any JSON object."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        return value


class Time(fields.DateTime):
    """Out: microseconds since the epoch as RFC 3339 in UTC."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else rfc3339(value)
