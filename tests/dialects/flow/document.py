"""What the document says, read out of its text: address, parameters, statuses, fields with their types, the example."""

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.dialects.seeds import document

FILE = "autodesk-flow-compute-tasks.txt"
_FIELD = re.compile(
    r"^(?P<name>[\w\[\]]+)\*? (?P<type>string|int|object|array|array: object|enum:string|one of) \|", re.M
)
_STATUS = re.compile(r"^(\d{3}) [\w ]+ \|", re.M)
_LENGTH = re.compile(r"^(?P<field>[\w ]+?) string \|[^\n]*\nMax length: (?P<most>\d+) \|", re.M)


@dataclass(frozen=True)
class Facts:
    """`fields` are (name, type) of the answer's body, in order, with those of nested objects."""

    url: str
    headers: dict[str, str]
    path_parameters: dict[str, str]
    query: dict[str, str]
    statuses: list[int]
    fields: list[tuple[str, str]]
    longest: set[tuple[str, int]]
    most: dict[str, int]
    example_url: str
    example: dict[str, Any]


def read() -> Facts:
    text = document(FILE)
    body = _between(text, "Body Structure (200)", "Example\n")
    url = re.search(r"^Method and URI \| GET (\S+) \|$", text, re.M)
    example = re.search(r"^curl -v '([^']+)'", text, re.M)
    assert url
    assert example
    return Facts(
        url=url[1],
        headers=_names(_between(text, "Headers\n", "* Required")),
        path_parameters=_names(_between(text, "URI Parameters\n", "Request\n")),
        query=_names(_between(text, "Query String Parameters\n", "Response\n")),
        statuses=[int(status) for status in _STATUS.findall(_between(text, "Status Code Summary", "Body Structure"))],
        fields=[(found["name"], found["type"]) for found in _FIELD.finditer(body)],
        longest={(found["field"], int(found["most"])) for found in _LENGTH.finditer(body)},
        most={
            "cpu": _number(r"never exceed (\d+) vCPUs", body),
            "memory": _number(r"never exceed (\d+) MBs", body),
            "maxExecutionTimeInSeconds": _number(r"up to (\d+) seconds", body),
        },
        example_url=example[1],
        example=json.loads(_between(text, "-H 'Authorization: Bearer eyJhbGciOiJSUz...' \\\nResponse\n", "Show More")),
    )


def _between(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]


def _names(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w\[\]]+\*?) (\w+) \|", text, re.M))


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found, pattern
    return int(found[1])
