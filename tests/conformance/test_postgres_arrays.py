"""Lists reach PostgreSQL as they are."""

from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.sql.arrays import ListDumper
from app.wire.states import TaskState
from tests.servers import PostgresServer

WHOLE = st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1)
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
LISTS = st.one_of(
    st.tuples(st.just("bigint"), st.lists(st.none() | WHOLE)),
    st.tuples(st.just("float8"), st.lists(st.none() | st.floats(allow_nan=False))),
    st.tuples(st.just("boolean"), st.lists(st.none() | st.booleans())),
    st.tuples(st.just("text"), st.lists(st.none() | TEXT | st.sampled_from(["NULL", "null", "", '"', "\\", "{,}"]))),
)


@pytest.fixture(scope="module")
def asked(postgres_server: PostgresServer) -> Any:
    with postgres_server.connect() as connection:
        connection.adapters.register_dumper(list, ListDumper)
        yield connection


def sent(asked: psycopg.Connection, kind: str, values: list[Any]) -> Any:
    row = asked.execute(f"SELECT %s::{kind}[]", [values]).fetchone()
    assert row is not None
    return row[0]


@settings(max_examples=300, deadline=None)
@given(LISTS)
def test_a_list_comes_back_as_it_was(asked: psycopg.Connection, sample: tuple[str, list[Any]]) -> None:
    kind, values = sample
    assert sent(asked, kind, values) == values


def test_what_postgresql_has_no_form_for(asked: psycopg.Connection) -> None:
    assert sent(asked, "text", ["a\0b", TaskState.READY]) == ["a\ufffdb", "ready"]
    with pytest.raises(TypeError, match="no parameter"):
        sent(asked, "text", [b"bytes"])
