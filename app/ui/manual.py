"""An OpenAPI text as something to read: operations by subject, and what goes in and comes out as flat rows.

A schema that is known by name and was shown above already, or lies deeper than DEEPEST, is named and not opened.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = Mapping[str, Any]  # of an OpenAPI text

DEEPEST: Final = 4
_MOST_ROWS: Final = 120
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_PLACE: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A member of an object, `depth` objects down."""

    depth: int
    name: str
    kind: str
    required: bool
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: str
    about: str
    kind: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`scope` is what its caller must have: empty for none."""

    key: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    parameters: Sequence[Row]
    body_kind: str
    body: Sequence[Row]
    replies: Sequence[Reply]
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    name: str
    about: str
    operations: Sequence[Operation]


def subjects(text: Json, origin: str) -> list[Subject]:
    """In the order of the text's tags. `origin` is that of the server, for commands to copy."""
    reader = _Reader(text)
    by_tag: dict[str, list[Operation]] = {}
    for path, item in text.get("paths", {}).items():
        shared = item.get("parameters", [])
        for method in _METHODS:
            if method in item:
                operation = item[method]
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(reader.operation(method, path, operation, shared, origin))
    about = {tag["name"]: tag.get("description", "") for tag in text.get("tags", [])}
    order = [*about, *(tag for tag in by_tag if tag not in about)]
    return [Subject(name=tag, about=about.get(tag, ""), operations=by_tag[tag]) for tag in order if tag in by_tag]


class _Reader:
    def __init__(self, text: Json) -> None:
        self._text = text

    def operation(self, method: str, path: str, said: Json, shared: Sequence[Json], origin: str) -> Operation:
        security = said.get("security") or []
        body = self._found(said.get("requestBody", {}))
        media, schema = _content(body)
        return Operation(
            key=str(said.get("operationId") or f"{method}{path}"),
            method=method.upper(),
            path=path,
            summary=str(said.get("summary", "")),
            about=str(said.get("description", "")),
            scope=", ".join(security[0].get("bearer", [])) if security else "",
            parameters=[self._parameter(each) for each in (*shared, *said.get("parameters", []))],
            body_kind=f"{media}, {self._kind(schema)}" if media else "",
            body=self._rows(schema),
            replies=[self._reply(status, each) for status, each in sorted(said.get("responses", {}).items())],
            curl=_curl(method, path, origin, media),
        )

    def _parameter(self, said: Json) -> Row:
        found = self._found(said)
        return Row(
            depth=0,
            name=str(found.get("name", "")),
            kind=f"{found.get('in', '')}, {self._kind(found.get('schema', {}))}",
            required=bool(found.get("required")),
            about=str(found.get("description", "")),
        )

    def _reply(self, status: str, said: Json) -> Reply:
        found = self._found(said)
        media, schema = _content(found)
        kind = self._kind(schema) if media else ""
        is_error = status == "default" or not status.startswith("2")
        rows = [] if is_error else self._rows(schema)
        return Reply(status=status, about=str(found.get("description", "")), kind=kind, rows=rows)

    def _found(self, said: Json) -> Json:
        """What is said, or what it refers to."""
        while isinstance(reference := said.get("$ref"), str):
            found: Any = self._text
            for part in reference.removeprefix("#/").split("/"):
                found = found.get(part.replace("~1", "/").replace("~0", "~"), {})
            said = found
        return said

    def _rows(self, schema: Json) -> list[Row]:
        return [row for row, _ in zip(self._walk(schema, 0, frozenset()), range(_MOST_ROWS), strict=False)]

    def _walk(self, said: Json, depth: int, above: frozenset[str]) -> Iterator[Row]:
        name, schema = said.get("$ref", ""), self._found(said)
        if depth > DEEPEST or name in above:
            return
        above = above | {name} if name else above
        if "items" in schema:
            yield from self._walk(schema["items"], depth, above)
        for each in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
            yield from self._walk(each, depth, above)
        for member, of_member in schema.get("properties", {}).items():
            found = self._found(of_member)
            about = of_member.get("description") or found.get("description", "")
            required = member in schema.get("required", ())
            yield Row(depth=depth, name=member, kind=self._kind(of_member), required=required, about=str(about))
            yield from self._walk(of_member, depth + 1, above)

    def _kind(self, said: Json) -> str:
        if "$ref" in said:
            return str(said["$ref"]).rpartition("/")[2]
        for choice in ("oneOf", "anyOf", "allOf"):
            if said.get(choice):
                return " or ".join(dict.fromkeys(self._kind(each) for each in said[choice]))
        kinds = said.get("type", "any")
        kind = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
        if "items" in said:
            kind = f"array of {self._kind(said['items'])}"
        if said.get("enum"):
            kind = " | ".join(str(each) for each in said["enum"] if each is not None)
        return kind + "".join(f", {word} {said[key]}" for key, word in _BOUNDS.items() if key in said)


_BOUNDS: Final = {
    "format": "as",
    "minimum": "from",
    "maximum": "to",
    "minLength": "length from",
    "maxLength": "length to",
    "maxItems": "at most",
    "default": "else",
}


def _content(said: Json) -> tuple[str, Json]:
    for media, content in said.get("content", {}).items():
        return media, content.get("schema", {})
    return "", {}


def _curl(method: str, path: str, origin: str, media: str) -> str:
    verb = "" if method == "get" else f" -X {method.upper()}"
    address = _PLACE.sub(lambda match: match.group(1).upper(), path)
    body = f" \\\n  -H 'Content-Type: {media}' --data @body.json" if media else ""
    return f"curl{verb} -H \"Authorization: Bearer $FLOTILLA_TOKEN\"{body} \\\n  '{origin}{address}'"
