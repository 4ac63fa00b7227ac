"""The questions of a workflow: as shown, and how answers come in."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from marshmallow import ValidationError, fields

from app.domain import limits
from app.domain.template import Question, QuestionType
from app.rest.native.schemas.shown import Document, Shown

_TYPES: Mapping[QuestionType, str] = {
    QuestionType.TEXT: "QuestionTextBox",
    QuestionType.NUMBER: "QuestionNumericUpDown",
    QuestionType.INTEGER: "QuestionNumericUpDown",
    QuestionType.BOOLEAN: "QuestionCheckBox",
    QuestionType.CHOICE: "QuestionDropDown",
    QuestionType.DATE: "QuestionDate",
}


class ItemShown(Shown):
    key = fields.String(required=True)
    value = fields.String(required=True)

    @staticmethod
    def show(value: str) -> Document:
        return {"key": value, "value": value}


class QuestionShown(Shown):
    name = fields.String(required=True)
    questionType = fields.String(required=True, metadata={"description": f"{', '.join(sorted({*_TYPES.values()}))}."})
    description = fields.String(required=True)
    value = fields.String(required=True, metadata={"description": "The default; JSON where it is no text."})
    multiple = fields.Boolean(required=True)
    items = fields.List(fields.Nested(ItemShown), required=True, metadata={"description": "The choices."})
    id = fields.String(required=True, metadata={"description": "The name."})
    type = fields.String(required=True, metadata={"description": "The native type."})
    required = fields.Boolean(required=True)
    defaultValue = fields.String(required=True, allow_none=True)

    @staticmethod
    def show(value: Question) -> Document:
        default = _text(value.default)
        return {
            "name": value.name,
            "questionType": "QuestionListBox" if value.multiple else _TYPES[value.type],
            "description": value.description,
            "value": default or "",
            "multiple": value.multiple,
            "items": [ItemShown.show(each) for each in value.choices],
            "id": value.name,
            "type": value.type,
            "required": value.required,
            "defaultValue": default,
        }


FORMS: Final = {
    "description": "A list of {name, value} or an object of values by name.",
    "oneOf": [
        {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "value": {}},
                "additionalProperties": False,
            },
        },
        {"type": "object"},
        {"type": "null"},
    ],
}


class Answers(fields.Raw):
    """Either way it becomes the object."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, metadata=FORMS, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Mapping[str, Any]:
        if isinstance(value, dict):
            found = value
        elif isinstance(value, list):
            found = _of_list(value)
        else:
            raise ValidationError("must be a list of {name, value} or an object of values by name")
        if (size := len(orjson.dumps(found))) > limits.MAX_PAYLOAD_BYTES:
            raise ValidationError(f"have {size} bytes of JSON; at most {limits.MAX_PAYLOAD_BYTES} are allowed")
        return found


def _of_list(given: list[Any]) -> dict[str, Any]:
    wrong: dict[int, list[str]] = {}
    found: dict[str, Any] = {}
    for index, each in enumerate(given):
        if not isinstance(each, dict) or set(each) - {"value"} != {"name"} or not isinstance(each["name"], str):
            wrong[index] = ["must be {name, value}"]
        elif each["name"] in found:
            wrong[index] = ["answers a question that is answered before it in the list"]
        else:
            found[each["name"]] = each.get("value")
        if len(wrong) >= limits.MAX_PROBLEMS:
            break
    if wrong:
        raise ValidationError(wrong)
    return found


def _text(default: Any) -> str | None:
    if default is None or isinstance(default, str):
        return default
    return orjson.dumps(default).decode()
