"""Which values is a map over? What is known at submit is checked there; the rest when the map is opened.

    [1, 2, 3], "[1, 2, 3]"                          known at submit
    "${{ job.parameters.frames }}"                  known at submit
    "${{ needs.list.outputs.params.frames }}"       known when `list` has ended
    "https://...", "flotilla:<asset id>"            a JSON array, or JSON Lines: fetched by the engine (`fetching.py`)

However they come, they are kept in chunks of some hundred.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.domain import limits, references
from app.domain.errors import Invalid, Problem
from app.domain.references import MARK, Reference, Unresolved
from app.domain.task import Task, TaskSpec
from app.ports.records import ValueChunk
from app.ports.store import Reader
from app.services.lookups import Lookup, lookup_for

SCHEMES: Final = ("https://", "http://", "flotilla:")
_CHUNK_VALUES: Final = 256
_CHUNK_BYTES: Final = 64 << 10
_FORMS: Final = "a JSON array, a string that holds one, a URI of one or of JSON Lines, or a reference"


class BadValues(Exception):
    """These can be no map's values; the message is for the map's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    total: int
    chunks: tuple[ValueChunk, ...]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """They are yet to be fetched from this URI; and taken out of what is there by this key, where it is not empty."""

    uri: str
    key: str = ""


class Packer:
    """Takes values one by one and puts them in chunks, each soon read whatever its values are."""

    def __init__(self) -> None:
        self.count = 0
        self._texts: list[bytes] = []
        self._bytes = 0
        self._full: list[ValueChunk] = []

    def add(self, value: Any) -> None:
        """Raises BadValues when there are too many, or this is no value of a map."""
        if self.count == limits.MAX_MAP_VALUES:
            raise BadValues(f"the values are more than {limits.MAX_MAP_VALUES}, which is the most for one map")
        try:
            text = orjson.dumps(value)
        except TypeError as wrong:
            raise BadValues(f"value {self.count} cannot be kept: {wrong}") from None
        if len(text) > limits.MAX_PAYLOAD_BYTES:
            raise BadValues(
                f"value {self.count} has {len(text)} bytes of JSON; at most {limits.MAX_PAYLOAD_BYTES} are allowed"
            )
        self._texts.append(text)
        self._bytes += len(text)
        self.count += 1
        if len(self._texts) == _CHUNK_VALUES or self._bytes >= _CHUNK_BYTES:
            self._close()

    def take(self) -> list[ValueChunk]:
        """The chunks that are full, once."""
        full, self._full = self._full, []
        return full

    def finish(self) -> list[ValueChunk]:
        """Those and the last."""
        self._close()
        return self.take()

    def _close(self) -> None:
        if self._texts:
            text = (b"[" + b",".join(self._texts) + b"]").decode()
            self._full.append(ValueChunk(first=self.count - len(self._texts), count=len(self._texts), text=text))
            self._texts, self._bytes = [], 0


def pack(values: Iterable[Any]) -> Values:
    packer = Packer()
    for value in values:
        packer.add(value)
    return Values(total=packer.count, chunks=tuple(packer.finish()))


def known(tasks: Sequence[TaskSpec], parameters: Mapping[str, Any]) -> dict[int, Values]:
    """The values of those maps whose values are known at submit, by position. Raises Invalid."""
    found: dict[int, Values] = {}
    problems: list[Problem] = []
    for position, task in enumerate(tasks):
        if task.type != "map":
            continue
        try:
            values = _known(task.values, parameters)
        except BadValues as wrong:
            problems.append(Problem(f"/tasks/{position}/values/source", str(wrong)))
        else:
            found |= {position: values} if isinstance(values, Values) else {}
    if problems:
        raise Invalid(problems[: limits.MAX_PROBLEMS], total=len(problems))
    return found


def _known(source: Any, parameters: Mapping[str, Any]) -> Values | Elsewhere | None:
    if isinstance(source, str) and MARK in source:
        named = references.find(source)
        if any(reference.task is not None for reference in named):
            return None
        source = references.resolve(source, lambda reference: references.value_of(dict(parameters), reference))
    return read(source)


def read(source: Any) -> Values | Elsewhere:
    """A source without references. Raises BadValues."""
    if isinstance(source, list):
        return pack(source)
    if isinstance(source, dict) and isinstance(source.get("uri"), str):  # a stored file, brought in by reference
        source = source["uri"]
    if not isinstance(source, str):
        raise BadValues(f"the source is {_kind(source)}; it must be {_FORMS}")
    if source.startswith(SCHEMES):
        return Elsewhere(source)
    if not source.lstrip().startswith("["):
        raise BadValues(f"the source begins with {source[:20]!r}; it must be {_FORMS}")
    try:
        return pack(json.loads(source))
    except (ValueError, RecursionError) as wrong:
        raise BadValues(f"the source is no JSON array: {wrong}") from None


def resolve(tx: Reader, task: Task, source: Any) -> Values | Elsewhere:
    """Of a map whose needs have ended. Raises BadValues."""
    if not (isinstance(source, str) and MARK in source):
        return read(source)
    wanted = references.find(source)
    lookup = lookup_for(tx, task.job_seq, task.job_id, wanted)
    if stored := _stored(source, wanted, lookup):
        return stored
    try:
        resolved = references.resolve(source, lookup)
    except Unresolved as wrong:
        raise BadValues(str(wrong)) from None
    return read(resolved)


def _stored(source: str, wanted: set[Reference], lookup: Lookup) -> Elsewhere | None:
    """When all of the source is one reference to a result that was so large that it was stored as a file."""
    for reference in wanted if source.count(MARK) == 1 and source.strip().endswith("}}") else ():
        need = lookup.results.get(reference.task or "")
        stored = need.result.get("asset") if need and isinstance(need.result, dict) and len(need.result) == 1 else None
        if isinstance(stored, dict) and isinstance(stored.get("uri"), str) and not reference.of_files:
            return Elsewhere(stored["uri"], reference.key)
    return None


def _kind(source: Any) -> str:
    names = {dict: "an object", bool: "true or false", int: "a number", float: "a number"}
    return "null" if source is None else names.get(type(source), "something else")
