"""Parameters are judged before anything starts, and what is declared is what is shown as JSON Schema."""

from typing import Any

import jsonschema
import pytest

from tests.worker.executors.conftest import Declare
from worker.executors.declared.parameters import ParametersError, judged, schema

DECLARED = """
[[executor]]
name = "x"
kind = "command"
argv = ["x"]
[executor.parameters]
part = {required = true, pattern = '[a-z]+'}
size = {type = "integer", default = 64, minimum = 8, maximum = 512}
ratio = {type = "number", maximum = 1}
mode = {enum = ["fast", "fine"], default = "fast"}
dry = {type = "boolean"}
files = {type = "array", items = "string", minimum = 1, maximum = 2}
case = {type = "object"}
note = {maximum = 3}
"""
GOOD: list[dict[str, Any]] = [
    {"part": "a"},
    {"part": "abc", "size": 8, "ratio": 1, "mode": "fine", "dry": True, "files": ["a"], "case": {}, "note": "xyz"},
    {"part": "a", "size": 512, "ratio": -0.5, "files": ["a", "b"]},
]
BAD: list[tuple[Any, list[str]]] = [
    ({}, ["/part"]),
    ({"part": None}, ["/part"]),
    ({"part": "A"}, ["/part"]),
    ({"part": "a\n"}, ["/part"]),
    ({"part": 5}, ["/part"]),
    ({"part": "a", "size": 7}, ["/size"]),
    ({"part": "a", "size": 513}, ["/size"]),
    ({"part": "a", "size": 8.5}, ["/size"]),
    ({"part": "a", "size": True}, ["/size"]),
    ({"part": "a", "ratio": 1.01}, ["/ratio"]),
    ({"part": "a", "mode": "slow"}, ["/mode"]),
    ({"part": "a", "dry": 1}, ["/dry"]),
    ({"part": "a", "files": []}, ["/files"]),
    ({"part": "a", "files": ["a", "b", "c"]}, ["/files"]),
    ({"part": "a", "files": [1]}, ["/files"]),
    ({"part": "a", "case": []}, ["/case"]),
    ({"part": "a", "note": "wxyz"}, ["/note"]),
    ({"part": "a", "a/b": 1}, ["/a~1b"]),
    ({"size": 1, "nope": 1}, ["/nope", "/part", "/size"]),
    ([], [""]),
    ("text", [""]),
]


@pytest.mark.parametrize("payload", GOOD)
def test_what_is_allowed(declare: Declare, payload: dict[str, Any]) -> None:
    (declaration,) = declare(DECLARED)
    assert judged(declaration.parameters, payload) == {"size": 64, "mode": "fast", **payload}
    jsonschema.validate(payload, schema(declaration.parameters))


@pytest.mark.parametrize(("payload", "pointers"), BAD)
def test_what_is_not_is_named_with_its_place(declare: Declare, payload: Any, pointers: list[str]) -> None:
    (declaration,) = declare(DECLARED)
    with pytest.raises(ParametersError) as raised:
        judged(declaration.parameters, payload)
    assert sorted(pointer for pointer, _ in raised.value.problems) == pointers


def test_the_schema_refuses_the_same(declare: Declare) -> None:
    (declaration,) = declare(DECLARED)
    shown = schema(declaration.parameters)
    jsonschema.Draft202012Validator.check_schema(shown)
    for payload, _ in BAD:
        if payload != {"part": "a\n"}:  # a regular expression's end is before a last line feed there
            assert not jsonschema.Draft202012Validator(shown).is_valid(payload), payload


def test_a_text_that_holds_the_value_in_json_is_taken_for_it(declare: Declare) -> None:
    (declaration,) = declare(DECLARED)
    said = {
        "part": "null",
        "size": "8",
        "dry": "true",
        "files": '["a"]',
        "case": '{"a": 1}',
        "ratio": "null",
        "note": "7",
    }
    assert judged(declaration.parameters, said) == {
        "part": "null", "size": 8, "mode": "fast", "dry": True, "files": ["a"], "case": {"a": 1}, "note": "7",
    }  # fmt: skip
    with pytest.raises(ParametersError, match="/size: must be an integer"):
        judged(declaration.parameters, {"part": "a", "size": "NaN"})


def test_none_at_all_are_as_good_as_an_empty_object(declare: Declare) -> None:
    (declaration,) = declare('[[executor]]\nname = "x"\nkind = "command"\nargv = ["x"]\n')
    assert judged(declaration.parameters, None) == {}


def test_zero_bytes_are_refused(declare: Declare) -> None:
    (declaration,) = declare(DECLARED)
    with pytest.raises(ParametersError, match="/note: must not hold a zero byte"):
        judged(declaration.parameters, {"part": "a", "note": "a\0"})
    with pytest.raises(ParametersError, match="/files: must not hold a zero byte"):
        judged(declaration.parameters, {"part": "a", "files": ["\0"]})
