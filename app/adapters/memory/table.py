"""Rows in memory that can be taken back: every change notes how it is undone. Values are never changed in place."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Journal:
    """The changes of the transaction under way, newest last."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def note(self, undo: Callable[[], object]) -> None:
        self._undo.append(undo)

    def commit(self) -> None:
        self._undo.clear()

    def roll_back(self) -> None:
        while self._undo:
            self._undo.pop()()


class Table(Generic[K, V]):
    """One value a key."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[K, V] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def __getitem__(self, key: K) -> V:
        return self._rows[key]

    def __iter__(self) -> Iterator[V]:
        return iter(list(self._rows.values()))

    def get(self, key: K) -> V | None:
        return self._rows.get(key)

    def put(self, key: K, value: V) -> None:
        if key in self._rows:
            self._journal.note(partial(self._rows.__setitem__, key, self._rows[key]))
        else:
            self._journal.note(partial(self._rows.__delitem__, key))
        self._rows[key] = value

    def drop(self, key: K) -> None:
        if key in self._rows:
            self._journal.note(partial(self._rows.__setitem__, key, self._rows.pop(key)))


class Index(Generic[K]):
    """Many entries a key, each once, in order. Entries of one index are of one kind, so that they have an order."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries: dict[K, list[Any]] = {}

    def keys(self) -> list[K]:
        return list(self._entries)

    def of(self, key: K) -> list[Any]:
        return list(self._entries.get(key, ()))

    def count(self, key: K) -> int:
        return len(self._entries.get(key, ()))

    def after(self, key: K, entry: Any, limit: int) -> list[Any]:
        """The first entries larger than this one; None is smaller than all."""
        entries = self._entries.get(key, [])
        start = 0 if entry is None else bisect_left(entries, entry)
        start += start < len(entries) and entries[start] == entry
        return entries[start : start + limit]

    def add(self, key: K, entry: Any) -> None:
        entries = self._entries.setdefault(key, [])
        at = bisect_left(entries, entry)
        if at == len(entries) or entries[at] != entry:
            entries.insert(at, entry)
            self._journal.note(partial(self._take, key, entry))

    def remove(self, key: K, entry: Any) -> None:
        if self._take(key, entry):
            self._journal.note(partial(self._give, key, entry))

    def _give(self, key: K, entry: Any) -> None:
        insort(self._entries.setdefault(key, []), entry)

    def _take(self, key: K, entry: Any) -> bool:
        entries = self._entries.get(key, [])
        at = bisect_left(entries, entry)
        if at == len(entries) or entries[at] != entry:
            return False
        del entries[at]
        if not entries:
            del self._entries[key]
        return True
