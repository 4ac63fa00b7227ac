"""How does a statement become text, once for each database? Statements are SQLAlchemy expressions at module level; what
runs is their compiled text on the driver's own cursor, because the text never changes: a list is one parameter
(`among`), so that the drivers keep every statement prepared. Measured on SQLite: 8 us a statement against 20 us.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    ClauseElement,
    Column,
    ColumnElement,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Kind = Literal["sqlite", "postgresql"]

ONE: ColumnElement[Any] = literal_column("1")


class _SqliteCompiler(SQLiteCompiler):
    def limit_clause(self, select: Any, **options: Any) -> str:
        """SQLAlchemy's own always has an OFFSET, as a parameter without a name where none is wanted."""
        limit = f" LIMIT {self.process(select._limit_clause, **options)}"
        if select._offset_clause is None:
            return limit
        return f"{limit} OFFSET {self.process(select._offset_clause, **options)}"


class _SqliteDialect(SQLiteDialect):
    statement_compiler = _SqliteCompiler
    supports_statement_cache = False


_DIALECTS: dict[Kind, Callable[[], Dialect]] = {
    "sqlite": lambda: _SqliteDialect(paramstyle="named"),
    "postgresql": PGDialect_psycopg,
}
_PLACES: dict[Kind, str] = {"sqlite": "?", "postgresql": "%s"}


class Statement:
    """An expression whose parameters are given by name. `sets` names the columns of an UPDATE without values."""

    def __init__(self, clause: ClauseElement, sets: Sequence[str] | None = None) -> None:
        self._clause = clause
        self._sets = sets
        self._texts: dict[Kind, str] = {}

    def text(self, kind: Kind) -> str:
        text = self._texts.get(kind)
        if text is None:
            compiled = self._clause.compile(dialect=_DIALECTS[kind](), column_keys=self._sets)
            assert isinstance(compiled, SQLCompiler)  # noqa: S101  # for the type only
            if not all(parameter.required for parameter in compiled.binds.values()):
                raise ValueError(f"a value is written into a statement; give it a name or write it out: {compiled}")
            text = self._texts[kind] = str(compiled)
        return text


class Insert:
    """Rows as tuples in the order of the table's columns; `unless_there` passes over rows whose key is taken."""

    def __init__(self, table: Table, *, without: str = "", unless_there: bool = False) -> None:
        self.table = table.name
        self.columns = [column.name for column in table.columns if column.name != without]
        self._tail = " ON CONFLICT DO NOTHING" if unless_there else ""
        self.plain = not unless_there
        kinds = [column.type for column in table.columns if column.name != without]
        self._kinds = [] if any(isinstance(kind, LargeBinary) for kind in kinds) else kinds
        self._texts: dict[tuple[Kind, int], str] = {}

    def text(self, kind: Kind, rows: int = 1) -> str:
        text = self._texts.get((kind, rows))
        if text is None:
            row = f"({', '.join(_PLACES[kind] for _ in self.columns)})"
            values = ", ".join([row] * rows)
            text = f"INSERT INTO {self.table} ({self.names}) VALUES {values}{self._tail}"  # noqa: S608  # own names
            self._texts[kind, rows] = text
        return text

    @cached_property
    def of_lists(self) -> str | None:
        """PostgreSQL's for many rows, with a list for each column; None where a column is of bytes."""
        dialect = _DIALECTS["postgresql"]()
        # Without the collation, which is of a column and not of a value.
        kinds = (kind.compile(dialect).partition(" COLLATE")[0] for kind in self._kinds)
        lists = ", ".join(f"%s::{kind}[]" for kind in kinds)
        text = f"INSERT INTO {self.table} ({self.names}) SELECT * FROM unnest({lists}){self._tail}"  # noqa: S608  # own names
        return text if lists else None

    @property
    def names(self) -> str:
        return ", ".join(f'"{name}"' for name in self.columns)


class _Among(ColumnElement[bool]):
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.name = name


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The column is one of the list given as parameter `name`, made with `Session.listed`."""
    return _Among(column, name)


@compiles(_Among, "sqlite")
def _among_sqlite(this: _Among, compiler: SQLCompiler, **options: Any) -> str:
    given = compiler.process(bindparam(this.name, type_=String()), **options)
    return f"{compiler.process(this.column, **options)} IN (SELECT value FROM json_each({given}))"  # noqa: S608  # own names


@compiles(_Among, "postgresql")
def _among_postgresql(this: _Among, compiler: SQLCompiler, **options: Any) -> str:
    given = compiler.process(bindparam(this.name, type_=ARRAY(this.column.type)), **options)
    return f"{compiler.process(this.column, **options)} = ANY({given})"


class _FoundBy(ColumnElement[bool]):
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], keys: Select[Any]) -> None:
        self.column = column
        self.keys = keys.scalar_subquery()


def found_by(column: ColumnElement[Any], keys: Select[Any]) -> ColumnElement[bool]:
    """The column, a key, is one of those that a query gives. Of a join PostgreSQL may begin at the wrong side, where it
    is wrong about how many there are.
    """
    return _FoundBy(column, keys)


@compiles(_FoundBy, "sqlite")
def _found_by_sqlite(this: _FoundBy, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(this.column, **options)} IN {compiler.process(this.keys, **options)}"


@compiles(_FoundBy, "postgresql")
def _found_by_postgresql(this: _FoundBy, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(this.column, **options)} = ANY(ARRAY{compiler.process(this.keys, **options)})"


class _Now(ColumnElement[int]):
    inherit_cache = False


def now_us() -> ColumnElement[int]:
    """The database's clock when a row is read; 0 on SQLite, whose writers never wait within a transaction."""
    return _Now()


@compiles(_Now, "sqlite")
def _now_sqlite(this: _Now, compiler: SQLCompiler, **options: Any) -> str:
    return "0"


@compiles(_Now, "postgresql")
def _now_postgresql(this: _Now, compiler: SQLCompiler, **options: Any) -> str:
    return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def is_one_of(column: ColumnElement[Any], *values: str) -> ColumnElement[bool]:
    """Written out and not as parameters, so that the planner can prove that a partial index holds the rows."""
    texts = [literal_column(f"'{value}'", String) for value in values]
    return column == texts[0] if len(texts) == 1 else column.in_(texts)


def still(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """What is checked of rows that are found by their key. PostgreSQL begins with those that have the value, looking
    through all, while it believes that there are none; of an expression it believes nothing. Twice, since an index of
    revision 0008 that is there until `contract` has it once in its words.
    """
    nothing: ColumnElement[str] = literal_column("''", String)
    return column.concat(nothing).concat(nothing) == literal_column(f"'{value}'")


def holds(column: Column[bool]) -> ColumnElement[Any]:
    """The column is true, in the very words of a partial index on it: SQLite would not prove it from `removed = 1`."""
    return literal_column(f"{column.table.name}.{column.name}")


def leaps(column: ColumnElement[Any], condition: ColumnElement[bool]) -> Select[Any]:
    """The distinct values of an indexed column in order, an index lookup each, however many rows have each value."""
    # Not min(): PostgreSQL reads all of a small index for that, and keeps to it when the index has grown.
    ordered = select(column).where(condition).order_by(column).limit(ONE)
    walk = select(ordered.scalar_subquery().label("value")).cte("walk", recursive=True)
    following = ordered.where(column > walk.c.value).correlate(walk).scalar_subquery()
    walk = walk.union_all(select(following).select_from(walk).where(walk.c.value.is_not(None)))
    return select(walk.c.value).where(walk.c.value.is_not(None))
