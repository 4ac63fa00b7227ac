"""How do people see a transfer go on? As the run's status text while it lasts, and as lines of its `system` stream."""

import time
from typing import Self

from worker.outcome import Journal

MIB = 1024 * 1024
PAUSE_S = 0.5
LARGE_BYTES = 16 * MIB
LONG_S = 5.0
"""Larger or longer transfers have their beginning and end in the run's log."""


class Telling:
    """One transfer: `verb` is what is done (`fetching`), `name` to what. A context: its end ends the telling."""

    def __init__(self, journal: Journal, verb: str, name: str) -> None:
        self._journal, self._what = journal, f"{verb} {name}"
        self._began = self._told = time.monotonic()
        self._size: int | None = None
        self._done = 0
        self._announced = False

    def __enter__(self) -> Self:
        self._journal.passing(self._what)
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: object, trace: object) -> None:
        took_s = time.monotonic() - self._began
        if kind is None and (self._announced or took_s >= LONG_S):
            self._line(f"{self._what}: done, {_amount(self._done)} in {took_s:.1f} s")
        self._journal.passing("")

    def begin(self, size: int | None) -> None:
        """Also when it begins again."""
        self._size, self._done = size, 0
        if size is not None and size >= LARGE_BYTES and not self._announced:
            self._announced = True
            self._line(f"{self._what}: {_amount(size)}")

    def more(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._told < PAUSE_S:
            return
        self._told = now
        share = f"{100 * self._done // self._size} %" if self._size else _amount(self._done)
        self._journal.passing(f"{self._what} {share}")

    def waits(self, reason: str) -> None:
        """It will be tried again."""
        self._journal.passing(f"{self._what}: {reason}; trying again")

    def _line(self, text: str) -> None:
        self._journal.line(time.monotonic(), "system", "info", text)


def _amount(size: int) -> str:
    return f"{size / MIB:.1f} MiB" if size >= MIB // 10 else f"{size} bytes"
