"""Two conditions that the databases word differently: a label of a job, and a text found in another."""

from typing import Any

from sqlalchemy import ColumnElement, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class _HasLabel(ColumnElement[bool]):
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], label: str, value: str) -> None:
        self.column = column
        self.key_name = label
        self.value_name = value


class _HoldsText(ColumnElement[bool]):
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], text: str) -> None:
        self.column = column
        self.text = text


def has_label(column: ColumnElement[Any], label: str, value: str) -> ColumnElement[bool]:
    """The JSON object in the column has this value under this key; both are names of parameters."""
    return _HasLabel(column, label, value)


def holds_text(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """The column's text has that of the parameter in it somewhere."""
    return _HoldsText(column, text)


@compiles(_HasLabel, "sqlite")
def _has_label_sqlite(this: _HasLabel, compiler: SQLCompiler, **options: Any) -> str:
    column, label, value = _processed(compiler, options, this.column, this.key_name, this.value_name)
    return f"EXISTS (SELECT 1 FROM json_each({column}) AS l WHERE l.key = {label} AND l.value = {value})"  # noqa: S608  # own names


@compiles(_HasLabel, "postgresql")
def _has_label_postgresql(this: _HasLabel, compiler: SQLCompiler, **options: Any) -> str:
    column, label, value = _processed(compiler, options, this.column, this.key_name, this.value_name)
    return f"(CAST({column} AS json) ->> {label}) = {value}"


@compiles(_HoldsText, "sqlite")
def _holds_text_sqlite(this: _HoldsText, compiler: SQLCompiler, **options: Any) -> str:
    column, text = _processed(compiler, options, this.column, this.text)
    return f"instr({column}, {text}) > 0"


@compiles(_HoldsText, "postgresql")
def _holds_text_postgresql(this: _HoldsText, compiler: SQLCompiler, **options: Any) -> str:
    column, text = _processed(compiler, options, this.column, this.text)
    return f"strpos({column}, {text}) > 0"


def _processed(
    compiler: SQLCompiler, options: dict[str, Any], column: ColumnElement[Any], *names: str
) -> tuple[str, ...]:
    texts = (compiler.process(bindparam(name, type_=String()), **options) for name in names)
    return (compiler.process(column, **options), *texts)
