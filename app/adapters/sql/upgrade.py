"""Which revision of the tables has a database, may this program work with it, and how does it get there?

An upgrade without a stop has two halves. `upgrade` only expands: new tables, columns and indexes, which programs before
it do not see. `contract` later takes away what none of the programs that still run needs: the functions `contract` of
the revisions. `schema_support.oldest` is the newest revision whose `contract` has been done: programs that know that
revision can work with the tables, however much newer these are; older ones cannot.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import create_engine, event, inspect, select, update
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from app.adapters.sql.sqlite import sqlite_engine
from app.adapters.sql.tables import schema_support
from app.domain.errors import Unavailable

T = TypeVar("T")

LOCATION = "app.adapters.sql:migrations"
_LOCK = 3 << 48
_TRIES = 60
_BETWEEN_TRIES_S = 0.25
_IN_THE_WAY = frozenset({"55P03", "40P01"})
"""PostgreSQL's words for a lock that was not to be had in time, and for a deadlock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of tables. `revision` is None when there are none; `oldest` as in `schema_support`, None before that."""

    revision: str | None
    oldest: str | None = None


def upgrade(url: str) -> None:
    """Expands the tables to `head`, making them when there are none. Several processes may ask for it at once, and
    others may use them meanwhile. Tables that are newer, and that this program can work with, are left as they are.
    """

    def work(connection: Connection) -> None:
        before = _standing(connection)
        if before.revision is not None and before.revision not in _known():
            if why := unusable(before):
                raise ValueError(f"the database is {why}")
            return
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if before.revision is None:  # nobody else can be using them
            _contract(connection, _standing(connection))

    _change(url, work)


def contract(url: str, may: Callable[[Collection[str]], None] = lambda too_old: None) -> list[str]:
    """Takes away what only programs before this one need; the revisions whose rest is gone. Before anything is done
    `may` is called with the revisions of programs that cannot go on then, and raises when there are such. Raises
    ValueError for tables that are not this program's.
    """

    def work(connection: Connection) -> list[str]:
        standing = _standing(connection)
        if standing.revision != head():
            raise ValueError(f"the database is at version {standing.revision or 'empty'}, and not at {head()}")
        if due := _due(standing):
            may(_before(due[-1].revision))
        return _contract(connection, standing)

    return _change(url, work)


def standing(url: str) -> Standing:
    """Raises Unavailable when the database cannot be asked."""
    with _transaction(url, "BEGIN") as connection:
        return _standing(connection)


def current(url: str) -> str | None:
    """The database's revision; None when it has no tables of ours. Raises Unavailable when it cannot be asked."""
    return standing(url).revision


def unusable(standing: Standing) -> str | None:
    """Why this program cannot work with such tables, and what to do; None when it can."""
    known = _known()
    if standing.revision is None:
        return f"empty, and this program needs version {head()}; run `flotilla db upgrade`"
    if standing.revision == head():
        return None
    if standing.revision in known:
        return f"at version {standing.revision}, and this program needs {head()}; run `flotilla db upgrade`"
    if standing.oldest in known:
        return None
    return (
        f"at version {standing.revision}, which programs from {standing.oldest or 'a later one'} on can work with, and "
        f"this one is of {head()}; install the newer version of the program"
    )


def head() -> str:
    """The revision that this program was written for."""
    revision = _scripts().get_current_head()
    if revision is None:
        raise RuntimeError("the package app.adapters.sql.migrations has lost its versions; install the program anew")
    return revision


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _before(revision: str) -> list[str]:
    newest_first = [script.revision for script in _scripts().walk_revisions()]
    return newest_first[newest_first.index(revision) + 1 :]


def _standing(connection: Connection) -> Standing:
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None or not inspect(connection).has_table(schema_support.name):
        return Standing(revision=revision)
    return Standing(revision=revision, oldest=connection.scalar(select(schema_support.c.oldest)))


def _due(standing: Standing) -> Sequence[Script]:
    """The revisions that leave something to be taken away, oldest first."""
    newest_first = list(_scripts().walk_revisions())
    done = next((i for i, script in enumerate(newest_first) if script.revision == standing.oldest), len(newest_first))
    return [script for script in reversed(newest_first[:done]) if hasattr(script.module, "contract")]


def _contract(connection: Connection, standing: Standing) -> list[str]:
    due = _due(standing)
    with Operations.context(MigrationContext.configure(connection)):
        for script in due:
            script.module.contract()
    if due:
        connection.execute(update(schema_support).values(oldest=due[-1].revision))
    return [script.revision for script in due]


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", LOCATION)
    config.set_main_option("path_separator", "os")
    return config


def _engine(url: str, begin: str) -> Engine:
    if make_url(url).get_backend_name() == "postgresql":
        return create_engine(make_url(url).set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 3})
    engine = sqlite_engine(url, threads=1)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _change(url: str, work: Callable[[Connection], T]) -> T:
    """In one transaction, one at a time, whoever else changes tables. A table that others use is waited for briefly and
    again: everybody who comes after a waiting change waits behind it. Raises Unavailable.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            with _transaction(url, "BEGIN IMMEDIATE") as connection:
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                    connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
                return work(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY:
                raise
            if not tries_left:
                raise Unavailable("the tables are in use all the time; try when there is less to do") from error
        time.sleep(_BETWEEN_TRIES_S)
    raise AssertionError("the last try returns or raises")


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
