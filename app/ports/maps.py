"""The store's promises about maps: how far each is, what its values are, and the tasks of those values. Part of
`store.py`. A value's task is in no list of tasks and found by none of its map's id, name and place; what is asked by
number (`lock_tasks`, `save_tasks`), by state or by route has it like any other.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from app.domain.map import Map
from app.domain.task import Task
from app.ports.records import Page, ValueChunk, ValueView
from app.wire.states import TaskState


class MapReads(Protocol):
    def maps(self, seqs: Collection[int]) -> Mapping[int, Map]:
        """Those tasks that are maps, by their numbers."""

    def map_source(self, map_seq: int) -> Any:
        """Where the values come from, as submitted; None where they were submitted themselves."""

    def map_values(self, map_seq: int, indexes: Collection[int]) -> Mapping[int, Any]:
        """The values themselves, those that are known."""

    def value_results(self, a_map: Map) -> list[Any]:
        """The results of all its values in order, None where a value has not succeeded."""

    def live_counts(self, a_map: Map) -> Mapping[TaskState, int]:
        """How many of its open values are in each state."""

    def live_values(self, a_map: Map, state: TaskState, limit: int) -> list[Task]:
        """The first of its open values that are in this state."""

    def values(self, map_seq: int, page: Page) -> list[ValueView]:
        """Values that have been opened once, in order; the key is (index,)."""

    def lagging_maps(self, limit: int) -> list[Map]:
        """Those with open values that are closing, or have more to open; by number, not locked."""

    def task_seqs(self, job_seq: int) -> list[int]:
        """The numbers of the job's tasks, without values, in order of submission."""


class MapWrites(Protocol):
    def insert_maps(self, maps: Sequence[Map], sources: Mapping[int, Any]) -> None:
        """Beside the tasks that they are, which are inserted as all are. `sources` by number, where there is one."""

    def lock_maps(self, seqs: Collection[int]) -> list[Map]:
        """Those that exist, locked, by number. After their tasks, and the tasks of their values before those."""

    def save_maps(self, maps: Sequence[Map]) -> None: ...
    def put_values(self, map_seq: int, chunks: Sequence[ValueChunk]) -> None: ...
    def clear_values(self, map_seq: int) -> None: ...
    def insert_values(self, tasks: Sequence[Task]) -> None:
        """Tasks of values, which have no specs of their own."""

    def lock_values(self, map_seq: int, first: int, below: int, limit: int, *, unsuccessful: bool) -> list[Task]:
        """The first values with an index from `first` on and below `below` that have a task, locked, in order;
        `unsuccessful`: without those that succeeded.
        """

    def lock_due_map(self) -> Map | None:
        """The one whose values were first due to be fetched by now, locked; one that others hold is passed over."""
