"""The tables that the migrations make are those that the statements are written for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

import app.adapters.sql
from app.adapters import sql
from app.adapters.sql.tables import METADATA
from app.adapters.sql.upgrade import _config, _transaction
from app.ports.people import User
from tests.conformance.test_store_crowds import together

ASKED: dict[str, Callable[[Connection], Any]] = {
    "sqlite": lambda connection: connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%' AND name NOT LIKE 'sqlite_%'")
    ),
    "postgresql": lambda connection: connection.execute(
        text(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' "
            "UNION ALL SELECT table_name || '.' || column_name, ordinal_position || ' ' || data_type || ' ' || "
            "is_nullable || ' ' || coalesce(column_default, '') || ' ' || coalesce(collation_name, '') "
            "FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
        )
    ),
}


def tables_of(url: str) -> dict[str, str]:
    """As the database itself describes them, blanks and quotes aside."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [(row[0], row[1]) for row in ASKED[connection.dialect.name](connection)]
    engine.dispose()
    return {name: "".join(str(definition).replace('"', "").split()) for name, definition in rows}


def test_the_migrated_tables_are_those_of_the_metadata(database_url: str) -> None:
    sql.upgrade(database_url)
    migrated = tables_of(database_url)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
    engine.dispose()
    assert tables_of(database_url) == migrated
    assert len(migrated) > len(METADATA.tables)


def test_the_revision_is_known_before_and_after(database_url: str) -> None:
    assert sql.current(database_url) is None
    sql.upgrade(database_url)
    assert sql.current(database_url) == sql.head()
    sql.upgrade(database_url)
    assert sql.current(database_url) == sql.head()


def test_a_writer_does_not_keep_the_revision_from_being_read(database_url: str) -> None:
    sql.upgrade(database_url)
    store = sql.open_store(database_url, threads=1)
    assert store.write(lambda tx: (tx.reserve("job", 1), sql.current(database_url)))[1] == sql.head()
    store.close()


def test_many_may_upgrade_at_once(database_url: str) -> None:
    together(4, lambda _: sql.upgrade(database_url))
    assert sql.current(database_url) == sql.head()


def test_an_upgrade_that_fails_leaves_the_tables_as_they_were(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE tokens (x INTEGER)"))  # in the way of the first revision
    before = tables_of(database_url)
    with pytest.raises(Exception, match="tokens"):
        sql.upgrade(database_url)
    assert tables_of(database_url) == before
    assert sql.current(database_url) is None
    engine.dispose()


def test_the_history_has_one_line() -> None:
    folder = Path(app.adapters.sql.__file__).parent / "migrations"
    history = ScriptDirectory(str(folder))
    assert history.get_heads() == [sql.head()]
    assert len(list(history.walk_revisions())) == len(list((folder / "versions").glob("[0-9]*.py")))


def test_rows_of_the_first_version_are_kept(database_url: str) -> None:
    with _transaction(database_url, "BEGIN IMMEDIATE") as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO users VALUES ('u', 'o', 'ann', 'member', 5, NULL)"))
        connection.execute(text("INSERT INTO secrets VALUES ('o', 'KEY', 'k.x', 5, 6, 'ann')"))
    sql.upgrade(database_url)
    store = sql.open_store(database_url, threads=1)
    users, secrets = store.read(lambda tx: (tx.users("o"), tx.secrets("o")))
    store.close()
    assert users == [User(id="u", org_id="o", name="ann", role="member", created_at_us=5)]
    assert [(one.name, one.sealed, one.used_at_us) for one in secrets] == [("KEY", "k.x", None)]
