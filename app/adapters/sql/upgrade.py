"""Which revision of the tables has a database, which one does this program need, and how does it get there?"""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError

from app.adapters.sql.sqlite import sqlite_engine
from app.domain.errors import Unavailable

_LOCK = 3 << 48


def upgrade(url: str) -> None:
    """Brings the tables to `head`, making them when there are none. Several processes may ask for it at once."""
    with _transaction(url, "BEGIN IMMEDIATE") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current(url: str) -> str | None:
    """The database's revision; None when it has no tables of ours. Raises Unavailable when it cannot be asked."""
    with _transaction(url, "BEGIN") as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The revision this program needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package app.adapters.sql.migrations has lost its versions; install the program anew")
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "app.adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _engine(url: str, begin: str) -> Engine:
    if make_url(url).get_backend_name() == "postgresql":
        return create_engine(make_url(url).set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 3})
    engine = sqlite_engine(url, threads=1)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


@contextmanager
def _transaction(url: str, begin: str) -> Iterator[Connection]:
    """`begin` is for SQLite alone: whether others may write meanwhile."""
    engine = _engine(url, begin)
    try:
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise Unavailable(f"the database is away: {error.orig}") from error
        with connection, connection.begin():
            yield connection
    finally:
        engine.dispose()
