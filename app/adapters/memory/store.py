"""The store in memory: for simulations, and the model that the databases are held against.

One transaction at a time, reads too. A write that raises leaves nothing behind but the numbers that it was given.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from app.adapters.memory.reader import MemoryReader
from app.adapters.memory.state import State
from app.adapters.memory.writer import MemoryWriter
from app.ports.store import Reader, Writer

T = TypeVar("T")


class MemoryStore:
    """`clock` is the database's clock, in microseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._state = State()
        self._turn = threading.Lock()

    def read(self, work: Callable[[Reader], T]) -> T:
        with self._turn:
            return work(MemoryReader(self._state, self._clock()))

    def write(self, work: Callable[[Writer], T]) -> T:
        with self._turn:
            try:
                outcome = work(MemoryWriter(self._state, self._clock()))
            except BaseException:
                self._state.journal.roll_back()
                raise
            self._state.journal.commit()
            return outcome

    def close(self) -> None:
        """Nothing is held open."""
