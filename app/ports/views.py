"""Saved views: somebody's filters of the list of jobs, under a name. Part of `store.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """`owner` is a user's id, or that of a token that is nobody's. `filters` are named as those of `GET /v1/jobs`."""

    id: str
    org_id: str
    owner: str
    name: str
    filters: Mapping[str, str]
    created_at_us: int


class ViewReads(Protocol):
    def saved_views(self, org_id: str, owner: str) -> list[SavedView]:
        """By name."""


class ViewWrites(Protocol):
    def save_view(self, view: SavedView) -> None:
        """Insert, or replace what has its organization, owner and name."""

    def delete_view(self, org_id: str, owner: str, view_id: str) -> bool:
        """False when there is none."""
