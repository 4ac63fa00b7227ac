"""A map of any size as a strip of at most so many cells: how many of each cell's values are in which state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.map import Map
from app.domain.task import Task
from app.ports.records import Page
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.map_list import OneValue
from app.wire.states import TASK_TERMINAL, TaskState

CELLS: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The values from `first` to `last`, and how many of them are in each state."""

    first: int
    last: int
    counts: Mapping[TaskState, int]


def strip(core: Core, who: Principal, task_id: str) -> list[Part]:
    """Empty for a map whose values are not known, and for what is no map. Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> list[Part]:
        task = query.find_task(tx, who, task_id).task
        a_map = tx.maps([task.seq]).get(task.seq)
        return _parts(tx, task, a_map) if a_map is not None and a_map.total else []

    return core.store.read(work)


def _parts(tx: Reader, task: Task, a_map: Map) -> list[Part]:
    total = a_map.total or 0
    size = -(-total // CELLS)
    counts: dict[int, dict[TaskState, int]] = {}
    for cell in tx.cells(a_map, size):
        counts.setdefault(cell.number, {})[cell.state] = cell.count
    opened = max(a_map.next, a_map.made if a_map.keep else 0)
    unopened = task.state if task.state in TASK_TERMINAL else TaskState.WAITING
    parts = []
    for number in range(-(-total // size)):
        first, last = number * size, min((number + 1) * size, total) - 1
        known = counts.get(number, {})
        well = max(0, min(opened - 1, last) - first + 1 - sum(known.values()))
        rest = last - first + 1 - well - sum(known.values())
        found = {TaskState.SUCCEEDED: well, **known}
        found[unopened] = found.get(unopened, 0) + rest
        parts.append(Part(first=first, last=last, counts={state: count for state, count in found.items() if count > 0}))
    return parts


def failed_values(core: Core, who: Principal, task_id: str, page: Page) -> Sequence[OneValue]:
    """Those of a map that failed, in order; the key is (index,). Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> list[OneValue]:
        task = query.find_task(tx, who, task_id).task
        a_map = tx.maps([task.seq]).get(task.seq)
        views = tx.failed_values(a_map, page) if a_map is not None else []
        found = {view.task.map_index or 0: view for view in views}
        known = tx.map_values(task.seq, found)
        return [
            OneValue(index=index, value=known.get(index), task=view.task, run=view.run) for index, view in found.items()
        ]

    return core.store.read(work)
