"""What the store asks of a database, whichever it is: to run a function in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.adapters.sql.session import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Connections to a server: `size` are kept, `extra` opened when these are in use, `wait_s` is waited for one."""

    size: int
    extra: int = 4
    wait_s: float = 10


class Database(Protocol):
    """Both raise Unavailable when the database is away. `conflicts` counts transactions that were run again."""

    conflicts: int

    def read(self, work: Callable[[Session], T]) -> T: ...
    def write(self, work: Callable[[Session], T]) -> T: ...
    def close(self) -> None: ...
