"""SQLite as the store's database: one writer at a time, readers beside it that neither wait nor are waited for.

A commit is on the disk when it returns (WAL with synchronous=FULL). Writers of this process queue up at a lock, so that
only those of other processes meet SQLite's own waiting, which sleeps. The host's clock is the database's clock.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.pool import PoolProxiedConnection

from app.adapters.sql.session import Cursor, Session
from app.domain.errors import Unavailable

T = TypeVar("T")

_PATIENCE_S = 15
_SETTINGS = (
    f"PRAGMA busy_timeout = {_PATIENCE_S * 1000}",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA wal_autocheckpoint = 8000",  # pages; what changes often is copied back less often
)
_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_RESERVE = """
    INSERT INTO counters (kind, value) VALUES (:kind, :floor + :count)
    ON CONFLICT (kind) DO UPDATE SET value = max(value, :floor) + :count RETURNING value
"""


def sqlite_engine(url: str, threads: int) -> Engine:
    """Connections without transactions of their own: whoever uses one begins and ends them in words."""
    if not make_url(url).database or make_url(url).database == ":memory:":
        raise ValueError("the database must be a file: sqlite:////absolute/path; app.adapters.memory keeps none")
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "isolation_level": None, "cached_statements": 512},
        pool_size=threads + 2,
        max_overflow=-1,
        pool_use_lifo=True,
        pool_reset_on_return=None,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        connection.create_function("casefold", 1, str.casefold, deterministic=True)
        with closing(connection.cursor()) as cursor:
            for setting in _SETTINGS:
                cursor.execute(setting)
            _write_ahead(cursor)

    return engine


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """The mode stays with the file. When several open a new file at once, those that come second are refused without
    the waiting that all else has.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


class Sqlite:
    def __init__(self, url: str, threads: int) -> None:
        self.conflicts = 0
        self._engine = sqlite_engine(url, threads)
        self._turn = threading.Lock()
        self._writer: PoolProxiedConnection | None = None  # of whoever has the turn
        self._floors: dict[str, int] = {}

    def read(self, work: Callable[[Session], T]) -> T:
        with _translated(), closing(self._engine.raw_connection()) as connection:
            return self._run(connection, "BEGIN", work)

    def write(self, work: Callable[[Session], T]) -> T:
        if not self._turn.acquire(timeout=_PATIENCE_S):
            raise Unavailable("the database has been busy for too long")
        try:
            with _translated():
                if self._writer is None:
                    self._writer = self._engine.raw_connection()
                return self._run(self._writer, "BEGIN IMMEDIATE", work)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Waits for who is writing: SQLite does not survive the end of a connection that is in use."""
        with self._turn:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._engine.dispose()

    def _run(self, connection: PoolProxiedConnection, begin: str, work: Callable[[Session], T]) -> T:
        cursor: Any = connection.cursor()  # the pool's wrapper hides the driver's type
        try:
            cursor.execute(begin)
            outcome = work(Session(cursor, "sqlite", _clock, self._reserve))
            cursor.execute("COMMIT")
        except BaseException:
            if cursor.connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise
        finally:
            cursor.close()
        return outcome

    def _reserve(self, cursor: Cursor, counts: Mapping[str, int]) -> tuple[dict[str, int], int]:
        """In the transaction itself: a number that was given to one that rolled back is not given again while this
        process lives, and was seen by nobody when it does not.
        """
        first = {}
        for kind, count in counts.items():
            cursor.execute(_RESERVE, {"kind": kind, "count": count, "floor": self._floors.get(kind, 0)})
            last: int = cursor.fetchone()[0]
            self._floors[kind] = last
            first[kind] = last - count + 1
        return first, _clock(cursor)


def _clock(_: Cursor) -> int:
    return time.time_ns() // 1000


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _AWAY:
            raise Unavailable(f"the database cannot answer now: {error}") from error
        raise
