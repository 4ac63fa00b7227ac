"""How do a task's parameters get into the words of a program? By placeholders, each replaced once, in its own word.

A word is a text with placeholders `{{ parameters.NAME }}`, `{{ run.WHAT }}` or, below `each`, `{{ item }}`. What a
value holds is never split, quoted or read again: one word stays one argument whatever a task says. There is nothing
else, no expressions and no filters; two braces that open no placeholder are a mistake of who wrote the file.

    "--size={{ parameters.size }}"                            one word
    {when = "size", argv = ["--size", "{{ parameters.size }}"]}    only if `size` is given, and not false
    {each = "files", argv = ["--in", "{{ item }}"]}               once for every item of the list `files`
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.wire.codec import Json

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z]+(?:\.[A-Za-z_][A-Za-z0-9_-]*)?)\s*\}\}")
ITEM = "item"
PARAMETERS = "parameters."
RUN = ("id", "task", "job", "attempt", "version", "folder", "cpus", "memory")
"""What `{{ run.WHAT }}` can be; `memory` in MB."""
_OF_RUN = frozenset(f"run.{what}" for what in RUN)
Scope = Mapping[str, Json]
"""A value for each placeholder, by its whole name."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text with placeholders: constant and name by turns, beginning and ending with a constant."""

    parts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.parts[1::2]

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(name.removeprefix(PARAMETERS) for name in self.names if name.startswith(PARAMETERS))

    def fill(self, scope: Scope) -> str:
        return "".join(as_text(scope[part]) if index % 2 else part for index, part in enumerate(self.parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Some words, `when` a parameter is given or for `each` of its items; without either, always."""

    argv: tuple[Text, ...]
    when: str = ""
    each: str = ""

    def fill(self, scope: Scope) -> Iterator[str]:
        for inner in self._scopes(scope):
            for text in self.argv:
                yield text.fill(inner)

    def _scopes(self, scope: Scope) -> list[Scope]:
        if self.each:
            return [{**scope, ITEM: item} for item in scope.get(PARAMETERS + self.each) or ()]
        given = scope.get(PARAMETERS + self.when) if self.when else True
        if given is None or given is False:
            return []
        return [scope]


def read(value: Json) -> Text:
    """Raises ValueError that says what is wrong."""
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {json.dumps(value, default=str)}")
    if "\0" in value:
        raise ValueError("must not hold a zero byte")
    parts = tuple(_PLACEHOLDER.split(value))
    if any("{{" in constant for constant in parts[::2]):
        raise ValueError(
            f"{value!r} has two opening braces that begin no placeholder; "
            f"those are {{{{ parameters.NAME }}}} and {{{{ run.WHAT }}}} with {', '.join(RUN)}"
        )
    for name in parts[1::2]:
        if not (name.startswith(PARAMETERS) or name in _OF_RUN or name == ITEM):
            raise ValueError(f"{{{{ {name} }}}} is no placeholder; there are parameters.NAME, run.{'|'.join(RUN)}")
    return Text(parts)


def as_text(value: Json) -> str:
    """A string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fill(argv: tuple[Words, ...], scope: Scope) -> tuple[str, ...]:
    return tuple(word for words in argv for word in words.fill(scope))
