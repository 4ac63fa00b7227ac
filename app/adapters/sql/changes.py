"""Rows that were read, changed and are written back: only what changed of them, and all that changed alike at once.

A statement a row costs SQLite 15 to 20 us a row, one for many rows 4 to 6: its indexes are opened once. So rows are
written together in which the same columns have changed. What all of them have in common is said once; of the rest, a
list a column goes along. Who saves a row has locked it in this transaction; one that was not read in it (`known`) is
written whole.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, compress
from operator import attrgetter, is_not
from typing import Any, Generic, TypeVar

from sqlalchemy import ARRAY, Column, ColumnElement, Table, bindparam, cast, func, literal_column, update

from app.adapters.sql.session import Session, dump
from app.adapters.sql.statement import Kind, Statement, among

T = TypeVar("T")
Names = tuple[str, ...]
Row = tuple[Any, ...]
"""A row's key, and then what is written into its columns."""


class Columns(Generic[T]):
    """What one field is written as, where it is not as its column is: the columns' names and what goes into them."""

    def __init__(self, names: Names, of: Callable[[T], Row]) -> None:
        self.names, self.of = names, of


class Saving(Generic[T]):
    """How values of one kind are written back. `key` is both the column that a row is found by and the value's field;
    so are `plain` fields that change; `others` are fields that are not as their columns.
    """

    def __init__(self, table: Table, key: str, plain: Sequence[str], others: Mapping[str, Columns[T]]) -> None:
        self._key = attrgetter(key)
        self._values = attrgetter(*plain, *others)
        self._fields: list[tuple[str, Columns[T] | None]] = [*((name, None) for name in plain), *others.items()]
        self._all = (True,) * len(self._fields)
        self._written: dict[tuple[bool, ...], tuple[Names, Callable[[T], Row]]] = {}
        self._updates = Updates(table, key)

    def save(self, session: Session, values: Iterable[T], always: dict[str, Any] | None = None) -> None:
        """`always` is written beside what has changed, where anything has."""
        groups: dict[tuple[bool, ...], list[Row]] = defaultdict(list)
        for value in values:
            key = self._key(value)
            before = session.known.get(key)
            # By identity: what a copy did not change is the very same object in it.
            changed = self._all
            if before is not None:
                changed = tuple(map(is_not, self._values(before), self._values(value)))
            if True in changed:
                groups[changed].append((key, *self._writing(changed)[1](value)))
            session.known[key] = value
        for changed, rows in groups.items():
            self._updates.write(session, self._writing(changed)[0], rows, always)

    def _writing(self, changed: tuple[bool, ...]) -> tuple[Names, Callable[[T], Row]]:
        """Which columns are written when these fields have changed, and what is made of a value for them."""
        known = self._written.get(changed)
        if known is None:
            fields = list(compress(self._fields, changed))
            plain = [name for name, columns in fields if columns is None]
            others = [columns for _, columns in fields if columns is not None]
            names = (*plain, *(name for columns in others for name in columns.names))
            known = self._written[changed] = names, _maker(plain, [columns.of for columns in others])
        return known


def _maker(plain: Sequence[str], others: Sequence[Callable[[T], Row]]) -> Callable[[T], Row]:
    """A value's row without its key."""
    if not others:
        return _as_row(plain)
    first, *further = others
    if not plain and not further:
        return first
    of_plain = _as_row(plain) if plain else lambda _: ()

    def made(value: T) -> Row:
        row: Row = of_plain(value) + first(value)
        for of in further:
            row += of(value)
        return row

    return made


def _as_row(names: Sequence[str]) -> Callable[[Any], Row]:
    """`attrgetter` gives a lone field without a tuple around it."""
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def _alike(column: Sequence[Any]) -> bool:
    return column.count(column[0]) == len(column)


def _inexact(value: Any) -> bool:
    """SQLite's JSON would change it: a fraction perhaps in its last digit, a text at its first U+0000."""
    return type(value) is float or (type(value) is str and "\0" in value)


class Updates:
    """UPDATEs of one table by a key, each made when it is first wanted."""

    def __init__(self, table: Table, key: str) -> None:
        self._table = table
        self._key = table.c[key]
        self._made: dict[Any, Statement] = {}

    def write(self, session: Session, names: Names, rows: Sequence[Row], always: dict[str, Any] | None = None) -> None:
        """These columns of these rows, and `always` in every one of them."""
        always = always or {}
        keys, *columns = zip(*rows, strict=True)
        first = dict(zip(names, rows[0][1:], strict=True)) | always
        if len(rows) == 1:
            session.run(self._one(tuple(first)), k_key=keys[0], **first)
            return
        own = {name: column for name, column in zip(names, columns, strict=True) if not _alike(column)}
        if session.kind == "sqlite" and any(map(_inexact, chain.from_iterable(own.values()))):
            each = [{"k_key": row[0], **dict(zip(names, row[1:], strict=True)), **always} for row in rows]
            session.each(self._one(tuple(first)), each)
            return
        shared = {name: value for name, value in first.items() if name not in own}
        lists: list[Sequence[Any]] = [keys, *own.values()]
        listed: dict[str, Any] = {f"l_{at}": list(values) for at, values in enumerate(lists)}
        if session.kind == "sqlite":
            listed = {"l_0": dump(list(zip(*lists, strict=True)) if own else keys)}
        session.run(self._many(session.kind, tuple(shared), tuple(own)), **shared, **listed)

    def _one(self, names: Names) -> Statement:
        if names not in self._made:
            changed = update(self._table).where(self._key == bindparam("k_key"))
            self._made[names] = Statement(changed, sets=names)
        return self._made[names]

    def _many(self, kind: Kind, shared: Names, own: Names) -> Statement:
        """`l_0` has the keys, and `l_1` and on have a list for each of `own`; on SQLite `l_0` has these too."""
        if (kind, shared, own) not in self._made:
            sets: dict[str, Any] = {name: bindparam(name) for name in shared}
            found = among(self._key, "l_0")
            if own:
                key, *values = _rows(kind, [self._key, *(self._table.c[name] for name in own)])
                sets |= dict(zip(own, values, strict=True))
                found = key == self._key
            self._made[kind, shared, own] = Statement(update(self._table).where(found).values(sets))
        return self._made[kind, shared, own]


def _rows(kind: Kind, columns: Sequence[Column[Any]]) -> Sequence[ColumnElement[Any]]:
    """The given lists as the columns of a table beside the one that is changed."""
    if kind == "postgresql":
        lists = (cast(bindparam(f"l_{at}"), ARRAY(column.type)) for at, column in enumerate(columns))
        names = [f"own_{at}" for at in range(len(columns))]
        return list(func.unnest(*lists).table_valued(*names, name="each").render_derived().c)
    each = func.json_each(bindparam("l_0")).table_valued("value", name="each").c.value
    return [each.op("->>")(literal_column(str(at))) for at in range(len(columns))]
