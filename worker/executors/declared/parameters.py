"""Are a task's parameters what its executor takes? Judged on the node before anything starts.

A small part of JSON Schema: of each parameter its type, bounds, choices and default. `schema` writes it as JSON Schema.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.wire.codec import Json, escape

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class ParametersError(ValueError):
    """Everything that is wrong, each with its JSON pointer."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer}: {detail}" for pointer, detail in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """`minimum` and `maximum` bound numbers, and the length of strings and arrays. `pattern` must match the whole of a
    string. `items` is the type of an array's items.
    """

    name: str
    type: str = "string"
    required: bool = False
    default: Json = None
    choices: tuple[Json, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: re.Pattern[str] | None = None
    items: str = ""
    description: str = ""

    @property
    def sure(self) -> bool:
        """Whether it has a value in every run."""
        return self.required or self.default is not None

    def problem(self, value: Json) -> str | None:
        """What is wrong with this value, if anything is."""
        if not _is(self.type, value):
            return f"must be {_named(self.type)}"
        if self.choices and not any(_same(value, choice) for choice in self.choices):
            return f"must be one of {', '.join(map(json.dumps, self.choices))}"
        if self.items and not all(_is(self.items, item) for item in value):
            return f"must hold nothing but items of the type {self.items}"
        if _holds_zero(value):
            return "must not hold a zero byte"
        return self._out_of_bounds(value) or self._unlike(value)

    def _out_of_bounds(self, value: Json) -> str | None:
        amount, what = value, "be {} {:g}"
        if isinstance(value, (str, list)):
            amount, what = len(value), "have {} {:g} " + ("characters" if isinstance(value, str) else "items")
        if self.minimum is not None and amount < self.minimum:
            return "must " + what.format("at least", self.minimum)
        if self.maximum is not None and amount > self.maximum:
            return "must " + what.format("at most", self.maximum)
        return None

    def _unlike(self, value: Json) -> str | None:
        if self.pattern is None or self.pattern.fullmatch(value):
            return None
        return f"must match {self.pattern.pattern}"

    def schema(self) -> dict[str, Json]:
        low, high = _BOUNDS.get(self.type, ("minimum", "maximum"))
        said = {
            "type": self.type,
            "description": self.description or None,
            "default": self.default,
            "enum": list(self.choices) or None,
            low: self.minimum,
            high: self.maximum,
            "pattern": f"^(?:{self.pattern.pattern})$" if self.pattern else None,
            "items": {"type": self.items} if self.items else None,
        }
        return {key: value for key, value in said.items() if value is not None}


_BOUNDS = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}
Parameters = Mapping[str, Parameter]


def schema(parameters: Parameters) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": {parameter.name: parameter.schema() for parameter in parameters.values()},
        "required": [parameter.name for parameter in parameters.values() if parameter.required],
        "additionalProperties": False,
    }


def judged(parameters: Parameters, payload: Json) -> dict[str, Json]:
    """The parameters with their defaults; null is as good as not given. Raises ParametersError."""
    given = {} if payload is None else payload
    if not isinstance(given, dict):
        raise ParametersError([("", f"must be an object with {_names(parameters)}")])
    problems = [
        (f"/{escape(name)}", f"is not a parameter; there are {_names(parameters)}")
        for name in given
        if name not in parameters
    ]
    values: dict[str, Json] = {}
    for parameter in parameters.values():
        value = _read(parameter, given.get(parameter.name))
        wrong = "is missing" if value is None and parameter.required else None
        if value is not None:
            wrong = parameter.problem(value)
            values[parameter.name] = value
        if wrong:
            problems.append((f"/{escape(parameter.name)}", wrong))
    if problems:
        raise ParametersError(problems)
    return values


def _read(parameter: Parameter, value: Json) -> Json:
    """Some clients have nothing but strings, and a reference may bring one in: then it holds the value in JSON."""
    if isinstance(value, str) and parameter.type != "string":
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return parameter.default if value is None else value


def _is(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES[kind])


def _same(value: Json, choice: Json) -> bool:
    return bool(value == choice) and isinstance(value, bool) == isinstance(choice, bool)


def _holds_zero(value: Json) -> bool:
    if isinstance(value, list):
        return any(map(_holds_zero, value))
    return isinstance(value, str) and "\0" in value


def _named(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _names(parameters: Parameters) -> str:
    return ", ".join(parameters) or "no parameters"
