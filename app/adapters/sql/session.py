"""One transaction on a database's cursor: statements in, rows out. It knows no table and no value of the domain."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Protocol

import orjson

from app.adapters.sql.statement import Insert, Kind, Statement

Row = tuple[Any, ...]  # a row as the driver gives it; what is in it is known where it is read

_COPY_FROM = 200
"""Rows from which PostgreSQL's COPY is quicker than an INSERT each."""

_AT_ONCE = 32
"""Rows in one INSERT of SQLite, which costs a quarter less than one each; always as many, so that the text is one."""


class Cursor(Protocol):
    def execute(self, text: Any, values: Any = ..., /) -> Any: ...
    def executemany(self, text: Any, rows: Any, /) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Session:
    """`copy` writes many rows at once, where the database has a way of its own for that; `ask` asks and does not
    wait, where that is possible. `known` has what was read of rows that may be saved
    again, by their keys (`changes.py`).
    """

    def __init__(
        self,
        cursor: Cursor,
        kind: Kind,
        clock: Callable[[Cursor], int],
        reserve: Callable[[Cursor, Mapping[str, int]], tuple[dict[str, int], int]],
        copy: Callable[[str, Iterable[Row]], None] | None = None,
        ask: Callable[[str, Mapping[str, Any]], Callable[[], list[Row]]] | None = None,
    ) -> None:
        self.kind: Kind = kind
        self.known: dict[Any, Any] = {}
        self._copy = copy
        self._ask = ask
        self._cursor = cursor
        self._clock = clock
        self._reserve = reserve
        self._now_us: int | None = None

    @property
    def now_us(self) -> int:
        if self._now_us is None:
            self._now_us = self._clock(self._cursor)
        return self._now_us

    def not_before(self, now_us: int) -> None:
        """It is as late as this: the database said so while it was asked for something else."""
        if now_us > (self._now_us or 0):
            self._now_us = now_us

    def reserve(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The first of so many new numbers of each kind. Who is told the time with them need not ask for it."""
        first, now_us = self._reserve(self._cursor, counts)
        if self._now_us is None:
            self._now_us = now_us
        return first

    def listed(self, values: Collection[Any]) -> Any:
        """A list as one parameter, for `among`."""
        return orjson.dumps(list(values)).decode() if self.kind == "sqlite" else list(values)

    def rows(self, statement: Statement, /, **values: Any) -> list[Row]:
        self._cursor.execute(statement.text(self.kind), values)
        return self._cursor.fetchall()

    def row(self, statement: Statement, /, **values: Any) -> Row | None:
        self._cursor.execute(statement.text(self.kind), values)
        found: Row | None = self._cursor.fetchone()
        return found

    def ask(self, statement: Statement, /, **values: Any) -> Callable[[], list[Row]]:
        """The rows when they are called for: on PostgreSQL what is asked before that takes one round trip together."""
        if self._ask is None:
            rows = self.rows(statement, **values)
            return lambda: rows
        return self._ask(statement.text(self.kind), values)

    def run(self, statement: Statement, /, **values: Any) -> None:
        """Nothing is waited for: PostgreSQL is told together with the next question."""
        self._cursor.execute(statement.text(self.kind), values)

    def each(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        """The statement for every row, in their order."""
        if len(rows) == 1:
            self._cursor.execute(statement.text(self.kind), rows[0])
        elif rows:
            self._cursor.executemany(statement.text(self.kind), rows)

    def insert(self, into: Insert, rows: Iterable[Row], count: int) -> None:
        """`rows` may be made while they are written; `count` is how many they are."""
        if not count:
            return
        if self._copy and into.plain and count >= _COPY_FROM:
            self._copy(f"COPY {into.table} ({into.names}) FROM STDIN", rows)
            return
        if self.kind == "postgresql" and count > 1 and into.of_lists:
            self._cursor.execute(into.of_lists, [list(column) for column in zip(*rows, strict=True)])
            return
        if self.kind == "sqlite" and count >= _AT_ONCE:
            rows = iter(rows)
            for _ in range(count // _AT_ONCE):
                values = tuple(chain.from_iterable(islice(rows, _AT_ONCE)))
                self._cursor.execute(into.text(self.kind, _AT_ONCE), values)
        self._cursor.executemany(into.text(self.kind), rows)


def dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def dump_or_none(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def load_or_none(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
