"""How is the table `parameters` of a declaration read? Each of its tables is one parameter."""

import json
import re
from typing import Any

from worker.executors.declared.parameters import TYPES, Parameter, Parameters
from worker.executors.declared.tables import Table

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_MEASURED = ("integer", "number", "string", "array")


def read_parameters(table: Table) -> Parameters:
    return {inner.name: _parameter(inner) for inner in table.tables("parameters")}


def _parameter(table: Table) -> Parameter:
    if not _NAME.fullmatch(table.name):
        table.wrong("", "a parameter's name is letters, digits, _ and -, and begins with a letter or _")
    kind = _type(table, "type", "string")
    parameter = Parameter(
        name=table.name,
        type=kind,
        required=table.take("required", bool, False),
        default=table.any("default"),
        choices=tuple(table.take("enum", list, [])),
        minimum=_number(table, "minimum"),
        maximum=_number(table, "maximum"),
        pattern=_pattern(table),
        items=_type(table, "items", ""),
        description=table.take("description", str, "")[:1000],
    )
    _agrees(table, parameter)
    table.end()
    return parameter


def _type(table: Table, key: str, default: str) -> str:
    kind = table.take(key, str, default)
    if kind in TYPES or kind == default:
        return kind
    table.wrong(key, f"must be one of {', '.join(TYPES)}")
    return default


def _number(table: Table, key: str) -> float | None:
    value = table.any(key)
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300):
        return value
    table.wrong(key, "must be a number")
    return None


def _pattern(table: Table) -> re.Pattern[str] | None:
    text = table.take("pattern", str, "")
    try:
        return re.compile(text) if text else None
    except re.error as problem:
        table.wrong("pattern", f"is no regular expression: {problem}")
        return None


def _agrees(table: Table, parameter: Parameter) -> None:
    """Whether its keys go together, and its own values are allowed by them."""
    for key, there, kinds in (
        ("minimum", parameter.minimum is not None, _MEASURED),
        ("maximum", parameter.maximum is not None, _MEASURED),
        ("pattern", parameter.pattern is not None, ("string",)),
        ("items", bool(parameter.items), ("array",)),
    ):
        if there and parameter.type not in kinds:
            table.wrong(key, f"is for the types {', '.join(kinds)} alone, and this is {parameter.type}")
            return
    if parameter.required and parameter.default is not None:
        table.wrong("default", "is of no use: the parameter is required")
    own: list[tuple[str, Any]] = [("enum", choice) for choice in parameter.choices]
    if parameter.default is not None:
        own.append(("default", parameter.default))
    for key, value in own:
        wrong = parameter.problem(value)
        if wrong:
            table.wrong(key, f"{json.dumps(value, default=str)} {wrong}")
