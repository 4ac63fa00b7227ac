"""How does a statement become text, once for each database? Statements are SQLAlchemy expressions at module level; what
runs is their compiled text on the driver's own cursor, because the text never changes: a list is one parameter
(`among`), so that the drivers keep every statement prepared. Measured on SQLite: 8 us a statement against 20 us.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    ClauseElement,
    ColumnElement,
    Select,
    String,
    Table,
    bindparam,
    func,
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

    def text(self, kind: Kind) -> str:
        places = ", ".join(_PLACES[kind] for _ in self.columns)
        return f"INSERT INTO {self.table} ({self.names}) VALUES ({places}){self._tail}"  # noqa: S608  # own names

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


def is_one_of(column: ColumnElement[Any], *values: str) -> ColumnElement[bool]:
    """Written out and not as parameters, so that the planner can prove that a partial index holds the rows."""
    texts = [literal_column(f"'{value}'", String) for value in values]
    return column == texts[0] if len(texts) == 1 else column.in_(texts)


def leaps(column: ColumnElement[Any], condition: ColumnElement[bool]) -> Select[Any]:
    """The distinct values of an indexed column in order, an index lookup each, however many rows have each value."""
    first = select(func.min(column).label("value")).where(condition)
    walk = first.cte("walk", recursive=True)
    following = select(func.min(column)).where(condition, column > walk.c.value).correlate(walk).scalar_subquery()
    walk = walk.union_all(select(following).select_from(walk).where(walk.c.value.is_not(None)))
    return select(walk.c.value).where(walk.c.value.is_not(None))
