"""How is a table of a TOML file read so that all that is wrong with it is said at once: key, problem, what may be?"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
_KINDS = {str: "a string", int: "an integer", bool: "true or false", list: "an array", dict: "a table"}
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class DeclarationError(ValueError):
    """One line for each problem: file, key, what is wrong and what is allowed."""


@dataclass(slots=True)
class Problems:
    """Of one file."""

    file: str
    lines: list[str] = field(default_factory=list)

    def add(self, place: str, text: str) -> None:
        self.lines.append(f"{self.file}: {place}: {text}" if place else f"{self.file}: {text}")


class Table:
    """One table. Each key is taken once; what has not been taken in the end is none that is allowed."""

    def __init__(self, source: Mapping[str, Any], place: str, problems: Problems) -> None:
        self._source = dict(source)
        self._taken: list[str] = []
        self._problems = problems
        self.place = place

    def wrong(self, key: str, text: str) -> None:
        self._problems.add(f"{self.place}.{key}" if self.place else key, text)

    def has(self, key: str) -> bool:
        return key in self._source

    def take(self, key: str, kind: type[T], default: T, *, needed: bool = False) -> T:
        """`default` also when it is not of this kind, which is a problem then."""
        self._taken.append(key)
        value = self._source.get(key)
        if value is None:
            if needed:
                self.wrong(key, f"is missing; it must be {_KINDS[kind]}")
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.wrong(key, f"must be {_KINDS[kind]}")
            return default
        return value

    def any(self, key: str) -> Any:
        self._taken.append(key)
        return self._source.get(key)

    def strings(self, key: str) -> tuple[str, ...]:
        value = self.take(key, list, [])
        if not all(isinstance(item, str) and item for item in value):
            self.wrong(key, "must hold nothing but strings that are not empty")
            return ()
        return tuple(value)

    def read(self, key: str, value: Any, reader: Callable[[Any], T]) -> T | None:
        """What `reader` makes of it; a ValueError of it is a problem."""
        try:
            return reader(value)
        except ValueError as problem:
            self.wrong(key, str(problem))
            return None

    def table(self, key: str) -> "Table":
        return Table(self.take(key, dict, {}), f"{self.place}.{key}" if self.place else key, self._problems)

    def tables(self, key: str) -> list["Table"]:
        """Those below this one, by their names, which are taken."""
        inner = self.table(key)
        return [inner.table(name) for name in inner._source]

    @property
    def name(self) -> str:
        return self.place.rpartition(".")[2]

    def items(self) -> Mapping[str, Any]:
        self._taken += self._source
        return self._source

    def end(self) -> None:
        for key in self._source:
            if key not in self._taken:
                self.wrong(key, f"is no key of this table; allowed are {', '.join(self._taken)}")
