"""What the document says, read out of its text: addresses, parameters, bodies, codes, fields, and examples."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.dialects.seeds import document

FILE = "threekit-jobs-tasks-runs.txt"
HOST = "https://admin.threekit.com"
_ENDPOINT = re.compile(rf"^(GET|POST|PUT) {re.escape(HOST)}(/\S+)\n(?!Query)", re.M)
_FIELD = re.compile(r"^- (\w+) - ", re.M)
_CODE = re.compile(r"^(\d{3}) \|$", re.M)
_PARAMETER = re.compile(r"^(\w+) \|\n(query|path|body) \|\n(\w+) \|\n(true|false) \|$", re.M)


@dataclass(frozen=True)
class Endpoint:
    """`fields` are those it lists, `examples` the answers it shows: first the good one, then one for each error."""

    method: str
    path: str
    codes: list[int]
    fields: list[str]
    parameters: dict[str, str]
    body: dict[str, Any]
    examples: list[Any] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def errors(self) -> dict[int, Any]:
        """By status, in the order in which the document has them."""
        return dict(zip([code for code in self.codes if code != 200], self.examples[1:], strict=True))


def read() -> dict[str, Endpoint]:
    text = document(FILE).partition("\nSchemas\n")[0]
    starts = [*_ENDPOINT.finditer(text)]
    ends = [found.start() for found in starts[1:]] + [len(text)]
    made = [_endpoint(found, text[found.end() : end]) for found, end in zip(starts, ends, strict=True) if found]
    found_ones: dict[str, Endpoint] = {}
    for one in made:
        if one.examples:  # the address is there a second time, with its query
            found_ones[one.name] = one
    return found_ones


def _endpoint(found: "re.Match[str]", text: str) -> Endpoint:
    table = text.partition("Response Codes")[2].partition("Example Implementations")[0]
    body = text.partition("Body Parameters\n")[2].partition("Response Codes")[0]
    head = text.partition("Example Implementations")[0]
    return Endpoint(
        method=found[1],
        path=found[2].partition("?")[0],
        codes=[int(code) for code in _CODE.findall(table)],
        fields=_FIELD.findall(text.partition("REST Endpoint")[0]),
        parameters={match[0]: match[1] for match in _PARAMETER.findall(head)},
        body=json.loads(body) if body else {},
        examples=_examples(text.partition("Example responses\n")[2]),
    )


def _examples(text: str) -> list[Any]:
    decoder, found, place = json.JSONDecoder(), [], 0
    while place < len(text):
        if text[place] not in "{[":
            place += 1
            continue
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    return found
