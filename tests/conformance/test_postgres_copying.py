"""Many rows reach PostgreSQL as they are."""

from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.sql.copying import texts
from app.wire.states import TaskState
from tests.conformance.test_postgres_arrays import TEXT, WHOLE
from tests.servers import PostgresServer

ROWS = st.lists(
    st.tuples(
        st.none() | WHOLE,
        st.none() | st.floats(allow_nan=False),
        st.none() | st.booleans(),
        st.none() | TEXT | st.sampled_from(["", "\\N", "\\.", "\t", "\r\n", '"', "{,}", "null"]),
        st.none() | st.binary(max_size=20),
    ),
    min_size=1,
)


@pytest.fixture(scope="module")
def table(postgres_server: PostgresServer) -> Any:
    with postgres_server.connect() as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE copied (at serial, whole bigint, part float8, sure boolean, words text, body bytea)"
        )
        yield connection


def copied(table: psycopg.Connection, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    table.execute("TRUNCATE copied RESTART IDENTITY")
    with table.cursor() as cursor, cursor.copy("COPY copied (whole, part, sure, words, body) FROM STDIN") as copy:
        for text in texts(rows):
            copy.write(text)
    return table.execute("SELECT whole, part, sure, words, body FROM copied ORDER BY at").fetchall()


@settings(max_examples=200, deadline=None)
@given(ROWS)
def test_rows_come_back_as_they_were(table: psycopg.Connection, rows: list[tuple[Any, ...]]) -> None:
    assert copied(table, rows) == rows


def test_more_rows_than_go_at_once(table: psycopg.Connection) -> None:
    rows = [
        (number, number / 3, number % 2 == 0, f"text {number}" if number % 3 else None, b"\\") for number in range(2500)
    ]
    assert copied(table, rows) == rows


def test_what_postgresql_has_no_form_for(table: psycopg.Connection) -> None:
    assert copied(table, [(1, 1.0, True, "a\0b", None), (2, 2.0, False, TaskState.READY, b"")]) == [
        (1, 1.0, True, "a\ufffdb", None),
        (2, 2.0, False, "ready", b""),
    ]
    with pytest.raises(TypeError, match="no words"):
        copied(table, [(1, 1.0, True, "text", object())])
