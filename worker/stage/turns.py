"""Who brings a content that several runs want at once? One of them; the others wait, and then find it."""

import contextlib
import threading
from collections.abc import Iterator

from worker.stage.leash import LOOK_S, Leash


class Turn:
    """The right to bring one content. Given up early, the others need not wait for what would not help them."""

    def __init__(self, busy: set[str], changed: threading.Condition, key: str) -> None:
        self._busy, self._changed, self._key = busy, changed, key
        self._mine = True

    def give_up(self) -> None:
        with self._changed:
            if self._mine:
                self._mine = False
                self._busy.discard(self._key)
                self._changed.notify_all()


class Turns:
    """One for the node; safe for threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy: set[str] = set()

    @contextlib.contextmanager
    def turn(self, key: str, leash: Leash) -> Iterator[Turn]:
        """Waits until nobody else brings what `key` names. Raises what the leash raises."""
        with self._changed:
            while key in self._busy:
                self._changed.wait(LOOK_S)
                leash.check()
            self._busy.add(key)
        turn = Turn(self._busy, self._changed, key)
        try:
            yield turn
        finally:
            turn.give_up()
