"""The store's secrets: sealed values by organization and name. Part of `store.py`; what opens them is `vault.py`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """`sealed` can be read with the installation's key alone, which is never in the store. `used_at_us` is when a run
    was last given it, to the minute.
    """

    org_id: str
    name: str
    sealed: str = field(repr=False)
    created_at_us: int
    changed_at_us: int
    changed_by: str
    used_at_us: int | None = None


class SecretReads(Protocol):
    def secrets(self, org_id: str) -> list[Secret]:
        """By name."""

    def sealed(self, org_id: str, names: Collection[str]) -> Mapping[str, str]:
        """What is sealed, of those names that there are."""


class SecretWrites(Protocol):
    def save_secret(self, secret: Secret) -> None:
        """Insert or replace."""

    def delete_secret(self, org_id: str, name: str) -> bool:
        """False when there is none."""

    def note_secret_uses(self, used: Collection[tuple[str, str]], before_us: int) -> None:
        """These (organization, name) are used now, unless a use at or after `before_us` is noted already."""

    def lock_secrets(self, after: tuple[str, str], limit: int) -> list[Secret]:
        """Of all organizations, those behind this (organization, name) in this order, locked."""
