"""What the store tells of a map's values in bulk. Part of `store.py`; a million of them must not be a million rows."""

from dataclasses import dataclass
from typing import Protocol

from app.domain.map import Map
from app.ports.records import Page, ValueView
from app.wire.states import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """So many of the values from `number * size` on, `size` of them, are in this state."""

    number: int
    state: TaskState
    count: int


class StripReads(Protocol):
    def cells(self, a_map: Map, size: int) -> list[Cell]:
        """Of its values that are open, failed or were canceled, by number, then state. Of the others that have been
        opened all succeeded.
        """

    def failed_values(self, a_map: Map, page: Page) -> list[ValueView]:
        """In order; the key is (index,)."""
