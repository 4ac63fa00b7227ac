"""Ids and chance, as arguments: tests give their own."""

from typing import Protocol


class Chance(Protocol):
    def new_id(self, now_us: int) -> str:
        """A new UUID in text, version 7: later ones sort after earlier ones."""

    def new_ids(self, now_us: int, count: int) -> list[str]: ...

    def fraction(self) -> float:
        """In [0, 1)."""

    def secret(self) -> str:
        """256 bits in URL-safe text."""
