"""A store and a broker whose process can be made to die at any moment: before or after any statement, at the commit,
or between the commit and the message.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from app.adapters.memory import MemoryBroker
from app.ports.broker import Offer
from app.ports.store import Reader, Store, Writer

T = TypeVar("T")


class ProcessDied(BaseException):
    """No handler of the product may catch it, as none could catch a kill -9."""


class Fuse:
    """Burns down by one with every moment that passes, and kills the process at nought. None is no fuse."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.burnt = 0

    def moment(self) -> None:
        self.burnt += 1
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise ProcessDied
        self.left -= 1


class MortalStore:
    """Two moments for every statement of a write, before and after it, and one after the commit."""

    def __init__(self, store: Store, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    def read(self, work: Callable[[Reader], T]) -> T:
        return self._store.read(work)

    def write(self, work: Callable[[Writer], T]) -> T:
        # The proxy has every method of a writer, by __getattr__, which a type cannot say.
        outcome = self._store.write(lambda tx: work(cast(Writer, _MortalWriter(tx, self._fuse))))
        self._fuse.moment()
        return outcome

    def close(self) -> None:
        self._store.close()


class _MortalWriter:
    def __init__(self, tx: Writer, fuse: Fuse) -> None:
        self._tx = tx
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._tx, name)
        if not callable(part):
            return part

        def statement(*args: Any, **named: Any) -> Any:
            self._fuse.moment()
            answer = part(*args, **named)
            self._fuse.moment()
            return answer

        return statement


class MortalBroker(MemoryBroker):
    """One moment before each message and one after the last."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def publish(self, offers: Sequence[Offer]) -> None:
        for offer in offers:
            self._fuse.moment()
            super().publish([offer])
        self._fuse.moment()
