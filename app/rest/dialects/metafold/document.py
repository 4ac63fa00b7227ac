"""What does a YAML text say? Objects, arrays and texts; nothing in it is ever converted, named or built.

It is read event by event, so that no nesting, however deep, meets Python's or libyaml's own recursion. Aliases are
followed, as common writers of YAML make them, but what they add up to counts: a text of a few lines must not become
millions of values. `256` is the text "256"; an empty value, `~` and `null` are None.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.domain.graph import shorten

MOST_VALUES: Final = 500_000
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Value = Any  # None, a text, an array of values, or an object of texts and values


def read(text: str, pointer: str) -> Value:
    """Raises Invalid, with the line."""
    if len(text.encode()) > limits.MAX_PAYLOAD_BYTES:
        raise Invalid([Problem(pointer, f"may have at most {limits.MAX_PAYLOAD_BYTES} bytes")])
    try:
        return _Reading(pointer=pointer).value(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as wrong:
        raise Invalid([Problem(pointer, f"is not YAML: {_told(wrong)}")]) from None


@dataclass(slots=True)
class _Open:
    """An array or object that is being read. `key` is one whose value has not come."""

    value: list[Value] | dict[str, Value]
    anchor: str | None
    size: int = 1
    depth: int = 1
    key: str | None = None


@dataclass(slots=True)
class _Reading:
    pointer: str
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Value, int, int]] = field(default_factory=dict)  # (value, how many, how deep)
    documents: int = 0
    root: Value = None

    def value(self, events: Iterator[yaml.Event]) -> Value:
        for event in events:
            self._take(event)
        return self.root

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self._wrong(event, "there must be one document")
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise self._wrong(event, f"the alias {shorten(str(event.anchor))} stands for nothing that is complete")
            value, size, depth = self.anchors[event.anchor]
            self._deep_enough(event, depth)
            self._put(event, value, size, depth)
        elif isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            value = None if plain and event.value in _NOTHING and not self._awaits_key() else event.value
            self._untagged(event)
            self._name(event.anchor, value, 1, 0)
            self._put(event, value, 1, 0)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._untagged(event)
            self._deep_enough(event, 1)
            empty: list[Value] | dict[str, Value] = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            self.stack.append(_Open(empty, event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)

    def _close(self, event: yaml.Event) -> None:
        done = self.stack.pop()
        self._name(done.anchor, done.value, done.size, done.depth)
        self._put(event, done.value, done.size, done.depth)

    def _awaits_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None

    def _put(self, event: yaml.Event, value: Value, size: int, depth: int) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        top.size += size
        top.depth = max(top.depth, depth + 1)
        if top.size > MOST_VALUES:
            raise self._wrong(event, f"with its aliases followed it has more than {MOST_VALUES} values")
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            top.key = self._key(event, top.value, value)
        else:
            top.value[top.key] = value
            top.key = None

    def _key(self, event: yaml.Event, known: dict[str, Value], key: Value) -> str:
        if not isinstance(key, str):
            raise self._wrong(event, "a key must be a text")
        if key in known:
            raise self._wrong(event, f"the key {shorten(key)} is given twice in one object")
        return key

    def _name(self, anchor: str | None, value: Value, size: int, depth: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = (value, size, depth)

    def _deep_enough(self, event: yaml.Event, more: int) -> None:
        if len(self.stack) + more > limits.MAX_JSON_DEPTH:
            raise self._wrong(event, f"is nested more than {limits.MAX_JSON_DEPTH} levels deep")

    def _untagged(self, event: yaml.Event) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise self._wrong(event, f"the tag {shorten(tag)} is not read; everything is a text here")

    def _wrong(self, event: yaml.Event, detail: str) -> Invalid:
        mark = event.start_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return Invalid([Problem(self.pointer, place + detail)])


def _told(wrong: yaml.YAMLError) -> str:
    mark = getattr(wrong, "problem_mark", None) or getattr(wrong, "context_mark", None)
    problem = getattr(wrong, "problem", None) or getattr(wrong, "reason", None) or "it cannot be read"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else str(problem)
