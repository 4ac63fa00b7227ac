"""Statements over the client library itself: what they say, when they fail, and what a connection knows afterwards."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import DivisionByZero, UniqueViolation
from psycopg.pq import TransactionStatus

from app.adapters.sql import pipeline as pipelines
from app.adapters.sql.pipeline import Known, Pipeline
from tests.servers import PostgresServer

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(postgres_server: PostgresServer) -> Iterator[Connection]:
    with postgres_server.database() as name, postgres_server.connect(name) as connection:
        connection.execute("CREATE TABLE t (k bigint PRIMARY KEY, text text)")
        yield connection


@pytest.fixture
def known(connection: Connection) -> Known:
    return Known(connection)


def stored(connection: Connection) -> list[Any]:
    return [row[0] for row in connection.execute("SELECT k FROM t ORDER BY k")]


def test_values_go_by_name_or_in_order(connection: Connection, known: Known) -> None:
    pipeline = Pipeline(connection, known)
    pipeline.execute("SELECT %(a)s::text, %(b)s::bigint, %(a)s::text, 7 %% 4", {"b": 2, "a": "x", "unused": None})
    assert pipeline.fetchall() == [("x", 2, "x", 3)]
    pipeline.execute("SELECT %s::text, %s::bigint[], %s::boolean", [None, [1, None], True])
    assert pipeline.fetchone() == (None, [1, None], True)
    pipeline.execute("SELECT 1 WHERE false")
    assert pipeline.fetchone() is None
    pipeline.end()
    assert connection.info.transaction_status == TransactionStatus.IDLE


def test_an_answer_is_that_of_the_last_statement(connection: Connection, known: Known) -> None:
    pipeline = Pipeline(connection, known)
    pipeline.execute("BEGIN")
    pipeline.executemany("INSERT INTO t VALUES (%s, %s) RETURNING k", [(each, "x") for each in range(5)])
    pipeline.execute("SELECT count(*) FROM t")
    assert pipeline.fetchall() == [(5,)]
    pipeline.execute("COMMIT")
    pipeline.end()
    assert stored(connection) == list(range(5))


def test_what_was_refused_unasked_is_raised_with_the_next_answer_and_undone(
    connection: Connection, known: Known
) -> None:
    pipeline = Pipeline(connection, known)
    pipeline.execute("BEGIN")
    pipeline.execute("INSERT INTO t VALUES (1, 'one')")
    pipeline.execute("INSERT INTO t VALUES (1, 'again')")
    pipeline.execute("SELECT text FROM t")
    with pytest.raises(UniqueViolation):
        pipeline.fetchall()
    pipeline.abandon()
    assert stored(connection) == []
    again = Pipeline(connection, known)  # with what was prepared before the refusal, and what was not
    again.execute("INSERT INTO t VALUES (1, 'one')")
    again.execute("SELECT text FROM t")
    assert again.fetchall() == [("one",)]
    again.end()


def test_what_is_refused_last_is_raised_by_the_end(connection: Connection, known: Known) -> None:
    pipeline = Pipeline(connection, known)
    pipeline.execute("BEGIN")
    pipeline.execute("INSERT INTO t VALUES (%s, 'x')", [1])
    pipeline.execute("SELECT 1 / %s::bigint", [0])
    pipeline.execute("COMMIT")
    with pytest.raises(DivisionByZero):
        pipeline.end()
    pipeline.abandon()
    assert connection.info.transaction_status == TransactionStatus.IDLE
    assert stored(connection) == []


def test_what_is_abandoned_before_it_was_sent_is_undone(connection: Connection, known: Known) -> None:
    pipeline = Pipeline(connection, known)
    pipeline.execute("BEGIN")
    pipeline.execute("INSERT INTO t VALUES (1, 'one')")
    pipeline.abandon()
    assert stored(connection) == []


def test_the_oldest_statement_makes_room(connection: Connection, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines, "_KEPT", 3)
    pipeline = Pipeline(connection, known)
    for turn in range(2):
        for number in range(5):
            pipeline.execute(f"SELECT {number} + %s::bigint", [turn])
            assert pipeline.fetchall() == [(number + turn,)]
    pipeline.end()
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 's%'").fetchone() == (3,)


def test_long_answers_that_nobody_reads_hold_nothing_up(connection: Connection, known: Known) -> None:
    """More than fits into the buffers of both sides."""
    pipeline = Pipeline(connection, known)
    pipeline.executemany("SELECT %s::text", [["x" * 100_000]] * 200)
    pipeline.execute("SELECT 1")
    assert pipeline.fetchall() == [(1,)]
    pipeline.end()


def test_rows_are_copied_amid_a_transaction(connection: Connection, known: Known) -> None:
    pipeline = Pipeline(connection, known)
    pipeline.execute("BEGIN")
    pipeline.execute("INSERT INTO t VALUES (1, 'one')")
    pipeline.copy("COPY t (k, text) FROM STDIN", [(2, "two"), (3, None)])
    pipeline.execute("SELECT count(*) FROM t")
    assert pipeline.fetchall() == [(3,)]
    pipeline.abandon()
    assert stored(connection) == []


def test_a_connection_that_dies_is_said(connection: Connection, known: Known, postgres_server: PostgresServer) -> None:
    pipeline = Pipeline(connection, known)
    pipeline.execute("BEGIN")
    with postgres_server.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    pipeline.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        pipeline.fetchall()
    with pytest.raises(psycopg.OperationalError):
        pipeline.abandon()
