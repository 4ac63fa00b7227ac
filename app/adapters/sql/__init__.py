"""The store on SQLite or PostgreSQL. Everything that knows SQL is in this package, and nothing else is."""

from sqlalchemy.engine import make_url

from app.adapters.sql.database import Database, Pool
from app.adapters.sql.sqlite import Sqlite
from app.adapters.sql.store import SqlStore
from app.adapters.sql.upgrade import Standing, contract, current, head, standing, unusable, upgrade

__all__ = [
    "Pool",
    "SqlStore",
    "Standing",
    "contract",
    "current",
    "head",
    "open_store",
    "standing",
    "unusable",
    "upgrade",
]


def open_store(url: str, *, threads: int, pool: Pool | None = None) -> SqlStore:
    """Does not connect yet; `threads` is how many will use it at once, and a server's `pool` is for as many if it is
    not given. The tables are those of `upgrade`.
    """
    backend = make_url(url).get_backend_name()
    database: Database
    if backend == "sqlite":
        database = Sqlite(url, threads)
    elif backend == "postgresql":
        database = _postgres(url, pool or Pool(size=threads + 4))
    else:
        raise ValueError(f"no store for {backend!r}; the URL begins with sqlite:// or postgresql://")
    return SqlStore(database)


def _postgres(url: str, pool: Pool) -> Database:
    """The driver is an extra; who has SQLite only does without it."""
    try:
        from app.adapters.sql.postgres import Postgres
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"a PostgreSQL database needs the extra: pip install 'flotilla[postgres]' ({missing})"
        ) from None
    return Postgres(url, pool)
