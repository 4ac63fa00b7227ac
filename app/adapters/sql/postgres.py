"""PostgreSQL as the store's database: many writers that lock rows, conflicts that are run again, and a server that may
go away and come back.

A connection is tried by using it: when a transaction finds its connection dead before it has asked to commit, it runs
again on a new one. A commit whose answer was lost is reported as Unavailable and not repeated here; what the services
write may be asked for again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.adapters.sql.arrays import ListDumper
from app.adapters.sql.database import Pool
from app.adapters.sql.pipeline import Known, Pipeline
from app.adapters.sql.session import Cursor, Session
from app.domain.errors import Unavailable

T = TypeVar("T")

_TRIES = 8
# What writes are made of finds its rows by index, in the order in which it is written, and is planned once a
# connection. The planner's own choice depends on when that was: statistics of a queue say that nothing is ready if they
# were taken between two jobs, and a plan made of that reads whole tables by the time there are ten thousand.
_SETTINGS = {
    "idle_in_transaction_session_timeout": "15s",
    "plan_cache_mode": "force_generic_plan",
    "join_collapse_limit": "1",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "jit": "off",
}
# Lists are planned for what is asked, each time, and as the planner likes.
PLANNED = """SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'on', true),
    set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),
    set_config('enable_material', 'on', true), set_config('join_collapse_limit', '8', true)"""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED"
_NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_CLOCK = f"SELECT {_NOW_US}"
# Not flushed to the disk by itself: what uses the number is committed later and takes this along. Should the server
# die before that, the transaction that asked for the number has died with it.
_RESERVE = f"""
    INSERT INTO counters AS c (kind, value)
    SELECT * FROM unnest(%(kinds)s::text[], %(counts)s::bigint[]) AS wanted (kind, count) ORDER BY wanted.kind
    ON CONFLICT (kind) DO UPDATE SET value = c.value + excluded.value
    RETURNING kind, value, {_NOW_US}, set_config('synchronous_commit', 'off', true)
"""  # noqa: S608  # own words
_GONE = "the database is away"
_KNOWN = "known"


class _TextDumper(StrDumperUnknown):
    """PostgreSQL has no U+0000 in text; a line of output may."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)


def postgres_engine(url: str, pool: Pool) -> Engine:
    """Connections without transactions of their own: whoever uses one begins and ends them in words."""
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": 3,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
        },
        pool_size=pool.size,
        max_overflow=pool.extra,
        pool_timeout=pool.wait_s,
        pool_use_lifo=True,
        pool_reset_on_return=None,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: psycopg.Connection[Any], _: object) -> None:
        connection.autocommit = True
        connection.adapters.register_dumper(int, Int8Dumper)  # one type, so that a statement is prepared once
        connection.adapters.register_dumper(str, _TextDumper)
        connection.adapters.register_dumper(list, ListDumper)

    return engine


class _Lost(Exception):
    """The connection died before a commit was asked for."""


class Postgres:
    def __init__(self, url: str, pool: Pool) -> None:
        self.conflicts = 0
        self._engine = postgres_engine(url, pool)

    def read(self, work: Callable[[Session], T]) -> T:
        return self._persist((_READ, PLANNED), work)

    def write(self, work: Callable[[Session], T]) -> T:
        return self._persist((_WRITE,), work)

    def close(self) -> None:
        self._engine.dispose()

    def _persist(self, begin: Sequence[str], work: Callable[[Session], T]) -> T:
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._run(begin, work)
            except (SerializationFailure, DeadlockDetected) as conflict:
                self.conflicts += 1
                if not tries_left:
                    raise Unavailable("the database is too busy with conflicting changes") from conflict
            except _Lost as lost:
                self._engine.dispose()  # the others of the pool are of the same age
                if not tries_left:
                    raise Unavailable(_GONE) from lost
        raise AssertionError("the last try returns or raises")

    def _run(self, begin: Sequence[str], work: Callable[[Session], T]) -> T:
        connection = self._connect()
        committing = False
        try:
            with _pipeline(connection) as pipeline:
                for statement in begin:
                    pipeline.execute(statement)
                outcome = work(Session(pipeline, "postgresql", _clock, self._reserve, pipeline.copy, pipeline.ask))
                committing = True
                pipeline.execute("COMMIT")
        except (SerializationFailure, DeadlockDetected):
            _give_back(connection)
            raise
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not _give_back(connection) and not committing:
                raise _Lost from error
            raise Unavailable(f"{_GONE}: {error}") from error
        except BaseException:
            _give_back(connection)
            raise
        connection.close()
        return outcome

    def _connect(self) -> Any:
        try:
            return self._engine.raw_connection()
        except (psycopg.Error, DBAPIError) as error:
            raise Unavailable(f"{_GONE}: {error}") from error
        except PoolTimeout as error:
            raise Unavailable(
                "every connection to the database is in use; FLOTILLA_DATABASE_POOL says how many there are"
            ) from error

    def _reserve(self, _: Cursor, counts: Mapping[str, int]) -> tuple[dict[str, int], int]:
        """In a transaction of its own, so that nobody waits for the one that asked. And how late it is."""
        connection = self._connect()
        try:
            with _pipeline(connection) as pipeline:
                pipeline.execute(_RESERVE, {"kinds": list(counts), "counts": list(counts.values())})
                rows = pipeline.fetchall()
        except BaseException:
            connection.invalidate()
            raise
        connection.close()
        return {kind: last - counts[kind] + 1 for kind, last, *_ in rows}, max(row[2] for row in rows)


@contextmanager
def _pipeline(connection: Any) -> Iterator[Pipeline]:
    """What is told in it is done when it ends well, and else undone."""
    driver: psycopg.Connection[Any] = connection.driver_connection
    pipeline = Pipeline(driver, connection.info.get(_KNOWN) or connection.info.setdefault(_KNOWN, Known(driver)))
    try:
        yield pipeline
        pipeline.end()
    except BaseException:
        with suppress(psycopg.OperationalError):
            pipeline.abandon()
        raise


def _give_back(connection: Any) -> bool:
    """To the pool; False, and it is thrown away, when it is dead or still at something."""
    driver: psycopg.Connection[Any] = connection.driver_connection
    if driver.closed or driver.info.transaction_status != TransactionStatus.IDLE:
        connection.invalidate()
        return False
    connection.close()
    return True


def _clock(cursor: Cursor) -> int:
    cursor.execute(_CLOCK)
    now_us: int = cursor.fetchone()[0]
    return now_us
