"""Times in queries: ISO 8601 as microseconds since the epoch. Without an offset they are UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from marshmallow import ValidationError, fields

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = (1 << 62) - 1


class Instant(fields.DateTime):
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            # A plus sign that nobody encoded arrives as a blank.
            at = datetime.fromisoformat(str(value).replace(" ", "+", 1) if "T" in str(value) else str(value))
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
            return (at - _EPOCH) // timedelta(microseconds=1)
        except (ValueError, OverflowError):
            raise ValidationError("must be a time in ISO 8601, as 2026-01-31T12:00:00Z") from None
