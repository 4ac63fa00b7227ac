"""Fields of this dialect's bodies. The document types numbers and flags as strings and shows them as numbers and flags:
both are read. null is the same as a field that is absent, and what the document does not name is passed over.
"""

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load

from app.domain import limits
from app.rest.native.fields import Strict, rfc3339

_SKEW_US: Final = 3600 * 1_000_000
_LARGEST: Final = 1e18
_TEXT: Final = 30
"""Characters of the longest number, flag or time that is read."""


class Body(Strict):
    class Meta:
        unknown = EXCLUDE

    @pre_load
    def _without_nulls(self, data: Any, **_: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class Amount(fields.Float):
    """A number from 0 to `high`, or one written as a string."""

    def __init__(self, high: float = _LARGEST, **kwargs: Any) -> None:
        self._high = high
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        number = _number(value)
        if number is None or not 0 <= number <= self._high:
            raise ValidationError(f"must be a number from 0 to {self._high:g}, or a string with one")
        return int(number) if number == int(number) else number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (len(value) > _TEXT or not value.isascii() or "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


class Flag(fields.Boolean):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        read = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else value
        if type(read) is not bool:
            raise ValidationError("must be true or false")
        return read


class Moment(fields.String):
    """A time as ISO 8601; in, microseconds since the epoch. A clock may be wrong by an hour, not by more."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        at_us = parse(value)
        if at_us is None:
            raise ValidationError("must be a time as 2020-03-18T21:29:15.899Z, not in the future")
        return at_us


class ShownMoment(Moment):
    """Kept for showing it again if it is a time of the past, else passed over."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        at_us = parse(value)
        return None if at_us is None or at_us > time.time() * 1e6 else at_us


def parse(value: Any) -> int | None:
    """Microseconds since the epoch; None for what is no time, or one that is still to come."""
    if not isinstance(value, str) or len(value) > _TEXT + 5:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        at_us = int(moment.timestamp() * 1_000_000)
    except (OverflowError, ValueError):
        return None
    return at_us if 0 <= at_us <= time.time() * 1e6 + _SKEW_US else None


def shown(at_us: int | None) -> str | None:
    """With milliseconds and Z."""
    return None if at_us is None else f"{rfc3339(at_us)[:23]}Z"


class Word(fields.String):
    """Up to `high` characters; whatever they are, they are shown again and not obeyed."""

    def __init__(self, high: int = limits.MAX_TASK_NAME, **kwargs: Any) -> None:
        self._high = high
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) > self._high:
            raise ValidationError(f"must be a string of at most {self._high} characters")
        return value


class Query(Schema):
    """Parameters that are not known are passed over."""

    class Meta:
        unknown = EXCLUDE
