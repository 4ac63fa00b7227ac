"""What seals secrets, with a key that is not in the store."""

from typing import Protocol


class Unreadable(Exception):
    """What is sealed was changed, belongs elsewhere, or the key that it was sealed with is not here."""


class Vault(Protocol):
    """`place` is what the value belongs to: sealed for one place, it opens for no other one."""

    def seal(self, value: str, place: str) -> str: ...
    def open(self, sealed: str, place: str) -> str:
        """Raises Unreadable."""

    def current(self, sealed: str) -> bool:
        """Whether it was sealed with the key that is now the first one."""
