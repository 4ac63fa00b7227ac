"""The decorators of this dialect, and the fields that its requests and answers have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from app.rest.blueprint import SurfaceBlueprint


class AlteryxBlueprint(SurfaceBlueprint):
    INVALID: ClassVar[int] = 400


class Switch(fields.Boolean):
    """A boolean of a query, in any case; the bare name is true."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        text = str(value).lower()
        if text not in ("", "true", "false"):
            raise ValidationError("must be true or false, or have no value")
        return text != "false"
