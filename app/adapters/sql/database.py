"""What the store asks of a database, whichever it is: to run a function in one transaction."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from app.adapters.sql.session import Session

T = TypeVar("T")


class Database(Protocol):
    """Both raise Unavailable when the database is away. `conflicts` counts transactions that were run again."""

    conflicts: int

    def read(self, work: Callable[[Session], T]) -> T: ...
    def write(self, work: Callable[[Session], T]) -> T: ...
    def close(self) -> None: ...
