"""A copy of a SQLite database that others are using, as of one moment; and what of the stored files belongs to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from app.domain.errors import Unavailable


def snapshot(source: Path, target: Path) -> None:
    """`target` becomes one file that needs no other. Raises Unavailable."""
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=15)) as database,
            closing(sqlite3.connect(target)) as copy,
        ):
            database.backup(copy)  # in one step: one moment
            copy.execute("PRAGMA journal_mode = DELETE")
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as error:
        raise Unavailable(f"the database {source} cannot be copied: {error}") from error
    if found != "ok":
        raise Unavailable(f"the database {source} is damaged: {found}")


def blobs_of(copy: Path) -> tuple[set[str], set[str]]:
    """The keys of the files that assets have, and of those that may become one."""
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as database:
        held = {row[0] for row in database.execute("SELECT blob FROM assets")}
        loose = {row[0] for row in database.execute("SELECT blob FROM loose_blobs")}
    return held, loose
