"""A text that fits a pattern, and the member of a JSON array: worded differently by each database.

In a pattern all is meant literally but `%`; what else LIKE would read as more than itself is escaped by `like_text`.
"""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

_SPECIAL = re.compile(r"[\\%_]")


class _Fits(ColumnElement[bool]):
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], pattern: str) -> None:
        self.column = column
        self.pattern = pattern


class _Member(ColumnElement[str]):
    inherit_cache = False
    type = String()

    def __init__(self, column: ColumnElement[Any], index: int) -> None:
        self.column = column
        self.index = index


def fits(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """The text fits the pattern of the parameter so named, whatever the case of either."""
    return _Fits(column, pattern)


def member(column: ColumnElement[Any], index: int) -> ColumnElement[str]:
    """The text at this place of the JSON array that the column holds as text."""
    return _Member(column, index)


def like_text(pieces: Sequence[str]) -> str:
    """The pattern for texts that begin with the first piece, end with the last, and have the others between them."""
    return "%".join(_SPECIAL.sub(r"\\\g<0>", piece) for piece in pieces)


@compiles(_Fits, "sqlite")
def _fits_sqlite(this: _Fits, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = _processed(compiler, options, this)
    return f"casefold({column}) LIKE casefold({pattern}) ESCAPE '\\'"


@compiles(_Fits, "postgresql")
def _fits_postgresql(this: _Fits, compiler: SQLCompiler, **options: Any) -> str:
    """By the database's own locale: our columns' collation knows the letters of ASCII only."""
    column, pattern = _processed(compiler, options, this)
    return f'lower({column} COLLATE "default") LIKE lower(CAST({pattern} AS TEXT) COLLATE "default") ESCAPE \'\\\''


@compiles(_Member, "sqlite")
def _member_sqlite(this: _Member, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(this.column, **options)} ->> {this.index})"


@compiles(_Member, "postgresql")
def _member_postgresql(this: _Member, compiler: SQLCompiler, **options: Any) -> str:
    return f"(CAST({compiler.process(this.column, **options)} AS json) ->> {this.index})"


def _processed(compiler: SQLCompiler, options: dict[str, Any], this: _Fits) -> tuple[str, str]:
    pattern = compiler.process(bindparam(this.pattern, type_=String()), **options)
    return compiler.process(this.column, **options), pattern
