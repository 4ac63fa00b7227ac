"""Secrets: their values as read, and what else there is to say of them as answered. No value is ever answered."""

from typing import Any

from marshmallow import ValidationError, fields

from app.domain import limits
from app.ports.secrets import Secret
from app.rest.native.fields import Strict, Time, rfc3339
from app.rest.native.schemas.shown import Document, Shown, time_or_none


class Value(fields.String):
    """Anything that is text; what is wrong with it is said without it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a string")
        return value


class SecretIn(Strict):
    value = Value(
        required=True,
        metadata={
            "description": f"4 characters to {limits.MAX_SECRET_BYTES} bytes.",
            "writeOnly": True,
            "minLength": 4,
        },
    )


class SecretNameShown(Shown):
    name = fields.String(metadata={"description": "For `${{ secrets.NAME }}` in payloads and inputs of tasks."})
    createdAt = Time()
    changedAt = Time()
    changedBy = fields.String()
    lastUsedAt = Time(allow_none=True, metadata={"description": "When a run was last given it, to the minute."})

    @staticmethod
    def show(value: Secret) -> Document:
        return {
            "name": value.name,
            "createdAt": rfc3339(value.created_at_us),
            "changedAt": rfc3339(value.changed_at_us),
            "changedBy": value.changed_by,
            "lastUsedAt": time_or_none(value.used_at_us),
        }
